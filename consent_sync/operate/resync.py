"""The resync request and what the API shows of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from consent_sync.consent.landscape import Mode
from consent_sync.engine.progress import progress_of
from consent_sync.engine.scopes import Scope
from consent_sync.mapping.schema import MappingFile
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Part, Run, RunKind, State, state_of, total
from consent_sync.ports.wake import Wake

from .body import ONE_OF_THEM, CannotProcess, PointChoice, RecordChoice, Strict, absent, exactly_one, read_body
from .http import NotFound


class ScopeChoice(Strict):
    """What to look at: exactly one of these."""

    model_config = ConfigDict(json_schema_extra=ONE_OF_THEM)

    all: Literal[True] | None = absent()
    contact_point: PointChoice | None = absent()
    record: RecordChoice | None = absent()
    brand: str | None = absent()
    list: UUID | None = absent()
    since: AwareDatetime | None = absent()

    @model_validator(mode="after")
    def _one(self) -> ScopeChoice:
        exactly_one(self)
        return self


class ResyncRequest(Strict):
    """Body of ``POST /api/resync``."""

    scope: ScopeChoice
    dry_run: bool = False
    reason: Annotated[str, Field(max_length=200)] = ""


SHOWN_RUNS = 20
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Nothing in Dataverse is older: times before 1900 cannot be filtered for in every column (page "DateTime columns")."""


class PlannedChange(BaseModel):
    """How many writes one rule asks for at one kind of location."""

    brand: str
    rule: str
    change: str
    count: int


class RunView(BaseModel):
    """Body of ``GET /api/resync/{id}``: how a run stands, in numbers; it names nobody.

    `tracked` are the tables of which change tracking told what changed, `deleted` the deletions that it told of.
    """

    id: str
    kind: RunKind
    state: State
    mode: Mode
    dry_run: bool
    scope: str
    reason: str
    read: int
    decided: int
    written: int
    skipped: int
    held: int
    failed: int
    requests: int
    rows: int
    deleted: int
    tracked: list[str]
    expected: int | None
    per_second: float | None
    seconds_left: int | None
    planned: list[PlannedChange]
    problem: str | None
    started: datetime
    finished: datetime | None


class RunsView(BaseModel):
    """Body of ``GET /api/runs``: the latest runs, newest first."""

    runs: list[RunView]


def run_of(ledger: Ledger, run_id: str) -> RunView:
    """Give how a run stands. Raises NotFound."""
    run = ledger.run(run_id)
    if run is None:
        raise NotFound("no such run")
    return view(run, ledger.parts(run.id))


def runs_of(ledger: Ledger, limit: int = SHOWN_RUNS) -> RunsView:
    """Give the latest runs, newest first."""
    return RunsView(runs=[view(run, ledger.parts(run.id)) for run in ledger.runs(limit)])


def read_request(body: bytes, mapping: MappingFile) -> tuple[ResyncRequest, Scope]:
    """Read the body of a resync request. Raises BadRequestBody, which quotes nothing of it."""
    request = read_body(ResyncRequest, body)
    return request, _scope(request.scope, mapping)


def _scope(choice: ScopeChoice, mapping: MappingFile) -> Scope:
    if choice.contact_point:
        if not hasattr(mapping.contact_points, choice.contact_point.channel):
            raise CannotProcess("scope.contact_point.channel: the mapping has no contact points of this channel")
        return Scope("contact point", wake=Wake(points=(choice.contact_point.point(),)))
    if choice.record:
        record = choice.record.record()
        return Scope(f"{record.table} {record.id}", wake=Wake(records=(record,)))
    if choice.brand is not None:
        if choice.brand not in mapping.brands:
            raise CannotProcess(f"scope.brand: the mapping knows {', '.join(sorted(mapping.brands))}")
        return Scope(f"brand {choice.brand}", brand=choice.brand)
    if choice.list:
        return Scope(f"list {choice.list}", list_id=str(choice.list))
    if choice.since:
        since = min(max(choice.since, EARLIEST), datetime.now(UTC))
        return Scope(f"since {since.isoformat()}", since=since)
    return Scope("all")


def view(run: Run, parts: list[Part]) -> RunView:
    """Put together what the API shows of `run`."""
    tally = total(parts)
    state, progress = state_of(parts), progress_of(run, parts, datetime.now(UTC))
    planned = [PlannedChange(**dict(zip(("brand", "rule", "change"), key.split("|"), strict=True)), count=count)
               for key, count in sorted(tally.planned.items())]  # fmt: skip
    return RunView(
        id=run.id,
        kind=run.kind,
        state=state,
        mode=run.mode,
        dry_run=run.dry_run,
        scope=run.scope,
        reason=run.reason,
        read=tally.read,
        decided=tally.decided,
        written=tally.written,
        skipped=tally.skipped,
        held=tally.held,
        failed=tally.failed,
        requests=tally.requests,
        rows=progress.rows,
        deleted=tally.deleted,
        tracked=sorted({part.source.table for part in parts if part.source.token and part.token}),
        expected=progress.expected,
        per_second=progress.per_second,
        seconds_left=progress.seconds_left,
        planned=planned,
        problem=next((part.problem for part in parts if part.problem), None),
        started=run.started,
        finished=max(part.finished for part in parts if part.finished) if state is State.DONE else None,
    )
