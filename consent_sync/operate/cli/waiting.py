"""``holds`` and ``parked``: what waits for a person, and what was given up."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from consent_sync.engine.settle import Settlement
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.holds import HoldsView, SettledView, holds_of
from consent_sync.operate.parked import ParkedView, parked_of, replay
from consent_sync.operate.work import work_off
from consent_sync.ports.ledger import Verdict

from .ask import who
from .command import Exit, Shown, command, group
from .session import Session


class NoVerdict(ConsentSyncError):
    """It is not clear how to settle the hold. Give --apply (the looser reading is right) or --dismiss (it stays)."""


class NoChoice(ConsentSyncError):
    """It is not clear which messages to put back. Name some by their ids, or give --all."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(group(app, "holds", holds), "settle")(settle)
    command(group(app, "parked", parked), "replay")(replay_parked)


def holds(session: Session) -> Shown:
    """List what waits for a person, oldest first."""
    view = holds_of(session.service.ledger)
    return Shown(view, _holds(view))


def settle(
    session: Session,
    hold: Annotated[str, typer.Argument(help="The hold's id.", metavar="ID")],
    apply: Annotated[
        bool, typer.Option("--apply", help="The looser reading is right: a person stands behind it.")
    ] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="The stricter reading stays.")] = False,
    why: Annotated[str, typer.Option(help="Why; kept with the hold. Write no address into it.")] = "",
    by: Annotated[str, typer.Option(help="Who decided; else your name on this machine.")] = "",
) -> Shown:
    """Settle a hold, in the name of a person and with a reason, and carry out at once what follows."""
    if apply == dismiss:
        raise NoVerdict("give one of --apply and --dismiss")
    verdict = Verdict.APPLY if apply else Verdict.DISMISS
    passes = session.service.passes
    messages = passes.settle(hold, Settlement(verdict, who(by), why))
    given_up = work_off(passes, messages)
    view = SettledView(id=hold, queued=len(messages))
    if given_up:
        raise given_up[0]
    return Shown(view, f"Hold {hold}: {verdict}. {len(messages)} looks followed from it, and are done.")


def parked(session: Session) -> Shown:
    """List the messages that were given up, with the causes; ends with 2 if there are any."""
    view = parked_of(session.service.queues)
    return Shown(view, _parked(view), Exit.DRIFT if view.count else Exit.IN_STEP)


def replay_parked(
    session: Session,
    ids: Annotated[list[str] | None, typer.Argument(help="The ids of messages.", metavar="ID...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> Shown:
    """Put messages that were given up back into their queue, once the cause is mended; the function app works them."""
    if everything == bool(ids):
        raise NoChoice("name messages, or give --all, not both")
    body = json.dumps({"all": True} if everything else {"ids": ids})
    view = replay(session.service.queues, body.encode())
    return Shown(view, f"{view.replayed} messages are back in their queue.")


def _holds(view: HoldsView) -> RenderableType:
    if not view.holds:
        return "Nothing waits for a person."
    lines: list[RenderableType] = [
        f"{view.count} wait for a person, the oldest since {view.oldest:%Y-%m-%d %H:%M} UTC.",
        "",
    ]
    for hold in view.holds:
        source = f" ({hold.source})" if hold.source else ""
        how = "--apply or --dismiss" if hold.opens else "--dismiss, once its reason is dealt with"
        lines += [
            Text(f"{hold.id}  {hold.rule}, since {hold.opened:%Y-%m-%d %H:%M} UTC", "bold"),
            f"  {hold.location}: says {hold.says}{source}, stands as {hold.stands}",
            f"  {hold.explanation} {hold.reason}",
            f"  Settle it with {how}.",
            "",
        ]
    return Group(*lines)


def _parked(view: ParkedView) -> RenderableType:
    if not view.count:
        return "Nothing was given up."
    causes = ", ".join(f"{cause.count} by {cause.error or 'an end of the process'}" for cause in view.causes)
    table = Table("since (UTC)", "queue", "message", "about", "cause", box=None, pad_edge=False)
    for message in view.messages:
        cause = message.detail or message.error or "the process ended"
        table.add_row(f"{message.parked:%Y-%m-%d %H:%M:%S}", message.queue, message.id, message.about, cause)
    return Group(f"{view.count} messages were given up: {causes}.", table)
