"""What the API shows of the service as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel

from consent_sync.consent.landscape import Mode
from consent_sync.engine.census import Census, census
from consent_sync.engine.enforcement import changes
from consent_sync.engine.passes import Passes
from consent_sync.engine.stats import BOUNDS, BUDGET, Figures, last_day, slot_of, total
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.facts import Enforcement
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.queue import WorkQueue
from consent_sync.ports.runs import RunKind, State

from .http import remedy
from .resync import RunView, view

LATEST_RUNS = 5
"""As many as fit on a screen beside the rest; each takes a read of its own."""


class Target(StrEnum):
    """Which target the oldest opt-out under way can still meet."""

    NONE = "none"
    MINUTES = "minutes"
    DAY = "24 h"
    CEILING = "48 h"
    MISSED = "missed"


TARGETS = ((900, Target.MINUTES), (86_400, Target.DAY), (172_800, Target.CEILING))
"""Seconds within which an opt-out should be everywhere."""


class Trouble(BaseModel):
    """Something that keeps the service from working, and what to do about it."""

    kind: str
    detail: str
    remedy: str


class NotHealthy(ConsentSyncError):
    """The settings or the mapping cannot be used. `GET /api/status` and the log say what is wrong."""


class HealthView(BaseModel):
    """Body of ``GET /api/health``."""

    status: Literal["ok"] = "ok"


class LateView(BaseModel):
    """Opt-outs that are known and not everywhere yet: the time of the oldest, and the target it can still meet.

    `count` is of addresses and records; there are `more` than were counted.
    """

    count: int
    more: bool
    oldest: datetime | None
    seconds: float
    target: Target


class CensusView(BaseModel):
    """Every contact point in one bucket, as far as the ledger tells without reading all of it.

    All of them were counted `at` the end of the latest full pass, `excluded` with the reason; what is parked, held and
    pending is counted now, each person there for one contact point. The rest is in step.
    """

    at: datetime
    contact_points: int
    in_step: int
    pending: int
    held: int
    parked: int
    excluded: dict[str, int]


class ArrivalsView(BaseModel):
    """Opt-outs of the last day that arrived everywhere, by the seconds that took: `within` a bound, or more (null)."""

    count: int
    mean: float | None
    within: list[BoundView]


class BoundView(BaseModel):
    """How many opt-outs took no longer than so many seconds, and longer than the bound before."""

    seconds: int | None
    count: int


class BudgetView(BaseModel):
    """Requests to Dataverse in this slot of five minutes, and in the busiest one of the last day, against the limit.

    `throttled` counts the answers of the last day that asked to wait.
    """

    requests: int
    busiest: int
    allowed: int
    throttled: int


class PurposeView(BaseModel):
    """A purpose whose opt-outs the product ignores, or whose enforcement was changed lately."""

    id: str
    name: str
    enforced: bool
    before: Enforcement | None = None
    after: Enforcement | None = None
    changed: datetime | None = None


class SweepView(BaseModel):
    """The latest sweep that was finished, and how many locations it found to contradict the decision."""

    run: str
    started: datetime
    finished: datetime
    drift: int


class StatusView(BaseModel):
    """Body of ``GET /api/status``."""

    mode: Mode
    mapping: str
    late: LateView
    census: CensusView | None
    holds: int
    oldest_hold: datetime | None
    parked: int | None
    troubles: list[Trouble]
    purposes: list[PurposeView]
    arrivals: ArrivalsView
    budget: BudgetView
    last_event: datetime | None
    last_sweep: SweepView | None
    runs: list[RunView]


def status_of(passes: Passes, queues: Mapping[str, WorkQueue] | None = None, now: datetime | None = None) -> StatusView:
    """Ask every part whether it works, and show how it stands; reads the more, the more waits, never all people."""
    ledger, now = passes.ledger, now or datetime.now(UTC)
    late, holds, slots = late_of(ledger, now), ledger.holds(), last_day(ledger, now)
    day, parked = total(slots), sum(queue.count_parked() for queue in queues.values()) if queues else None
    held = len({hold.key for hold in holds if hold.key.partition(":")[0] in {"point", "record"}})
    troubles, purposes = _landscape(passes)
    return StatusView(
        mode=passes.reconcile.mode(),
        mapping=passes.fingerprint,
        late=late,
        census=_census(census(ledger), late.count, held, parked or 0),
        holds=len(holds),
        oldest_hold=holds[0].opened if holds else None,
        parked=parked,
        troubles=troubles,
        purposes=purposes,
        arrivals=_arrivals(day),
        budget=_budget(slots, day, now),
        last_event=day.event,
        last_sweep=_last_sweep(ledger),
        runs=[view(run, ledger.parts(run.id)) for run in ledger.runs(LATEST_RUNS)],
    )


def late_of(ledger: Ledger, now: datetime) -> LateView:
    """Say what is under way, and how the oldest of it stands against the targets."""
    found = ledger.late()
    seconds = max(0.0, (now - found.oldest).total_seconds()) if found.oldest else 0.0
    target = next((target for limit, target in TARGETS if seconds <= limit), Target.MISSED)
    return LateView(
        count=found.count,
        more=found.more,
        oldest=found.oldest,
        seconds=round(seconds, 1),
        target=target if found.oldest else Target.NONE,
    )


def trouble(error: ConsentSyncError) -> Trouble:
    """Describe an error for the status."""
    return Trouble(kind=type(error).__name__, detail=str(error), remedy=remedy(error))


def _landscape(passes: Passes) -> tuple[list[Trouble], list[PurposeView]]:
    """Say whether the tenant can be read, and which of its purposes are not enforced or are enforced otherwise now."""
    try:
        landscape, names = passes.tenant.landscape(), passes.tenant.names()
    except ConsentSyncError as error:
        return [trouble(error)], []
    unenforced = {scope.id for scope in landscape.unenforced}
    changed = {change.purpose: change for change in changes(passes.ledger)}
    views = [
        PurposeView(
            id=id_,
            name=names.get(id_, ""),
            enforced=id_ not in unenforced,
            before=changed[id_].before if id_ in changed else None,
            after=changed[id_].after if id_ in changed else None,
            changed=changed[id_].seen if id_ in changed else None,
        )
        for id_ in sorted(unenforced | changed.keys())
    ]
    return [], views


def _census(counted: Census | None, late: int, held: int, parked: int) -> CensusView | None:
    """Put every contact point into one bucket: the first of parked, held, pending and in step that it fits."""
    if counted is None:
        return None
    left = counted.contact_points - sum(counted.excluded.values())
    buckets = {}
    for name, count in (("parked", parked), ("held", held), ("pending", late)):
        buckets[name] = min(count, left)
        left -= buckets[name]
    return CensusView(
        at=counted.at, contact_points=counted.contact_points, in_step=left, excluded=counted.excluded, **buckets
    )


def _arrivals(day: Figures) -> ArrivalsView:
    within = [BoundView(seconds=s, count=n) for s, n in zip((*BOUNDS, None), day.within, strict=True)]
    return ArrivalsView(
        count=day.arrived, mean=round(day.seconds / day.arrived, 1) if day.arrived else None, within=within
    )


def _budget(slots: list[Figures], day: Figures, now: datetime) -> BudgetView:
    return BudgetView(
        requests=sum(slot.requests for slot in slots if slot.at == slot_of(now)),
        busiest=max((slot.requests for slot in slots), default=0),
        allowed=BUDGET,
        throttled=day.throttled,
    )


def _last_sweep(ledger: Ledger) -> SweepView | None:
    for run in ledger.runs(LATEST_RUNS):
        shown = view(run, ledger.parts(run.id))
        if run.kind in {RunKind.SWEEP, RunKind.DRIFT} and shown.state is State.DONE and shown.finished:
            drift = sum(change.count for change in shown.planned)
            return SweepView(run=run.id, started=run.started, finished=shown.finished, drift=drift)
    return None
