"""Wakes worked together: a burst of events costs little more than one of them.

The functions host delivers wakes one by one, to several threads at a time. Here one thread leads at a time: it works
the wakes of all that wait meanwhile, and takes further ones out of the queue as long as there are any. Joining wakes is
harmless, since all that a wake says is "look there".

A wake that cannot be worked must not sink the others: what failed together is tried in smaller groups, and what failed
before is tried alone. Where every group fails the trouble is not a wake's, and all of them come back later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from typing import Protocol
from uuid import uuid4

from consent_sync.consent.model import Reading
from consent_sync.errors import says
from consent_sync.ports.queue import Delivery, QueueTrouble, WorkQueue
from consent_sync.ports.wake import BadMessage, Wake
from consent_sync.telemetry import Event, say

from .tries import LAST_TRY, put_aside, wait_of

MOST = 1000
"""Wakes worked together: their queries still fit into one batch of Dataverse."""
GATHERING = 2.0
"""Seconds at most for taking wakes out of the queue: nobody's opt-out waits longer for those of others."""
_LINGER = 0.1
_BURST = 8
"""So many wakes at once are a burst: a moment later there may be more."""
_ALONE = 3
"""A wake that failed twice in company is tried alone."""
_GROUPS = 8
_OPT_INS_BEHIND = 15.0
"""Seconds by which opt-ins wait longer than opt-outs when Dataverse asks for a pause."""


class Work(Protocol):
    """Works one wake."""

    def __call__(self, wake: Wake, *, last_try: bool = False) -> None:
        """Raise whatever kept it from being worked."""


@dataclass(slots=True, eq=False)
class _Ticket:
    """A wake to be worked: delivered by the host, which hears of `error`, or taken out of the queue by us."""

    delivery: Delivery
    wake: Wake | None
    taken: bool
    settled: bool = False
    error: Exception | None = None


@dataclass(slots=True)
class Bursts:
    """Works the wakes of one process; safe to use from many threads. Without a `queue` only those the host delivers."""

    work: Work
    queue: WorkQueue | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _leading: threading.Lock = field(default_factory=threading.Lock)
    _waiting: deque[_Ticket] = field(default_factory=deque)

    def __call__(self, delivery: Delivery) -> None:
        """Work the wake that the host delivered, together with what else waits.

        Raises the error for which the host should deliver it again.
        """
        ticket = _Ticket(delivery, _read(delivery), taken=False)
        self._waiting.append(ticket)
        with self._leading:
            if not ticket.settled:  # nobody who led before took it along
                self._lead()
        if ticket.error:
            raise ticket.error

    def _lead(self) -> None:
        tickets = self._take_along()
        try:
            together = [t for t in tickets if t.wake and t.wake.run_id is None and t.delivery.tries < _ALONE]
            if together:
                self._settle(together, self._attempt(together))
            for ticket in tickets:
                if not ticket.settled:
                    self._settle([ticket], self._attempt([ticket]))
        finally:
            for ticket in tickets:
                if not ticket.settled:  # the process is ending: the host delivers it again
                    ticket.settled, ticket.error = True, QueueTrouble("the work was broken off")

    def _take_along(self) -> list[_Ticket]:
        """Collect the wakes of all who wait, and what the queue has, until it is empty or the time is over."""
        tickets: list[_Ticket] = []
        until, lingered = self.clock() + GATHERING, False
        while True:
            while self._waiting and len(tickets) < MOST:
                tickets.append(self._waiting.popleft())
            room = MOST - len(tickets) if self.clock() < until else 0
            taken = self.queue.take(room) if self.queue and room else []
            tickets += [_Ticket(delivery, _read(delivery), taken=True) for delivery in taken]
            if not taken and (lingered or not room or len(tickets) < _BURST):
                return tickets
            if not taken:
                self.sleep(_LINGER)
            lingered = not taken

    def _attempt(self, group: list[_Ticket]) -> Exception | None:
        """Work a group as one; gives what kept it from being worked."""
        try:
            wakes = [ticket.wake or Wake.from_json(ticket.delivery.text) for ticket in group]
            last_try = len(group) == 1 and group[0].delivery.tries >= LAST_TRY
            self.work(wakes[0] if len(wakes) == 1 else joined(wakes), last_try=last_try)
        except Exception as error:  # noqa: BLE001  - whatever it is, it becomes the outcome of each message
            kind, queue = type(error).__name__, self.queue.name if self.queue else None
            say(Event.NOT_WORKED, logging.WARNING, queue=queue, count=len(group), kind=kind, detail=says(error))
            return error
        return None

    def _settle(self, group: list[_Ticket], error: Exception | None) -> None:
        """Let go of a group that was worked; one that failed is tried in smaller groups, down to single wakes."""
        if error is None or len(group) == 1 or wait_of(error) is not None:
            self._let_go([(ticket, error) for ticket in group])
            return
        smaller = [list(few) for few in batched(group, -(-len(group) // _GROUPS), strict=False)]
        outcomes = [(few, self._attempt(few)) for few in smaller]
        if all(failed for _, failed in outcomes):
            self._let_go([(ticket, failed) for few, failed in outcomes for ticket in few])
            return
        for few, failed in outcomes:
            self._settle(few, failed)

    def _let_go(self, outcomes: list[tuple[_Ticket, Exception | None]]) -> None:
        """Tell whoever delivered each wake what became of it: several at a time, since each one is a round trip."""
        with ThreadPoolExecutor(_BURST) as pool:
            list(pool.map(self._tell, *zip(*outcomes, strict=True)))

    def _tell(self, ticket: _Ticket, error: Exception | None) -> None:
        """Make the outcome of a wake known: to the host by what its call returns, to the queue by us."""
        ticket.settled, delivery = True, ticket.delivery
        try:
            behind = _OPT_INS_BEHIND if ticket.wake and _only_opt_ins(ticket.wake) else 0.0
            finished = error is None or put_aside(self.queue, delivery, error, behind=behind)
        except QueueTrouble as trouble:
            finished, error = False, trouble
        if ticket.taken and self.queue:
            (self.queue.done if finished else self.queue.back)(delivery)
        ticket.error = None if finished else error


def joined(wakes: Iterable[Wake]) -> Wake:
    """Give one wake that names all that `wakes` name, and tells all that they tell."""
    every = list(wakes)
    return Wake(
        points=tuple(dict.fromkeys(point for wake in every for point in wake.points)),
        records=tuple(dict.fromkeys(record for wake in every for record in wake.records)),
        acts=tuple(dict.fromkeys(act for wake in every for act in wake.acts)),
        moves=tuple(dict.fromkeys(move for wake in every for move in wake.moves)),
        rows=tuple(dict.fromkeys(row for wake in every for row in wake.rows)),
        correlation=_correlation(every),
    )


def _correlation(wakes: Iterable[Wake]) -> str:
    """Give the id that follows what several wakes cause; the log says which ids it stands for."""
    ids = sorted({wake.correlation for wake in wakes if wake.correlation})
    if len(ids) < _SEVERAL:
        return "".join(ids)
    correlation = str(uuid4())
    for some in batched(ids, _IDS, strict=False):
        say(Event.JOINED, correlation=correlation, correlations=" ".join(some))
    return correlation


_SEVERAL = 2
_IDS = 200
"""So many ids fit into one line of the log (32 KB in Application Insights)."""


def _only_opt_ins(wake: Wake) -> bool:
    return bool(wake.acts) and all(act.reading is Reading.IN for act in wake.acts)


def _read(delivery: Delivery) -> Wake | None:
    """Read what was taken; what nothing here wrote fails when it is worked, and is parked in the end."""
    try:
        return Wake.from_json(delivery.text)
    except BadMessage:
        return None
