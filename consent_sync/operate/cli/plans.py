"""``plan``, ``apply`` and ``undo``: looking before anything is written, and taking back what was."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError

from consent_sync.engine.gates import standing
from consent_sync.engine.plans import all_images, fingerprint_of
from consent_sync.engine.scopes import Scope
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.resync import PlannedChange, RunView

from .ask import agrees, who
from .command import Exit, Shown, command
from .files import write_new
from .runs import exit_of, finish, run_text, to_the_end
from .session import Session
from .webhook import DRY_RUN_OPTION

WHY_OPTION = Annotated[str, typer.Option(help="Why; kept with the run. Write no address into it.")]
BY_OPTION = Annotated[str, typer.Option(help="Who answers for it; else your name on this machine.")]


class NotAPlan(ConsentSyncError):
    """The file is no plan. Name a file that `plan --out` wrote, or the id of a run that was a plan."""


class StalePlan(ConsentSyncError):
    """The file does not belong to the plan that the ledger has. Make a plan anew, read it, and apply that one."""


class Change(BaseModel):
    """One write of a plan: whose place, what it says, and what it is to say by which rule.

    `key` is a keyed hash of the address, or the id of a record.
    """

    key: str
    location: str
    was: str
    to: str
    rule: str
    brand: str | None


class PlanFile(BaseModel):
    """A saved plan: the run that made it, and the fingerprints of what it found and of the mapping it was made with."""

    plan: str
    made: datetime
    organization: str | None
    mapping: str
    fingerprint: str
    planned: list[PlannedChange]
    changes: list[Change]


class PlanView(BaseModel):
    """The run that made the plan, and the plan's fingerprint."""

    run: RunView
    fingerprint: str
    file: str | None


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "plan")(plan)
    command(app, "apply")(apply)
    command(app, "undo")(undo)


def plan(
    session: Session,
    out: Annotated[
        Path | None, typer.Option(help="Write the plan to this new file, to read it.", metavar="FILE")
    ] = None,
    reason: Annotated[str, typer.Option(help="For the list of runs; no address.")] = "",
) -> Shown:
    """Look at everything and say what would be written, without writing; ends with 2 if that is anything.

    The plan stays in the ledger: `apply` writes what it says, and refuses if anything is different by then.
    """
    service = session.service
    run, messages = service.passes.start_resync(Scope("all"), dry_run=True, reason=reason)
    view = finish(session, run, messages)
    images = list(all_images(service.ledger, run.id))
    fingerprint = fingerprint_of(images)
    if out:
        saved = PlanFile(
            plan=run.id,
            made=run.started,
            organization=standing(service.ledger).organization,
            mapping=run.fingerprint,
            fingerprint=fingerprint,
            planned=view.planned,
            changes=[
                Change(key=i.key, location=i.location, was=i.was, to=i.to, rule=i.rule, brand=i.brand) for i in images
            ],
        )
        write_new(out, saved.model_dump_json(indent=2))
    shown = PlanView(run=view, fingerprint=fingerprint, file=str(out) if out else None)
    next_ = f"Write it with: apply {out or run.id}" if images else "There is nothing to write."
    return Shown(shown, run_text(view, f"Plan {fingerprint}. {next_}"), exit_of(session, view))


def apply(
    session: Session,
    what: Annotated[str, typer.Argument(help="A file that `plan --out` wrote, or the id of the plan.", metavar="PLAN")],
    why: WHY_OPTION = "",
    by: BY_OPTION = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
) -> Shown:
    """Write what a plan says, and nothing else; a plan that no longer fits is refused before anything is written.

    Whoever applies a plan by name has read it, so the brake does not ask again.
    """
    passes, ledger = session.service.passes, session.service.ledger
    plan_id = _plan_id(session, what)
    count = sum(1 for _ in all_images(ledger, plan_id))
    if count and not yes and not agrees(f"Write the {count:,} changes of plan {plan_id}?"):
        return Shown(Declined(plan=plan_id), "Nothing was written.", Exit.DRIFT)
    run, messages = passes.start_apply(plan_id, by=who(by), reason=why)
    return to_the_end(session, run, messages)


class Declined(BaseModel):
    """The plan that was not applied after all."""

    plan: str


def undo(
    session: Session,
    run: Annotated[str, typer.Argument(help="The id of the run whose writes to take back.", metavar="RUN")],
    why: WHY_OPTION,
    loosen: Annotated[
        bool, typer.Option("--loosen", help="Also open again what the run closed: you answer for it by name.")
    ] = False,
    by: BY_OPTION = "",
    dry_run: DRY_RUN_OPTION = False,
) -> Shown:
    """Take back what a run wrote, as far as each place still says what the run made it say.

    By itself it only closes what the run opened. With --loosen it also opens what the run closed, where it was open
    before and nobody opted out since: then a person stands behind it. A dry run of it is a plan that `apply` takes.
    """
    name = who(by) if loosen else ""
    begun, messages = session.service.passes.start_undo(run, by=name, why=why, dry_run=dry_run)
    return to_the_end(session, begun, messages)


def _plan_id(session: Session, what: str) -> str:
    """Give the run that made the plan: a file must still belong to it. Raises NotAPlan or StalePlan."""
    if not Path(what).exists():
        return what
    try:
        saved = PlanFile.model_validate_json(Path(what).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        raise NotAPlan(f"{what} cannot be read as a plan") from None
    if fingerprint_of(all_images(session.service.ledger, saved.plan)) != saved.fingerprint:
        raise StalePlan(f"the ledger's plan {saved.plan} is not the one in {what}")
    return saved.plan
