"""The same run, played through: workers, pages and the emulator's own limits, in virtual time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Generator
from dataclasses import dataclass
from itertools import count

from local.emulator.clock import Clock
from local.emulator.errors import DataverseError
from local.emulator.limits import Budget, Limits

from .arithmetic import Means, Work

_SPREAD = 0.3
"""How far a request's seconds are from their mean at most, as a share of it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long the run took, and how many requests were refused."""

    seconds: float
    refused: int


class _Moment(Clock):
    """A clock that stands where it was put."""

    now = 0.0

    def time(self) -> float:
        """Give the virtual time."""
        return self.now


def play(work: Work, means: Means, seed: int = 1) -> Outcome:
    """Let `means` do `work`, every worker honouring Retry-After to the second."""
    clock, chance = _Moment(), random.Random(seed)  # noqa: S311  - no secret
    limits, pages, refused = Limits(clock, Budget()), iter(range(work.pages)), 0

    def worker(number: int) -> Generator[float]:
        nonlocal refused
        user = f"user {number % means.users}"
        for _ in pages:
            for mean in work.requests:
                while True:
                    where = f"{user} on server {chance.randrange(means.servers)}"
                    try:
                        limits.enter(where)
                        break
                    except DataverseError as error:
                        refused += 1
                        yield float(error.headers["Retry-After"])
                seconds = mean * chance.uniform(1 - _SPREAD, 1 + _SPREAD)
                yield seconds
                limits.leave(where, seconds)
                yield work.travel

    order = count()
    waiting = [(0.0, next(order), worker(number)) for number in range(means.in_flight)]
    heapq.heapify(waiting)
    while waiting:
        clock.now, _, running = heapq.heappop(waiting)
        pause = next(running, None)
        if pause is not None:
            heapq.heappush(waiting, (clock.now + pause, next(order), running))
    return Outcome(clock.now, refused)
