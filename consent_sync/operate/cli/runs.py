"""``resync``, ``sweep``, ``runs`` and ``status``: looking at everything or at something, and how that went."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from consent_sync.consent.rules import HOLD_BRAKE, HOLD_MANY_OUT, RULES
from consent_sync.engine import open_runs
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.resync import RunsView, RunView, read_request, run_of, runs_of
from consent_sync.operate.status import LateView, StatusView, status_of
from consent_sync.operate.work import work_off
from consent_sync.ports.ledger import StoredHold
from consent_sync.ports.runs import Run, State
from consent_sync.ports.wake import PageTurn, Wake

from .command import TIME_FORMATS, Exit, Shown, command, group
from .person import ask_for_address, record_of
from .progress import progress
from .session import Session


class NoScope(ConsentSyncError):
    """It is not clear what to look at. Name one thing; a look at everything takes longest and misses nothing."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "status")(status)
    command(app, "resync")(resync)
    command(app, "sweep")(sweep)
    of_runs = group(app, "runs", runs)
    command(of_runs, "show")(show)
    command(of_runs, "cancel")(cancel)
    command(of_runs, "resume")(resume)


def resync(
    session: Session,
    everything: Annotated[bool, typer.Option("--all", help="Every contact and lead.")] = False,
    brand: Annotated[str, typer.Option(help="Everything, and write what concerns this brand of the mapping.")] = "",
    list_: Annotated[
        UUID | None,
        typer.Option("--list", help="The members of a list, by its id, and those who left it.", metavar="ID"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="What changed since then (UTC).", formats=TIME_FORMATS),
    ] = None,
    record: Annotated[str, typer.Option(help="One record: contact:ID or lead:ID.")] = "",
    contact_point: Annotated[
        bool, typer.Option("--contact-point", help="One address, read from the standard input or asked for.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and decide, and leave no trace.")] = False,
    reason: Annotated[str, typer.Option(help="For the list of runs; no address.")] = "",
) -> Shown:
    """Look at everything, a brand, a list, a record or an address, and bring it in step.

    Opt-outs are written first; opt-ins follow if the mode allows them and the brake does not stop them.
    """
    chosen: dict[str, Any] = {
        "all": everything,
        "brand": brand,
        "list": list_ and str(list_),
        "since": since and f"{since.isoformat()}Z",
        "record": record,
        "contact_point": contact_point,
    }
    scope = {name: value for name, value in chosen.items() if value}
    if len(scope) != 1:
        raise NoScope("give exactly one of --all, --brand, --list, --since, --record, --contact-point")
    if record:
        scope["record"] = record_of(record)
    if contact_point:
        scope["contact_point"] = {"value": ask_for_address()}
    body = json.dumps({"scope": scope, "dry_run": dry_run, "reason": reason}).encode()
    request, what = read_request(body, session.mapping.file)
    run, messages = session.service.passes.start_resync(what, dry_run=request.dry_run, reason=request.reason)
    return to_the_end(session, run, messages)


def sweep(session: Session) -> Shown:
    """Look at what changed since the last complete look, and bring it in step: what the timer does."""
    run, messages = session.service.passes.start_sweep()
    return to_the_end(session, run, messages)


def runs(session: Session, limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20) -> Shown:
    """List the latest runs, newest first."""
    view = runs_of(session.service.ledger, limit)
    return Shown(view, _runs(view))


RUN_ARGUMENT = Annotated[str, typer.Argument(help="The run's id.", metavar="RUN")]


def show(session: Session, run: RUN_ARGUMENT) -> Shown:
    """Show how a run stands."""
    view = run_of(session.service.ledger, run)
    return Shown(view, run_text(view), exit_of(session, view))


def cancel(session: Session, run: RUN_ARGUMENT) -> Shown:
    """Stop a run where it stands; pages under way are finished."""
    open_runs.cancel(session.service.ledger, run)
    view = run_of(session.service.ledger, run)
    return Shown(view, run_text(view, "It goes on with: runs resume"))


def resume(session: Session, run: RUN_ARGUMENT) -> Shown:
    """Let a run that failed, was cancelled or was broken off go on from its checkpoints, in this process."""
    ledger = session.service.ledger
    known = ledger.run(run)
    if known is None:
        raise open_runs.NoSuchRun("there is no such run")
    return to_the_end(session, known, [*open_runs.resume(ledger, run)])


def status(session: Session) -> Shown:
    """Show the mode in force, what keeps the service from working, what waits, and the latest runs."""
    view = status_of(session.service.passes, session.service.queues)
    return Shown(view, _status(view), Exit.ERROR if view.troubles else Exit.IN_STEP)


def to_the_end(session: Session, run: Run, messages: list[Wake | PageTurn]) -> Shown:
    """Work a run to its end, and show how it went."""
    view = finish(session, run, messages)
    hints = [f"{RULES[hold.rule].says} See `holds`." for hold in _alarms(session, view)]
    return Shown(view, run_text(view, *hints), exit_of(session, view))


def finish(session: Session, run: Run, messages: list[Wake | PageTurn]) -> RunView:
    """Work a run to its end with its progress on the screen, and give how it stands then."""
    service = session.service
    with progress(run) as report:
        work_off(service.passes, messages, after_each=lambda: report(service.ledger.parts(run.id)))
    return run_of(service.ledger, run.id)


def exit_of(session: Session, view: RunView) -> Exit:
    """Say how a run ended: failed, stopped by the brake, with changes left to make, or in step."""
    if view.state is not State.DONE:
        return Exit.ERROR
    if _alarms(session, view):
        return Exit.BRAKE
    left = sum(change.count for change in view.planned) - view.written
    return Exit.DRIFT if left > 0 or view.failed else Exit.IN_STEP


def _alarms(session: Session, view: RunView) -> list[StoredHold]:
    """Give the holds that a mass change opened in this run."""
    alarming = {HOLD_BRAKE.id, HOLD_MANY_OUT.id}
    return [h for h in session.service.ledger.holds() if h.rule in alarming and h.location == view.id]


def run_text(view: RunView, *hints: str) -> RenderableType:
    """Give a run for people, and what they may do next."""
    planned = sum(change.count for change in view.planned)
    how = "dry run" if view.dry_run else f"mode {view.mode}"
    what = view.scope if view.kind in view.scope else f"{view.kind} of {view.scope}"
    counts = (
        f"{view.decided:,} addresses looked at",
        f"{planned:,} changes planned",
        f"{view.written:,} written",
        f"{view.held:,} held for a person",
        f"{view.failed:,} that cannot be written",
        f"{view.requests:,} requests",
    )
    lines: list[RenderableType] = [
        f"Run {view.id}: {what}, {how}, {view.state}",
        ", ".join(counts),
    ]
    if view.tracked:
        lines.append(f"by change tracking: {', '.join(view.tracked)}; {view.deleted:,} deletions")
    if view.problem:
        lines.append(Text(f"problem: {view.problem}", "red"))
    if view.planned:
        table = Table("brand", "change", "rule", "count", box=None, pad_edge=False)
        for change in view.planned:
            table.add_row(change.brand, change.change, change.rule, f"{change.count:,}")
        lines.append(table)
    return Group(*lines, *hints)


def _runs(view: RunsView) -> RenderableType:
    if not view.runs:
        return "There was no run yet."
    table = Table("started (UTC)", "run", "what", "state", "planned", "written", "held", box=None, pad_edge=False)
    for run in view.runs:
        what = run.scope if run.kind in run.scope else f"{run.kind} of {run.scope}"
        what += ", dry run" if run.dry_run else ""
        planned = sum(change.count for change in run.planned)
        cells = (f"{run.started:%Y-%m-%d %H:%M:%S}", run.id, what, run.state.value)
        table.add_row(*cells, *(f"{number:,}" for number in (planned, run.written, run.held)))
    return table


def _late(late: LateView) -> str:
    if late.oldest is None:
        return "every opt-out that is known is everywhere"
    count = f"{late.count:,}{'+' if late.more else ''}"
    return f"{count} opt-outs under way, the oldest since {late.oldest:%Y-%m-%d %H:%M:%S} UTC (target: {late.target})"


def _status(view: StatusView) -> RenderableType:
    lines: list[RenderableType] = [
        f"mode {view.mode}, mapping {view.mapping}, {view.holds} holds wait for a person",
        _late(view.late),
        *(Text(f"{trouble.kind}: {trouble.detail}\n-> {trouble.remedy}", "red") for trouble in view.troubles),
        _runs(RunsView(runs=view.runs)),
    ]
    return Group(*lines)
