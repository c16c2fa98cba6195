"""Saved plans: what a dry run would write, and whether another look finds the same.

A plan is the images of a dry run that is done. Its fingerprint covers what each place says, what it is to say and why;
versions are recorded but not compared, since a row that changed in some other respect changes nothing of the plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import batched

from consent_sync.consent.decide import Decision, Write
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Image, Stage
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Run, State, state_of
from consent_sync.ports.tenant import Outcome, Result

_NAMED = 5


class CannotApply(ConsentSyncError):
    """The plan cannot be applied. Make a plan anew with a dry run, read it, and apply that one."""


def image_of(ledger: Ledger, write: Write) -> Image:
    """Give the image of a write that is planned."""
    o = write.observed
    key = ledger.key(o.location.subject)
    return Image(key, o.location.key, o.reading, o.present, o.version, write.to, write.rule, write.brand)


def outcome_of(ledger: Ledger, result: Result) -> Image:
    """Give the image of a write that was tried."""
    stage = Stage.DONE if result.outcome is Outcome.DONE else Stage.FAILED
    return replace(image_of(ledger, result.write), stage=stage, row_id=result.row_id, at=result.at)


def all_images(ledger: Ledger, run_id: str) -> Iterator[Image]:
    """Give the images of a run by their place, a thousand at a time."""
    after = ""
    while found := ledger.images(run_id, after):
        yield from found
        after = found[-1].place


def fingerprint_of(images: Iterable[Image]) -> str:
    """Give the fingerprint of a plan: sixteen digits over what it found and what it wants to write, in any order."""
    total = 0
    for image in images:
        total += int.from_bytes(hashlib.sha256(f"{image.place}\n{_says(image)}".encode()).digest())
    return f"{total % 2**64:016x}"


def plan_to_apply(ledger: Ledger, plan_id: str, fingerprint: str) -> Run:
    """Give the run whose plan is to be applied with the mapping of that fingerprint. Raises CannotApply."""
    plan = ledger.run(plan_id)
    if plan is None or not plan.dry_run:
        raise CannotApply("there is no such plan")
    if state_of(ledger.parts(plan_id)) is not State.DONE:
        raise CannotApply("the plan is not complete")
    if plan.fingerprint != fingerprint:
        raise CannotApply(
            f"the mapping has changed: the plan was made with {plan.fingerprint}, now it is {fingerprint}"
        )
    return plan


def planned_only(decision: Decision, ledger: Ledger, plan_id: str) -> Decision:
    """Leave out of a decision every write that is not in the plan."""
    wanted = {image.place: image for write in decision.writes for image in [image_of(ledger, write)]}
    planned = ledger.images_at(plan_id, wanted)
    keep = {place for place, image in wanted.items() if place in planned and _says(planned[place]) == _says(image)}
    writes = tuple(write for write in decision.writes if image_of(ledger, write).place in keep)
    return Decision(writes, decision.unsent, decision.holds, decision.ignored)


def what_changed(ledger: Ledger, plan_id: str, check_id: str) -> str | None:
    """Say in which places another look differs from a plan; None where it found the same."""
    differing = [*_lost(ledger, plan_id, check_id), *_new(ledger, plan_id, check_id)]
    if not differing:
        return None
    named = "; ".join(differing[:_NAMED])
    more = f"; and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
    return f"{len(differing)} changes are not as planned: {named}{more}"


def _beside(ledger: Ledger, run_id: str, other_id: str) -> Iterator[tuple[Image, Image | None]]:
    """Give each image of a run with the other run's image of the same place."""
    for few in batched(all_images(ledger, run_id), 500, strict=False):
        found = ledger.images_at(other_id, [image.place for image in few])
        yield from ((image, found.get(image.place)) for image in few)


def _lost(ledger: Ledger, plan_id: str, check_id: str) -> Iterator[str]:
    for old, new in _beside(ledger, plan_id, check_id):
        if new is None:
            yield f"{old.place} was to change ({_says(old)}) and is not any more"
        elif _says(old) != _says(new):
            yield f"{old.place} was to change ({_says(old)}), now it is ({_says(new)})"


def _new(ledger: Ledger, plan_id: str, check_id: str) -> Iterator[str]:
    for new, old in _beside(ledger, check_id, plan_id):
        if old is None:
            yield f"{new.place} is to change ({_says(new)}) and was not"


def _says(image: Image) -> str:
    was = image.was.value if image.present else f"{image.was.value}, absent"
    return f"{was} -> {image.to.value}, {image.rule}, {image.brand or 'all brands'}"
