"""``explain``: why a person is mailed or not."""

from __future__ import annotations

import typer
from rich.text import Text

from consent_sync.operate.explain.explain import explained
from consent_sync.operate.explain.text import as_text

from .command import Shown, command
from .person import RECORD_OPTION, subject
from .session import Session


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "explain")(explain)


def explain(session: Session, record: RECORD_OPTION = "") -> Shown:
    """Explain for one person what every place says and proves, which rule decided, and what would change it.

    The address is read from the standard input, or asked for; --record names a contact or lead instead.
    """
    view = explained(session.service, subject(record))
    return Shown(view, Text(as_text(view)))
