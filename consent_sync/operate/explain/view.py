"""What an explanation holds; JSON, text and page show the same. It names nobody: people are ids and keyed hashes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from consent_sync.operate.intake import Whose


class ExplainRequest(Whose):
    """Body of ``POST /api/contact-points/explain``: a contact point, or a record with all its contact points."""


class SaidView(BaseModel):
    """What is known of one subject for a scope: L, the latest certain opt-in, and U, the latest possible opt-out."""

    of: str
    latest_in: datetime | None
    latest_out: datetime | None


class ScopeView(BaseModel):
    """How one scope stands: what stands, since when, because of what, what would change it, and L and U."""

    scope: str
    name: str
    brand: str | None
    stands: str
    since: datetime | None
    because: str
    change: str
    said: list[SaidView]


class PointView(BaseModel):
    """One contact point, under the name that the explanation has for it."""

    name: str
    key: str
    scopes: list[ScopeView]


class PlaceView(BaseModel):
    """One location: what it says and since when, what it should say, and the rule that decided, in its own words.

    `version` is the server's token of its row, and `changed_by` who changed that row last, null where nobody can tell.
    """

    of: str
    where: str
    brand: str | None
    says: str
    present: bool
    changed: datetime | None
    changed_by: Literal["this service", "somebody else"] | None
    version: str | None
    source: str
    ours: bool
    should: str | None
    rule: str | None
    why: str
    in_step: bool


class LineView(BaseModel):
    """One line of what was recorded."""

    at: datetime
    of: str
    what: str
    text: str
    rule: str
    run: str
    by: str


class WaitingView(BaseModel):
    """Something that waits for a person, or would from now on: then it has no `id` yet."""

    id: str
    where: str
    says: str
    stands: str
    explanation: str
    opened: datetime


class ExplainView(BaseModel):
    """Answer to an explanation: contact points by scope, every location, what waits, and what was recorded."""

    asked: str
    read: datetime
    busy: bool
    points: list[PointView]
    places: list[PlaceView]
    waiting: list[WaitingView]
    history: list[LineView]
