"""Holds over HTTP: what waits for a person, and how a person settles it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from consent_sync.consent.rules import RULES
from consent_sync.engine.settle import SERVICE, Settlement
from consent_sync.ports.ledger import Ledger, StoredHold, Verdict

from .body import Strict, read_body
from .http import Call


class HoldView(BaseModel):
    """One hold: both readings, the rule that stopped in plain words, and since when it waits. It names nobody.

    `opens` says whether it can be applied; one that cannot is dismissed when its reason is dealt with.
    """

    id: str
    location: str
    says: str
    stands: str
    source: str
    rule: str
    explanation: str
    reason: str
    opens: bool
    opened: datetime


class HoldsView(BaseModel):
    """Body of ``GET /api/holds``."""

    count: int
    oldest: datetime | None
    holds: list[HoldView]


class SettleRequest(Strict):
    """Body of ``POST /api/holds/{id}/settle``. Who is signed in settles it, whatever `by` says."""

    verdict: Verdict
    by: Annotated[str | None, Field(max_length=200)] = None
    why: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class SettledView(BaseModel):
    """Answer to a settlement: how many messages it put in the queues."""

    id: str
    queued: int


def holds_of(ledger: Ledger) -> HoldsView:
    """Give all open holds, oldest first."""
    holds = [_view(hold) for hold in ledger.holds()]
    return HoldsView(count=len(holds), oldest=holds[0].opened if holds else None, holds=holds)


def read_settlement(call: Call) -> Settlement:
    """Read the body of a settlement. Raises BadRequestBody or CannotProcess."""
    request = read_body(SettleRequest, call.body)
    return Settlement(request.verdict, call.by(request.by), request.why)


def _view(hold: StoredHold) -> HoldView:
    rule = RULES[hold.rule]
    return HoldView(
        id=hold.id,
        location=hold.location,
        says=hold.says,
        stands=hold.stands,
        source=hold.source,
        rule=rule.id,
        explanation=rule.says,
        reason=rule.reason,
        opens=rule.opens or hold.key == SERVICE,
        opened=hold.opened,
    )
