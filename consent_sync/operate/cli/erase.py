"""``erase``: a person who asks to be forgotten; what they opted out of stays, under a keyed hash."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import BaseModel

from consent_sync.consent.model import ContactPoint, RecordRef, Subject
from consent_sync.engine.passes import Passes
from consent_sync.errors import ConsentSyncError

from .ask import agrees, who
from .command import Exit, Shown, command
from .person import RECORD_OPTION, subject
from .session import Session


class SharedAddress(ConsentSyncError):
    """Several records carry the address, so it is not clear who is meant. Name the person's record with --record."""


class EraseView(BaseModel):
    """How many records and addresses of the person were erased from the ledger."""

    erased: bool
    records: int
    addresses: int


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "erase")(erase)


def erase(
    session: Session,
    why: Annotated[str, typer.Option(help="Why, such as the number of the request. Write no address into it.")],
    record: RECORD_OPTION = "",
    by: Annotated[str, typer.Option(help="Who does it; else your name on this machine.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before erasing.")] = False,
) -> Shown:
    """Forget a person: their whole history goes from the ledger, and only their opt-outs stay, under a keyed hash.

    The address is read from the standard input, or asked for; --record names a contact or lead instead. Dataverse is
    not touched: erase the person there first, or the next look learns again what stands there.
    """
    service = session.service
    subjects = of_person(service.passes, subject(record))
    records = sum(isinstance(each, RecordRef) for each in subjects)
    view = EraseView(erased=False, records=records, addresses=len(subjects) - records)
    what = f"{view.records} records and {view.addresses} addresses"
    if not yes and not agrees(f"Erase what the ledger knows of {what}? This cannot be undone."):
        return Shown(view, "Nothing was erased.", Exit.DRIFT)
    for each in subjects:
        service.ledger.erase(each, who(by), why)
    view = view.model_copy(update={"erased": True})
    return Shown(view, f"Erased: {what}. What they opted out of stays stopped, under a keyed hash.")


def of_person(passes: Passes, whose: Subject) -> list[Subject]:
    """Give the person's record and the addresses that nobody else carries, in the order of erasing.

    Raises SharedAddress for an address that several records carry.
    """
    points = [] if isinstance(whose, RecordRef) else [whose]
    named = [whose] if isinstance(whose, RecordRef) else []
    snapshot = passes.tenant.gather(points, named)
    if isinstance(whose, ContactPoint):
        holders = snapshot.holders.get(whose, frozenset())
        if len(holders) > 1:
            raise SharedAddress(f"{len(holders)} records carry this address")
        named = [*holders]
    carried = [point for one in named for point in snapshot.points_of.get(one, ())]
    alone = [point for point in carried if snapshot.holders[point] == frozenset(named)]
    return [*named, *(sorted(alone) if named else points)]
