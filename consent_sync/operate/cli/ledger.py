"""``copy-ledger``: everything that the service remembers, from one storage into another."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import BaseModel

from consent_sync.ledger.copy import Copied, copy_ledger

from .command import Shown, command
from .session import Session


class CopiedView(BaseModel):
    """What both ledgers hold now; `digest` is the same for two ledgers that hold the same."""

    subjects: int
    lines: int
    notes: int
    runs: int
    digest: str


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "copy-ledger")(copy)


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


def _tell(session: Session, far: Copied) -> None:
    session.say(f"{far.subjects:,} subjects, {far.lines:,} lines and {far.runs:,} runs are copied")
