"""The arithmetic of a run over many pages, under the limits of Dataverse.

Source of the limits: Microsoft's page "Service protection API limits": for each user and web server, in five minutes,
6,000 requests, 1,200 seconds of execution and 52 requests at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

WINDOW = 300.0
REQUESTS, SECONDS, AT_ONCE = 6000, 1200.0, 52


@dataclass(frozen=True, slots=True)
class Work:
    """A run of so many pages: `requests` of a page, one after the other, each with its seconds on the server.

    `travel` is what a round trip takes besides, ledger and our own work included.
    """

    pages: int
    requests: tuple[float, ...]
    travel: float

    @property
    def page_seconds(self) -> float:
        """How long a page takes when nobody is in its way."""
        return sum(self.requests) + self.travel * len(self.requests)


@dataclass(frozen=True, slots=True)
class Means:
    """What works on it: pages in flight, application users, and web servers of the environment."""

    in_flight: int
    users: int = 1
    servers: int = 1

    @property
    def budgets(self) -> int:
        """The limits count for each user on each server."""
        return self.users * self.servers


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that a run takes at least by each bound; the largest of them is about what it takes."""

    flight: float
    requests: float
    execution: float

    @property
    def seconds(self) -> float:
        """What the run takes."""
        return max(self.flight, self.requests, self.execution)

    @property
    def bound(self) -> str:
        """What keeps it from being faster."""
        named = {self.flight: "pages in flight", self.requests: "requests", self.execution: "execution time"}
        return named[self.seconds]


def times(work: Work, means: Means) -> Times:
    """Give the bounds. A budget may be spent as fast as the pages fly, and is back when its window is over.

    What is under way when the execution time is spent is still finished, and comes on top of it.
    """
    in_flight = min(means.in_flight, AT_ONCE * means.budgets)
    flight = ceil(work.pages / in_flight) * work.page_seconds

    def over_windows(budgets_spent: float) -> float:
        waits = ceil(budgets_spent) - 1
        return waits * WINDOW + (budgets_spent - waits) * flight / budgets_spent if waits > 0 else 0.0

    requests = work.pages * len(work.requests) / (REQUESTS * means.budgets)
    allowed = SECONDS * means.budgets + in_flight * max(work.requests)
    execution = work.pages * sum(work.requests) / allowed
    return Times(flight, over_windows(requests), over_windows(execution))
