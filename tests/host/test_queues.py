"""What every queue store promises, tried on each of them."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from local.host.azure_queues import AzureQueueStore
from local.host.queues import MAX_TEXT_BYTES, MemoryQueueStore, QueueStore
from tests.host.conftest import WITH_AZURITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = 600.0


@pytest.fixture(params=["memory", "azure"] if WITH_AZURITE else ["memory"])
def connection_string(request: pytest.FixtureRequest) -> str:
    """Empty for the store in memory."""
    return request.getfixturevalue("azurite") if request.param == "azure" else ""


@pytest.fixture
def store(connection_string: str) -> Iterator[QueueStore]:
    store = AzureQueueStore(connection_string, max_pause=0.1) if connection_string else MemoryQueueStore()
    yield store
    store.close()


@pytest.fixture
def short(connection_string: str) -> float:
    """A time long enough to be noticed and short enough to wait for; Azure counts whole seconds."""
    return 1 if connection_string else 0.1


@pytest.fixture
def queue() -> str:
    return f"queue-{uuid.uuid4()}"


def receive(store: QueueStore, queue: str, count: int = 1, visibility: float = LONG, wait: float = 0) -> list[str]:
    return [message.text for message in store.receive(queue, count, visibility, wait)]


def receive_while_waiting(store: QueueStore, queue: str, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
    """Receive as somebody who would wait ten minutes, but must not have to."""
    with ThreadPoolExecutor(1) as receiver:
        waiting = receiver.submit(receive, store, queue, count=2, wait=LONG)
        meanwhile()
        try:
            return waiting.result(timeout=20)
        finally:
            if not waiting.done():
                store.close()


@pytest.mark.parametrize(
    "text", ["plain", "grüße \N{PARTY POPPER}", '{"a": "<&>"}', " spaced \n", "x" * MAX_TEXT_BYTES]
)
def test_a_text_arrives_as_it_was_sent(store: QueueStore, queue: str, text: str) -> None:
    store.send(queue, text)
    (message,) = store.receive(queue, 1, LONG, 10)
    assert (message.queue, message.text, message.dequeue_count) == (queue, text, 1)
    assert message.inserted <= message.next_visible < message.expires


def test_a_text_too_large_is_refused(store: QueueStore, queue: str) -> None:
    with pytest.raises(ValueError, match="limit"):
        store.send(queue, "ü" * (MAX_TEXT_BYTES // 2) + "x")
    assert not store.lengths().get(queue)


def test_an_empty_queue_gives_nothing(store: QueueStore, queue: str) -> None:
    assert receive(store, queue) == []


def test_receive_takes_no_more_than_asked_for(store: QueueStore, queue: str) -> None:
    for number in range(5):
        store.send(queue, str(number))
    first, second = receive(store, queue, 3), receive(store, queue, 3)
    assert (len(first), len(second)) == (3, 2)
    assert sorted(first + second) == ["0", "1", "2", "3", "4"]


def test_a_received_message_is_hidden_and_comes_back(store: QueueStore, queue: str, short: float) -> None:
    store.send(queue, "hidden")
    (message,) = store.receive(queue, 1, LONG, 0)
    assert receive(store, queue) == []
    store.delete(message)
    store.send(queue, "text")
    (first,) = store.receive(queue, 1, short, 0)
    (again,) = store.receive(queue, 1, LONG, 10)
    assert (again.id, again.text, again.dequeue_count) == (first.id, "text", 2)
    assert again.receipt != first.receipt


def test_a_deleted_message_is_gone(store: QueueStore, queue: str, short: float) -> None:
    store.send(queue, "text")
    (message,) = store.receive(queue, 1, short, 0)
    store.delete(message)
    assert receive(store, queue, wait=2 * short) == []
    assert store.lengths()[queue] == 0


def test_a_released_message_comes_back_at_once(store: QueueStore, queue: str) -> None:
    store.send(queue, "text")
    (message,) = store.receive(queue, 1, LONG, 0)
    store.release(message, 0)
    assert [m.dequeue_count for m in store.receive(queue, 1, LONG, 10)] == [2]


@pytest.mark.parametrize("how", ["sent", "released"])
def test_a_delayed_message_comes_when_its_time_has_come(store: QueueStore, queue: str, short: float, how: str) -> None:
    def put(text: str, delay: float) -> None:
        if how == "sent":
            store.send(queue, text, visibility_delay=delay)
        else:
            store.send(queue, text)
            store.release(store.receive(queue, 1, LONG, 10)[0], delay)

    put("later", LONG)
    put("soon", short)
    assert receive_while_waiting(store, queue) == ["soon"]


@pytest.mark.parametrize("act", ["delete", "release"])
def test_who_lost_a_message_to_somebody_else_can_do_it_no_harm(
    store: QueueStore, queue: str, short: float, act: str
) -> None:
    store.send(queue, "text")
    (late,) = store.receive(queue, 1, short, 0)
    (current,) = store.receive(queue, 1, LONG, 10)
    store.delete(late) if act == "delete" else store.release(late, 0)
    assert receive(store, queue) == []
    assert store.lengths()[queue] == 1
    store.delete(current)
    assert store.lengths()[queue] == 0


def test_settling_a_deleted_message_again_does_nothing(store: QueueStore, queue: str) -> None:
    store.send(queue, "text")
    (message,) = store.receive(queue, 1, LONG, 0)
    store.delete(message)
    store.delete(message)
    store.release(message, 0)
    assert receive(store, queue) == []


def test_lengths_count_hidden_messages_too(store: QueueStore, queue: str) -> None:
    store.send(queue, "taken")
    receive(store, queue)
    store.send(queue, "later", visibility_delay=LONG)
    store.send(queue, "now")
    assert store.lengths()[queue] == 3


def test_a_waiting_receiver_gets_a_message_sent_meanwhile(store: QueueStore, queue: str) -> None:
    assert receive_while_waiting(store, queue, lambda: store.send(queue, "text")) == ["text"]


def test_close_ends_a_wait(store: QueueStore, queue: str) -> None:
    with ThreadPoolExecutor(1) as receiver:
        waiting = receiver.submit(receive, store, queue, wait=LONG)
        store.close()
        assert waiting.result(timeout=10) == []
    store.send(queue, "late")
    assert receive(store, queue, wait=LONG) == []


def test_many_receivers_share_a_queue_without_a_message_twice(store: QueueStore, queue: str) -> None:
    together = threading.Barrier(4)

    def drain() -> list[str]:
        together.wait()
        got: list[str] = []
        while batch := receive(store, queue, 8):
            got += batch
        return got

    for number in range(40):
        store.send(queue, str(number))
    with ThreadPoolExecutor(4) as receivers:
        parts = [receivers.submit(drain) for _ in range(4)]
        got = [text for part in parts for text in part.result()]
    assert sorted(map(int, got)) == list(range(40))
