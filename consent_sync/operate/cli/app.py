"""The program: its commands, and the one place where it ends."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import typer

from . import (
    cutover,
    discover,
    doctor,
    erase,
    explain,
    intake,
    ledger,
    plans,
    proof,
    report,
    runs,
    setup,
    waiting,
    webhook,
)
from .command import Call, Exit
from .session import Wiring

app = typer.Typer(
    name="consent_sync",
    help="Keep consent in step between the two places where Dynamics 365 stores it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
setup.add_to(app)
discover.add_to(app)
doctor.add_to(app)
plans.add_to(app)
runs.add_to(app)
waiting.add_to(app)
explain.add_to(app)
intake.add_to(app)
report.add_to(app)
proof.add_to(app)
erase.add_to(app)
ledger.add_to(app)
cutover.add_to(app)
webhook.add_to(app)


def main(wiring: Wiring, arguments: Sequence[str] | None = None) -> int:
    """Run one command and give the exit code: 0 in step, 1 error, 2 drift, 3 brake."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # names have letters that some consoles lack
    call = Call(wiring)
    try:
        app(arguments, prog_name="python -m consent_sync", obj=call)
    except SystemExit as end:  # a usage error ends with 2 of its own, which means drift here
        return call.code if not end.code else Exit.ERROR
    return call.code
