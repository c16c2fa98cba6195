"""Wakes worked together: who is taken along, and what becomes of each when something fails."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from consent_sync.consent.model import Act, Channel, ContactPoint, Kind, Location, Move, Reading, RecordRef
from consent_sync.engine.bursts import Bursts, joined
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.queue import Cause, Delivery, Parked
from consent_sync.ports.wake import Wake

AT = datetime(2026, 11, 20, tzinfo=UTC)
BAD = ContactPoint(Channel.EMAIL, "bad@example.com")
ANN = RecordRef("contact", "ann")


class Refused(ConsentSyncError):
    """It does not work."""


class TooEarly(ConsentSyncError):
    """It would work later."""

    retry_after = 120.0


def point(number: int) -> ContactPoint:
    return ContactPoint(Channel.EMAIL, f"p{number}@example.com")


def delivery(wake: Wake, tries: int = 1, id_: str = "") -> Delivery:
    return Delivery(wake.to_json(), tries, id_)


@dataclass
class MemoryQueue:
    """A queue whose messages are visible until they are taken."""

    name: str = "wakes"
    visible: list[Delivery] = field(default_factory=list)
    finished: list[Delivery] = field(default_factory=list)
    returned: list[Delivery] = field(default_factory=list)
    sent: list[tuple[str, float]] = field(default_factory=list)
    given_up: list[tuple[str, Cause]] = field(default_factory=list)

    def take(self, count: int) -> list[Delivery]:
        taken, self.visible = self.visible[: min(count, 32)], self.visible[min(count, 32) :]
        return taken

    def done(self, delivery: Delivery) -> None:
        self.finished.append(delivery)

    def back(self, delivery: Delivery) -> None:
        self.returned.append(delivery)

    def send(self, text: str, delay: float = 0) -> None:
        self.sent.append((text, delay))

    def park(self, text: str, cause: Cause) -> None:
        self.given_up.append((text, cause))

    def count_parked(self) -> int:
        return len(self.given_up)

    def parked(self) -> list[Parked]:
        return []

    def replay(self, ids: Collection[str] | None = None) -> int:
        return len(ids or ())


@dataclass
class Worker:
    """Remembers what it worked, and fails as told."""

    worked: list[Wake] = field(default_factory=list)
    attempts: int = 0
    error: Exception | None = None
    last_tries: list[bool] = field(default_factory=list)

    def __call__(self, wake: Wake, *, last_try: bool = False) -> None:
        self.attempts += 1
        self.last_tries.append(last_try)
        if self.error:
            raise self.error
        if BAD in wake.points:
            raise Refused("no")
        self.worked.append(wake)


def bursts(worker: Worker, queue: MemoryQueue | None) -> Bursts:
    return Bursts(worker, queue, sleep=lambda _: None)


def waiting(count: int, tries: int = 1) -> list[Delivery]:
    return [delivery(Wake((point(n),)), tries, f"m{n}") for n in range(count)]


def test_what_waits_in_the_queue_is_worked_in_one_go() -> None:
    worker, queue = Worker(), MemoryQueue(visible=waiting(99))
    bursts(worker, queue)(delivery(Wake((point(99),))))
    (wake,) = worker.worked
    assert set(wake.points) == {point(n) for n in range(100)}
    assert len(queue.finished) == 99
    assert queue.visible == []


def test_no_more_than_a_thousand_are_worked_in_one_go() -> None:
    worker, queue = Worker(), MemoryQueue(visible=waiting(1500))
    bursts(worker, queue)(delivery(Wake((point(0),))))
    assert len(worker.worked[0].points) <= 1000
    assert len(queue.visible) == 501


def test_joining_keeps_everything_once() -> None:
    out = Act(Location(ANN, Kind.FLAG, "donotbulkemail"), Reading.OUT, AT)
    back_in = replace(out, reading=Reading.IN)
    moved = Move(ANN, point(1))
    one = Wake((point(1), point(2)), (ANN,), (out,), (moved,), rows=("r1",))
    other = Wake((point(2),), (ANN,), (out, back_in), (), rows=("r2",))
    assert joined([one, other]) == Wake((point(1), point(2)), (ANN,), (out, back_in), (moved,), rows=("r1", "r2"))


def test_one_bad_wake_does_not_sink_the_others() -> None:
    worker, queue = Worker(), MemoryQueue(visible=waiting(600))
    queue.visible.insert(300, delivery(Wake((BAD,)), id_="bad"))
    bursts(worker, queue)(delivery(Wake((point(600),))))
    assert {p for wake in worker.worked for p in wake.points} == {point(n) for n in range(601)}
    assert [d.id for d in queue.returned] == ["bad"]
    assert len(queue.finished) == 600
    assert worker.attempts < 40


def test_the_host_hears_of_the_failure_of_its_own_message_only() -> None:
    worker, queue = Worker(), MemoryQueue(visible=waiting(20))
    with pytest.raises(Refused):
        bursts(worker, queue)(delivery(Wake((BAD,))))
    assert len(queue.finished) == 20
    bursts(worker, replace(queue, visible=[delivery(Wake((BAD,)))]))(delivery(Wake((point(1),))))


def test_trouble_that_is_nobodys_fault_is_not_tried_for_each_of_a_thousand() -> None:
    worker, queue = Worker(error=Refused("the tenant is away")), MemoryQueue(visible=waiting(900))
    with pytest.raises(Refused):
        bursts(worker, queue)(delivery(Wake((point(0),))))
    assert len(queue.returned) == 900
    assert worker.attempts < 12


def test_what_failed_twice_in_company_is_tried_alone() -> None:
    worker, queue = Worker(), MemoryQueue(visible=[*waiting(4, tries=3), *waiting(4)])
    bursts(worker, queue)(delivery(Wake((point(9),))))
    assert sorted(len(wake.points) for wake in worker.worked) == [1, 1, 1, 1, 5]


def test_after_its_last_try_a_wake_is_parked_with_its_cause() -> None:
    worker, queue = Worker(), MemoryQueue(visible=[delivery(Wake((BAD,)), tries=5, id_="bad")])
    bursts(worker, queue)(delivery(Wake((point(1),))))
    ((text, cause),) = queue.given_up
    assert Wake.from_json(text).points == (BAD,)
    assert (cause.error, cause.says, cause.tries) == ("Refused", "Refused: no", 5)
    assert [d.id for d in queue.finished] == ["bad"]
    bursts(worker, queue)(delivery(Wake((BAD,)), tries=5))  # the host's own is parked too, and not delivered again
    assert len(queue.given_up) == 2


def test_the_cause_of_a_strange_error_quotes_nobody() -> None:
    worker, queue = Worker(error=KeyError("ann@example.com")), MemoryQueue()
    bursts(worker, queue)(delivery(Wake((point(1),)), tries=5))
    assert queue.given_up[0][1].says == "KeyError"


def test_what_comes_too_early_waits_as_long_as_asked_and_counts_no_try_with_opt_outs_first() -> None:
    at = Location(ANN, Kind.ROW, "purpose:p")
    opt_out, opt_in = (Wake((point(1),), acts=(Act(at, reading, AT),)) for reading in (Reading.OUT, Reading.IN))
    queue = MemoryQueue(visible=[delivery(opt_out, tries=2, id_="out"), delivery(opt_in, tries=2, id_="in")])
    bursts(Worker(error=TooEarly("in a while")), queue)(delivery(Wake((point(2),))))
    delays = {Wake.from_json(text): delay for text, delay in queue.sent}
    assert delays[opt_out] == delays[Wake((point(2),))] == 120
    assert delays[opt_in] > 120
    assert {d.id for d in queue.finished} == {"out", "in"}
    assert queue.returned == queue.given_up == []


def test_a_message_that_is_no_wake_is_parked_in_the_end_and_disturbs_nobody() -> None:
    worker, queue = Worker(), MemoryQueue(visible=[Delivery("?", 1, "one"), Delivery("?", 5, "five")])
    bursts(worker, queue)(delivery(Wake((point(1),))))
    assert [d.id for d in queue.returned] == ["one"]
    assert [(text, cause.error) for text, cause in queue.given_up] == [("?", "BadMessage")]
    assert worker.worked == [Wake((point(1),))]


def test_a_wake_that_belongs_to_a_run_is_worked_alone_and_knows_its_last_try() -> None:
    worker = Worker()
    queue = MemoryQueue(visible=[delivery(Wake((point(1),), run_id="r"), tries=5), *waiting(3)])
    bursts(worker, queue)(delivery(Wake((point(9),))))
    assert [wake.run_id for wake in worker.worked] == [None, "r"]
    assert worker.last_tries == [False, True]


def test_without_a_queue_the_threads_of_the_host_are_worked_together() -> None:
    """While one thread works, the others wait, and the next one works for all of them."""
    release, began = threading.Event(), threading.Event()
    seen: list[Wake] = []

    def work(wake: Wake, *, last_try: bool = False) -> None:
        del last_try
        seen.append(wake)
        began.set()
        release.wait(10)

    every = Bursts(work)
    with ThreadPoolExecutor(10) as host:
        first = host.submit(every, delivery(Wake((point(0),))))
        began.wait(10)
        others = [host.submit(every, delivery(Wake((point(n),)))) for n in range(1, 10)]
        while len(every._waiting) < 9:
            pass
        release.set()
        for call in (first, *others):
            call.result(10)
    assert len(seen) == 2
    assert set(seen[1].points) == {point(n) for n in range(1, 10)}


def test_without_a_queue_the_host_counts_the_tries() -> None:
    for error in (Refused("no"), TooEarly("later")):
        with pytest.raises(type(error)):
            bursts(Worker(error=error), None)(delivery(Wake((point(1),)), tries=5))
