"""``intake``: an opt-out that no location sees, said on the phone, in a letter, to another system."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from consent_sync.engine.intake import Way, take_in, wake_of
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.intake import IntakeRequest, IntakeView, intake_of
from consent_sync.operate.work import work_off

from .ask import who
from .command import TIME_FORMATS, Shown, command
from .person import RECORD_OPTION, whose
from .session import Session


class BadIntake(ConsentSyncError):
    """The opt-out cannot be recorded like this. Mend the option that the message names."""


class NotCarriedOut(ConsentSyncError):
    """The opt-out is recorded, and is not everywhere yet. Mend the cause, then start the same command again with --id.

    It records nothing new and looks at every location again. A full resync does the same.
    """


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "intake")(intake)


def intake(
    session: Session,
    way: Annotated[Way, typer.Option(help="How it reached us.")],
    evidence: Annotated[str, typer.Option(help="Where to find it again, such as a ticket. Write no address into it.")],
    record: RECORD_OPTION = "",
    brand: Annotated[str, typer.Option(help="No more mail of this brand.")] = "",
    purpose: Annotated[str, typer.Option(help="No more for this purpose, by its id.", metavar="ID")] = "",
    topic: Annotated[str, typer.Option(help="No more on this topic, by its id.", metavar="ID")] = "",
    everything: Annotated[
        str, typer.Option(help="No more of a kind: commercial, transactional or tracking.", metavar="KIND")
    ] = "",
    said: Annotated[
        datetime | None, typer.Option(help="When the person said it (UTC); else now.", formats=TIME_FORMATS)
    ] = None,
    id_: Annotated[
        str, typer.Option("--id", help="Name it, so that the same again records nothing new.", metavar="ID")
    ] = "",
    by: Annotated[str, typer.Option(help="Who records it; else your name on this machine.")] = "",
) -> Shown:
    """Record an opt-out that a person told us, and carry it everywhere at once.

    The address is read from the standard input, or asked for; --record names a contact or lead instead, and covers all
    of its addresses. Without a scope, the person is taken to want no commercial mail at all.
    """
    scope = {name: value for name, value in _named(brand, purpose, topic, everything) if value}
    request = _request(
        whose=whose(record),
        **({"scope": scope} if scope else {}),
        said=(said or datetime.now(UTC)).replace(tzinfo=UTC),
        way=way,
        evidence=evidence,
        **({"id": id_} if id_ else {}),
    )
    service = session.service
    told = intake_of(request, service.passes.tenant.landscape(), who(by))
    new = take_in(service.ledger, told)
    given_up = work_off(service.passes, [wake_of(told)])
    if given_up:
        raise NotCarriedOut(f"{told.id}: {given_up[0]}")
    view = IntakeView(id=told.id, scopes=[str(scope) for scope in told.scopes], repeated=not new, queued=1)
    head = f"Recorded as {view.id}" if new else f"{view.id} was recorded before"
    return Shown(view, f"{head}, for {', '.join(view.scopes)}; every location was looked at.")


def _named(brand: str, purpose: str, topic: str, everything: str) -> tuple[tuple[str, str], ...]:
    return ("brand", brand), ("purpose", purpose), ("topic", topic), ("everything", everything)


def _request(**values: Any) -> IntakeRequest:
    """Check what the options say. Raises BadIntake, which does not repeat it."""
    try:
        return IntakeRequest.model_validate(values)
    except ValidationError as error:
        says = {f"{'.'.join(map(str, e['loc'][:2]))}: {e['msg']}" for e in error.errors(include_input=False)}
        raise BadIntake("; ".join(sorted(says))) from None
