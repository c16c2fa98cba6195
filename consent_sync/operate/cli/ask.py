"""Asking the person at the terminal, where there is one."""

from __future__ import annotations

import getpass
import sys

import typer

from consent_sync.errors import ConsentSyncError


class NeedsYes(ConsentSyncError):
    """Nobody can be asked here. Start the command at a terminal, or with --yes to agree beforehand."""


def agrees(question: str) -> bool:
    """Ask a yes-or-no question. Raises NeedsYes where nobody is there to answer."""
    if not at_terminal():
        raise NeedsYes(question)
    return typer.confirm(question, err=True)


def at_terminal() -> bool:
    """Say whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def who(named: str) -> str:
    """Give the name of whoever answers for what is done: as they gave it, or their name on this machine."""
    return named.strip() or getpass.getuser()
