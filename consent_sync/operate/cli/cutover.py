"""``cutover``: the end of contact-level lists, once real-time journeys honour every opt-out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Group, RenderableType

from consent_sync.consent.landscape import Mode
from consent_sync.dataverse import registration
from consent_sync.engine.plans import all_images
from consent_sync.engine.scopes import Scope
from consent_sync.mapping.load import load_mapping
from consent_sync.operate.cutover import CannotCutOver, Unhonoured, ignored, unhonoured, without_lists
from consent_sync.operate.registration import NAME, NotRegistered, endpoint_of
from consent_sync.operate.resync import RunView
from consent_sync.ports.runs import State
from consent_sync.tenant.events import steps

from .ask import agrees
from .command import Exit, Shown, command
from .files import write_new
from .runs import finish, run_text
from .session import Session

_SHOWN = 20


class CutoverView(BaseModel):
    """What the cutover found and did: the repair, the check after it, and what was taken away."""

    repair: RunView
    check: RunView
    unhonoured: list[Unhonoured]
    ignored: list[str]
    holds: int
    done: bool
    unregistered: list[str]
    next: str


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "cutover")(cutover)


def cutover(
    session: Session,
    new_mapping: Annotated[Path, typer.Option(help="The new file for the mapping without lists.", metavar="FILE")],
    report: Annotated[Path | None, typer.Option(help="Write the report to this new file.", metavar="FILE")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the list steps away without asking.")] = False,
) -> Shown:
    """End the time of contact-level lists: verify that every opt-out is honoured, then stop listening to lists.

    It repairs everything, looks again, and lists what real-time journeys do not honour; with anything on that list it
    stops there (2). Else it writes the mapping without lists and takes the list steps out of the webhook. May be
    started again at any point. The ledger keeps what the lists proved.
    """
    service = session.service
    if service.passes.reconcile.mode() is Mode.OBSERVE:
        raise CannotCutOver("the mode in force is observe")
    found = registration.find(session.client, NAME)
    if found is None:
        raise NotRegistered("no webhook is registered")
    repair = _look(session, dry_run=False)
    check = _look(session, dry_run=True)
    lost = list(unhonoured(all_images(service.ledger, check.id)))
    disabled = ignored(service.passes.tenant.landscape())
    good = not lost and not disabled and {repair.state, check.state} == {State.DONE}
    view = CutoverView(
        repair=repair,
        check=check,
        unhonoured=lost,
        ignored=disabled,
        holds=len(service.ledger.holds()),
        done=False,
        unregistered=[],
        next="Mend what is listed, and start cutover again.",
    )
    if good and (yes or agrees("Every opt-out is honoured. Stop listening to the lists?")):
        if not new_mapping.exists():
            write_new(new_mapping, without_lists(Path(session.mapping.path)))
        wanted = steps(load_mapping(new_mapping).file)
        changed = registration.register(session.client, endpoint_of(session.settings, found.url), wanted)
        next_ = f"Deploy {new_mapping} as the mapping, make a plan with it, and settle the hold that it opens."
        view = view.model_copy(update={"done": True, "unregistered": list(changed.removed), "next": next_})
    elif good:
        view = view.model_copy(update={"next": "Start cutover again to stop listening to the lists."})
    if report:
        write_new(report, view.model_dump_json(indent=2))
    return Shown(view, _text(view), Exit.IN_STEP if view.done else Exit.DRIFT)


def _look(session: Session, *, dry_run: bool) -> RunView:
    run, messages = session.service.passes.start_resync(Scope("all"), dry_run=dry_run, reason="cutover")
    return finish(session, run, messages)


def _text(view: CutoverView) -> RenderableType:
    lines: list[RenderableType] = [run_text(view.repair), ""]
    lines.append(f"Looked again: {len(view.unhonoured)} opt-outs are not honoured in real-time journeys.")
    lines += [f"  {each.key}, {each.location}: {each.rule}" for each in view.unhonoured[:_SHOWN]]
    lines += [f"  The purpose {id_} is Disabled: opt-outs from it are ignored." for id_ in view.ignored]
    lines.append(f"{view.holds} holds wait for a person; the stricter reading stands for each.")
    lines += [f"removed: {what}" for what in view.unregistered]
    return Group(*lines, f"Next: {view.next}")
