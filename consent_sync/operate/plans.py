"""Plans over HTTP: what a dry run would write, applying it, and taking a run's writes back."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Reading
from consent_sync.engine.plans import all_images, fingerprint_of
from consent_sync.ports.images import Image, Stage
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Run
from consent_sync.ports.wake import Wake

from .body import PointChoice, Strict, absent, read_body
from .http import NotFound

SHOWN = 500

_Name = Annotated[str | None, Field(max_length=200)]
_Text = Annotated[str, Field(max_length=200)]


class ChangeView(BaseModel):
    """One write: the place by the ledger's `key` of its subject (a keyed hash, or a record's id) and its `location`.

    `was` is what it said, `present` whether there was anything, `version` the row's; `to` what it is made to say.
    """

    key: str
    location: str
    was: Reading
    present: bool
    version: str | None
    to: Reading
    rule: str
    brand: str | None
    stage: Stage


class PlanView(BaseModel):
    """Body of ``GET /api/resync/{id}/plan``: at most 500 changes; `after` is where to go on, `null` at the end.

    `mapping` is the mapping's fingerprint, `state` that of what the plan found and wants to write.
    """

    run: str
    scope: str
    mode: Mode
    dry_run: bool
    mapping: str
    state: str
    changes: list[ChangeView]
    after: str | None


class ApplyRequest(Strict):
    """Body of ``POST /api/resync/{id}/apply``. A plan of one contact point needs it again: no plan keeps an address."""

    by: _Name = None
    reason: _Text = ""
    contact_point: PointChoice | None = absent()


class UndoRequest(Strict):
    """Body of ``POST /api/resync/{id}/undo``. Without `approve` nothing is loosened."""

    by: _Name = None
    reason: _Text = ""
    dry_run: bool = False
    approve: bool = False


def plan_of(ledger: Ledger, run_id: str, after: str = "") -> PlanView:
    """Give what a run planned or wrote, from behind the place `after`. Raises NotFound."""
    run = need_run(ledger, run_id)
    images = ledger.images(run_id, after, SHOWN)
    return PlanView(
        run=run.id,
        scope=run.scope,
        mode=run.mode,
        dry_run=run.dry_run,
        mapping=run.fingerprint,
        state=fingerprint_of(all_images(ledger, run_id)),
        changes=[change_view(image) for image in images],
        after=images[-1].place if len(images) == SHOWN else None,
    )


def change_view(image: Image) -> ChangeView:
    """Give what is shown of an image."""
    return ChangeView(
        key=image.key,
        location=image.location,
        was=image.was,
        present=image.present,
        version=image.version,
        to=image.to,
        rule=image.rule,
        brand=image.brand,
        stage=image.stage,
    )


def need_run(ledger: Ledger, run_id: str) -> Run:
    """Give a run. Raises NotFound."""
    run = ledger.run(run_id)
    if run is None:
        raise NotFound("no such run")
    return run


def read_apply(body: bytes) -> tuple[ApplyRequest, Wake | None]:
    """Read the request to apply a plan. Raises BadRequestBody."""
    request = read_body(ApplyRequest, body)
    return request, Wake(points=(request.contact_point.point(),)) if request.contact_point else None
