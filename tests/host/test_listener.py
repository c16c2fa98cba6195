"""How the queue listener shares out messages, seen from the queue."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.host.errors import InvocationFailedError
from local.host.queues import MemoryQueueStore, Message
from local.host.settings import QueueOptions
from local.host.triggers import QueueListener
from tests.host.conftest import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = 600.0
OPTIONS = QueueOptions(batch_size=4, new_batch_threshold=2, max_dequeue_count=3)


@contextmanager
def listening(store: MemoryQueueStore, queue: str, invoke: Callable[[Message], object]) -> Iterator[None]:
    listener = QueueListener(store, queue, OPTIONS, invoke)
    listener.start()
    try:
        yield
    finally:
        store.close()
        listener.stop()


def test_messages_it_cannot_work_on_yet_are_left_to_others() -> None:
    store = MemoryQueueStore()
    for number in range(12):
        store.send("work", str(number))
    begun: list[Message] = []
    may_end = threading.Semaphore(0)

    def invoke(message: Message) -> None:
        begun.append(message)
        may_end.acquire(timeout=20)

    with listening(store, "work", invoke):
        wait_until(lambda: len(begun) == 4)
        for _ in range(2):
            may_end.release()
        wait_until(lambda: len(begun) == 8)
        left = store.receive("work", 32, LONG, 0)
        for _ in range(6):
            may_end.release()
    assert (len(begun), len(left)) == (8, 4)
    assert store.lengths() == {"work": 4}


def test_a_message_whose_last_try_ended_with_the_host_is_not_tried_again() -> None:
    store = MemoryQueueStore()
    store.send("work", "deadly")
    for _ in range(OPTIONS.max_dequeue_count):
        store.receive("work", 1, 0, 0)
    begun: list[Message] = []
    with listening(store, "work", begun.append):
        wait_until(lambda: store.lengths().get("work-poison") == 1)
    assert begun == []
    assert store.lengths()["work"] == 0


def test_a_message_that_fails_in_a_poison_queue_stays_there_hidden() -> None:
    store = MemoryQueueStore()
    store.send("work-poison", "bad")
    for _ in range(OPTIONS.max_dequeue_count - 1):
        store.receive("work-poison", 1, 0, 0)
    tried = threading.Event()

    def fail(_: Message) -> None:
        tried.set()
        raise InvocationFailedError("poisoned", "no good")

    with listening(store, "work-poison", fail):
        assert tried.wait(20)
    assert store.lengths() == {"work-poison": 1}


def test_what_runs_at_a_stop_is_finished_and_what_waits_is_left() -> None:
    store = MemoryQueueStore()
    for number in range(10):
        store.send("work", str(number))
    begun, may_end = threading.Event(), threading.Event()

    def invoke(_: Message) -> None:
        begun.set()
        may_end.wait(20)

    with listening(store, "work", invoke):
        assert begun.wait(20)
        threading.Timer(0.05, may_end.set).start()
    assert store.lengths() == {"work": 6}
