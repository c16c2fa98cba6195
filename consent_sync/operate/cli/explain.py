"""``explain``: why a person is mailed or not."""

from __future__ import annotations

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from consent_sync.operate.explain import ExplainView, PlaceView
from consent_sync.operate.explain import explain as explanation

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
    service = session.service
    view = explanation(service.passes, service.ledger, subject(record))
    return Shown(view, _text(view))


def _text(view: ExplainView) -> RenderableType:
    lines: list[RenderableType] = [Text("What stands", "bold")]
    for scope in view.scopes:
        state = "STOPPED" if scope.blocked else "not stopped"
        times = f"L {_day(scope.opted_in)}, U {_day(scope.opted_out)}"
        lines.append(f"  {scope.name}: {state} ({times})")
        lines.append(f"    Because {scope.because} It would change by {scope.would_change}.")
    lines += [] if view.scopes else ["  Nobody ever said anything that concerns this person."]
    lines += ["", Text("What every place says", "bold"), *map(_place, view.places)]
    if view.held:
        lines += ["", Text("What waits for a person", "bold"), *(f"  {hold}" for hold in view.held)]
    lines += ["", Text("What happened (UTC)", "bold")]
    lines += [f"  {line.at:%Y-%m-%d %H:%M:%S}  {line.whose}: {line.says}" for line in view.history]
    return Group(*lines, *([] if view.history else ["  Nothing is recorded yet."]))


def _place(place: PlaceView) -> str:
    source = f", source {place.source}" if place.source else ""
    since = f" since {_day(place.since)}" if place.since else ""
    should = f"\n    Should say {place.should_say} ({place.rule}): {place.why}" if place.should_say else ""
    return f"  {place.whose}, {place.place}: {place.says}{since}{source}{should}"


def _day(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else "never"
