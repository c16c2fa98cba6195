"""The resync request and what the API shows of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.engine.passes import Scope
from consent_sync.mapping.schema import MappingFile
from consent_sync.ports.runs import Part, Run, RunKind, State, state_of, total
from consent_sync.ports.wake import Wake

from .body import BadRequestBody, read_body


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PointChoice(_Strict):
    """One contact point."""

    channel: Literal["email"] = "email"
    value: str


class RecordChoice(_Strict):
    """One contact or lead."""

    table: Literal["contact", "lead"]
    id: UUID


class ScopeChoice(_Strict):
    """What to look at: exactly one of these."""

    all: Literal[True] | None = None
    contact_point: PointChoice | None = None
    record: RecordChoice | None = None
    brand: str | None = None
    list: UUID | None = None
    since: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one(self) -> ScopeChoice:
        if len(self.model_fields_set) != 1:
            raise ValueError("name exactly one of: all, contact_point, record, brand, list, since")
        return self


class ResyncRequest(_Strict):
    """Body of ``POST /api/resync``."""

    scope: ScopeChoice
    dry_run: bool = False
    reason: Annotated[str, Field(max_length=200)] = ""


class PlannedChange(BaseModel):
    """How many writes one rule asks for at one kind of location."""

    brand: str
    rule: str
    change: str
    count: int


class RunView(BaseModel):
    """Body of ``GET /api/resync/{id}``: how a run stands, in numbers; it names nobody."""

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
    planned: list[PlannedChange]
    problem: str | None
    started: datetime
    finished: datetime | None


def read_request(body: bytes, mapping: MappingFile) -> tuple[ResyncRequest, Scope]:
    """Read the body of a resync request. Raises BadRequestBody, which quotes nothing of it."""
    request = read_body(ResyncRequest, body)
    return request, _scope(request.scope, mapping)


def _scope(choice: ScopeChoice, mapping: MappingFile) -> Scope:
    if choice.contact_point:
        point = ContactPoint.of(Channel(choice.contact_point.channel), choice.contact_point.value)
        if point is None or not point.reachable:
            raise BadRequestBody("scope.contact_point.value: not an e-mail address")
        return Scope("contact point", wake=Wake(points=(point,)))
    if choice.record:
        record = RecordRef(choice.record.table, str(choice.record.id))
        return Scope(f"{record.table} {record.id}", wake=Wake(records=(record,)))
    if choice.brand is not None:
        if choice.brand not in mapping.brands:
            raise BadRequestBody(f"scope.brand: the mapping knows {', '.join(sorted(mapping.brands))}")
        return Scope(f"brand {choice.brand}", brand=choice.brand)
    if choice.list:
        return Scope(f"list {choice.list}", list_id=str(choice.list))
    if choice.since:
        return Scope(f"since {choice.since.isoformat()}", since=choice.since)
    return Scope("all")


def view(run: Run, parts: list[Part]) -> RunView:
    """Put together what the API shows of `run`."""
    tally = total(parts)
    state = state_of(parts)
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
        planned=planned,
        problem=next((part.problem for part in parts if part.problem), None),
        started=run.started,
        finished=max(part.finished for part in parts if part.finished) if state is State.DONE else None,
    )
