"""What a reconcile tells of itself: how long opt-outs took to arrive, and which are still under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_sync.consent.decide import Write
from consent_sync.consent.model import Location, Reading, Subject
from consent_sync.ports.runs import Tally
from consent_sync.ports.tenant import Outcome, RequestCount, Result
from consent_sync.ports.wake import Wake


@dataclass(frozen=True, slots=True)
class Arrival:
    """An opt-out that has reached all of its locations: the time of the act, how long that took, and its writes."""

    made: datetime
    took: timedelta
    writes: int


@dataclass(frozen=True, slots=True)
class Report:
    """One reconcile: for which wake and run, what it did, what it asked of the tenant, and why it failed if it did."""

    wake: Wake
    run_id: str | None
    tally: Tally
    arrivals: tuple[Arrival, ...]
    asked: RequestCount
    seconds: float
    error: Exception | None = None


type Reporting = Callable[[Report], None]


def silent(report: Report) -> None:
    """Tell nobody."""


def arrivals(results: Collection[Result], took: float) -> tuple[Arrival, ...]:
    """Give the opt-outs that were written, one for each act. `took` is how many seconds the writing took at most.

    Results carry a server time from before their writes, so together they are late by less than a second at most.
    """
    written = [r for r in results if r.outcome is Outcome.DONE and r.write.to is Reading.OUT]
    acts = Counter((r.write.whose, r.write.since) for r in written)
    end = max((r.at for r in written), default=None)
    if end is None:
        return ()
    return tuple(Arrival(at, end + timedelta(seconds=took) - at, count) for (_, at), count in acts.items())


def under_way(writes: Iterable[Write], done: Collection[Location], now: datetime) -> dict[Subject, datetime]:
    """Give since when opt-outs of `writes` wait to be written at each subject, those at `done` left out."""
    found: dict[Subject, datetime] = {}
    for write in writes:
        if write.to is Reading.OUT and write.location not in done:
            subject = write.location.subject
            found[subject] = min(write.since, found.get(subject, now), now)
    return found
