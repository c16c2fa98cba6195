"""``copy-ledger`` and ``trim-ledger``: what the service remembers, into another storage, and no longer than needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import BaseModel

from consent_sync.ledger.copy import Copied, copy_ledger

from .ask import agrees, who
from .command import TIME_FORMATS, Exit, Shown, command
from .session import Session


class CopiedView(BaseModel):
    """What both ledgers hold now; `digest` is the same for two ledgers that hold the same."""

    subjects: int
    lines: int
    notes: int
    runs: int
    digest: str


class TrimmedView(BaseModel):
    """Whether the histories were trimmed, and how many lines went."""

    trimmed: bool
    lines: int


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "copy-ledger")(copy)
    command(app, "trim-ledger")(trim)


def copy(
    session: Session,
    to: Annotated[str, typer.Argument(help="Where the copy goes, written as LEDGER_URL is.", metavar="URL")],
) -> Shown:
    """Copy the ledger into another storage, from a SQLite file to Azure Tables or back, and check that both are equal.

    Stop the service first. The target must be empty, or a copy that was broken off: that goes on where it was. After
    it, set LEDGER_URL to the target.
    """
    done = copy_ledger(session.ledger(session.settings.ledger_url), session.ledger(to), lambda far: _tell(session, far))
    view = CopiedView(subjects=done.subjects, lines=done.lines, notes=done.notes, runs=done.runs, digest=done.digest)
    return Shown(view, f"Both ledgers hold {done}.")


def trim(
    session: Session,
    before: Annotated[datetime, typer.Option(help="Only what was recorded before then (UTC).", formats=TIME_FORMATS)],
    by: Annotated[str, typer.Option(help="Who does it; else your name on this machine.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
) -> Shown:
    """Delete old lines of the histories, for those who may not keep them for ever.

    What proves how people stand today stays, however old it is: the whole history where anything says out, and else all
    from the opt-in on that counts. Nobody's consent changes, and what is left can be verified.
    Export first what you need.
    """
    if not yes and not agrees(f"Delete what was recorded before {before.date()}? This cannot be undone."):
        return Shown(TrimmedView(trimmed=False, lines=0), "Nothing was deleted.", Exit.DRIFT)
    lines = session.ledger(session.settings.ledger_url).trim(before.replace(tzinfo=UTC), who(by))
    return Shown(TrimmedView(trimmed=True, lines=lines), f"{lines:,} lines were deleted.")


def _tell(session: Session, far: Copied) -> None:
    session.say(f"{far.subjects:,} subjects, {far.lines:,} lines and {far.runs:,} runs are copied")
