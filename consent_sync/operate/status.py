"""What the API shows of the service as a whole."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from consent_sync.consent.landscape import Mode
from consent_sync.engine.passes import Passes
from consent_sync.errors import ConsentSyncError

from .http import remedy
from .resync import RunView, view

LATEST_RUNS = 5
"""As many as fit on a screen beside the rest; each takes a read of its own."""


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


class StatusView(BaseModel):
    """Body of ``GET /api/status``."""

    mode: Mode
    mapping: str
    holds: int
    troubles: list[Trouble]
    runs: list[RunView]


def status_of(passes: Passes) -> StatusView:
    """Ask every part whether it works, and show the latest runs."""
    troubles = []
    try:
        passes.tenant.landscape()
    except ConsentSyncError as error:
        troubles.append(trouble(error))
    return StatusView(
        mode=passes.reconcile.mode(),
        mapping=passes.fingerprint,
        holds=len(passes.ledger.holds()),
        troubles=troubles,
        runs=[view(run, passes.ledger.parts(run.id)) for run in passes.ledger.runs(LATEST_RUNS)],
    )


def trouble(error: ConsentSyncError) -> Trouble:
    """Describe an error for the status."""
    return Trouble(kind=type(error).__name__, detail=str(error), remedy=remedy(error))
