"""The overview: how the service stands, put together from the same views that the API gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from consent_sync.consent.landscape import Mode
from consent_sync.engine.passes import Passes
from consent_sync.operate.explain.words import Words
from consent_sync.operate.holds import holds_of
from consent_sync.operate.http import Answer, Call
from consent_sync.operate.parked import NoStorage, ParkedView, parked_of
from consent_sync.operate.resync import RunView, runs_of
from consent_sync.operate.status import ArrivalsView, CensusView, PurposeView, StatusView, status_of
from consent_sync.ports.queue import WorkQueue
from consent_sync.ports.runs import RunKind, State

from .charts import HEIGHT, WIDTH, bars, line
from .headline import headline, spoken
from .render import page

SHOWN_HOLDS, DRAWN_RUNS = 20, 40
_UNITS = {"h": 3_600, "min": 60, "s": 1}


class Figure(NamedTuple):
    """A number with what it counts, and why where that needs saying."""

    says: str
    about: str
    why: str = ""


def overview(call: Call, passes: Passes, queues: Mapping[str, WorkQueue], now: datetime) -> Answer:
    """Give the overview page. Raises QueueTrouble where the queues' storage does not answer."""
    status = status_of(passes, queues, now)
    oldest = timedelta(seconds=status.late.seconds) if status.late.oldest else None
    return page(
        "overview.html",
        now,
        headline=headline(oldest, mode_writes=status.mode is not Mode.OBSERVE, troubles=len(status.troubles)),
        status=status,
        holds=holds_of(passes.ledger),
        where=Words({} if status.troubles else passes.tenant.names(), {}).place,
        parked=_parked(queues),
        shown=SHOWN_HOLDS,
        cards=list(_cards(status, now)),
        buckets=list(_buckets(status.census)) if status.census else [],
        propagation=bars(list(_counts(status.arrivals))) if status.arrivals.count else (),
        drift=line(list(_drift(runs_of(passes.ledger, DRAWN_RUNS).runs))),
        purposes=[Figure(_enforcement(purpose), purpose.name or purpose.id) for purpose in status.purposes],
        width=WIDTH,
        height=HEIGHT,
        caller=call.caller.name if call.caller else "",
        key=carried_key(call),
    )


def carried_key(call: Call) -> str:
    """Give the query that a page's own links need to be let in, where the key came in the address."""
    return f"?{urlencode({'code': call.query['code']})}" if "code" in call.query else ""


def _parked(queues: Mapping[str, WorkQueue]) -> ParkedView | None:
    try:
        return parked_of(queues)
    except NoStorage:
        return None


def _cards(status: StatusView, now: datetime) -> Iterator[Figure]:
    late = status.late
    yield Figure(f"{late.count:,}{'+' if late.more else ''}", "opt-outs under way")
    event = f"{spoken(now - status.last_event)} ago" if status.last_event else "none yet"
    yield Figure(event, "the last event")
    sweep = f"{spoken(now - status.last_sweep.finished)} ago" if status.last_sweep else "none yet"
    yield Figure(sweep, "the last sweep", f"{status.last_sweep.drift:,} drifted" if status.last_sweep else "")
    budget = status.budget
    about = f"of {budget.allowed:,} Dataverse requests used in these five minutes"
    yield Figure(
        f"{budget.requests:,}", about, f"at most {budget.busiest:,} within a day, {budget.throttled:,} refused"
    )


def _buckets(census: CensusView) -> Iterator[Figure]:
    yield Figure(f"{census.in_step:,}", "in step")
    yield Figure(f"{census.pending:,}", "pending")
    yield Figure(f"{census.held:,}", "held")
    yield Figure(f"{census.parked:,}", "parked")
    for reason, count in sorted(census.excluded.items()):
        yield Figure(f"{count:,}", "excluded", reason)


def _counts(arrivals: ArrivalsView) -> Iterator[tuple[str, int]]:
    last = ""
    for bound in arrivals.within:
        if bound.seconds is not None:
            last = _short(bound.seconds)
        yield f"{'≤' if bound.seconds is not None else '>'} {last}", bound.count


def _short(seconds: int) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS.items() if seconds >= size)
    return f"{seconds // size} {unit}"


def _drift(runs: Iterable[RunView]) -> Iterator[tuple[datetime, int]]:
    """Give what each sweep that ended found to be different from the decision, oldest first."""
    for run in sorted(runs, key=lambda run: run.started):
        if run.kind is not RunKind.RESYNC and run.state is State.DONE:
            yield run.started, sum(change.count for change in run.planned)


def _enforcement(purpose: PurposeView) -> str:
    if purpose.before and purpose.after:
        was = f"was {purpose.before.value}, is {purpose.after.value}"
        return f"{was} since {purpose.changed:%d %b %Y}" if purpose.changed else was
    return "mail is sent in spite of opt-outs: enforcement is Disabled"
