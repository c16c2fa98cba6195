"""Intake over HTTP: an opt-out that arrived by reply, phone, letter or another system."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import PurposeType, Scope, Subject, tenant
from consent_sync.engine.intake import WIDEST, Intake, Way, known_scope, purposes_of

from .body import ONE_OF_THEM, CannotProcess, PointChoice, RecordChoice, Strict, absent, exactly_one, read_body
from .http import Call
from .resync import EARLIEST

_AHEAD = timedelta(minutes=5)
"""How far the caller's clock may be ahead of ours."""


class Whose(Strict):
    """Whose opt-out it is: exactly one of these. A record covers all addresses of that record."""

    model_config = ConfigDict(json_schema_extra=ONE_OF_THEM)

    contact_point: PointChoice | None = absent()
    record: RecordChoice | None = absent()

    @model_validator(mode="after")
    def _one(self) -> Whose:
        exactly_one(self)
        return self

    def subject(self) -> Subject:
        """Give the contact point or record. Raises CannotProcess."""
        if self.record:
            return self.record.record()
        assert self.contact_point is not None  # noqa: S101  - exactly one is there
        return self.contact_point.point()


class OptOutScope(Strict):
    """What the person wants to hear no more of: exactly one of these."""

    model_config = ConfigDict(json_schema_extra=ONE_OF_THEM)

    brand: str | None = absent()
    purpose: UUID | None = absent()
    topic: UUID | None = absent()
    everything: Literal["commercial", "transactional", "tracking"] | None = absent()

    @model_validator(mode="after")
    def _one(self) -> OptOutScope:
        exactly_one(self)
        return self


class IntakeRequest(Strict):
    """Body of ``POST /api/intake``. Without a `scope`, the person is taken to want no commercial mail at all.

    Who is signed in recorded it, whatever `by` says. The same `id` again, for the same person, records nothing new.
    """

    whose: Whose
    scope: OptOutScope | None = absent()
    said: AwareDatetime
    way: Way
    evidence: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
    by: Annotated[str | None, Field(max_length=200)] = None
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = absent()


class IntakeView(BaseModel):
    """Answer to an intake: its id, what it counts for, and whether the same had been recorded before."""

    id: str
    scopes: list[str]
    repeated: bool
    queued: int


def read_intake(call: Call, landscape: Landscape) -> Intake:
    """Read the body of an intake. Raises BadRequestBody or CannotProcess."""
    request = read_body(IntakeRequest, call.body)
    return intake_of(request, landscape, call.by(request.by))


def intake_of(request: IntakeRequest, landscape: Landscape, by: str) -> Intake:
    """Give what a request asks to record, in the name of `by`. Raises CannotProcess."""
    if request.said > datetime.now(UTC) + _AHEAD:
        raise CannotProcess("said: this is in the future")
    return Intake(
        request.id or str(uuid.uuid4()),
        request.whose.subject(),
        _scopes(request.scope, landscape),
        max(request.said, EARLIEST).astimezone(UTC),
        request.way,
        by,
        request.evidence.strip(),
    )


def _scopes(choice: OptOutScope | None, landscape: Landscape) -> tuple[Scope, ...]:
    if choice is None:
        return (WIDEST,)
    if choice.everything:
        return (tenant(PurposeType(choice.everything)),)
    if choice.brand is not None:
        purposes = purposes_of(landscape, choice.brand)
        if not purposes:
            raise CannotProcess("scope.brand: the mapping has no such brand")
        return purposes
    kind, id_ = ("purpose", choice.purpose) if choice.purpose else ("topic", choice.topic)
    scope = known_scope(landscape, kind, str(id_))
    if scope is None:
        raise CannotProcess(f"scope.{kind}: no brand of the mapping has it")
    return (scope,)
