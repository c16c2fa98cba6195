"""``report``: what happened in a period, in numbers, from the ledger's own history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.table import Table

from consent_sync.ports.ledger import RecordedLine

from .command import TIME_FORMATS, Shown, command
from .session import Session

_MONTH = timedelta(days=30)


class Count(BaseModel):
    """How often one thing happened: acts by what they say and where they were seen, writes by rule and outcome."""

    what: str
    kind: str
    count: int


class ReportView(BaseModel):
    """What was recorded in a period; it names nobody."""

    since: datetime
    until: datetime
    people: int
    counts: list[Count]
    holds_open: int


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "report")(report)


def report(
    session: Session,
    since: Annotated[
        datetime | None, typer.Option(help="From then on (UTC); else the last 30 days.", formats=TIME_FORMATS)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="And before then (UTC); else until now.", formats=TIME_FORMATS)
    ] = None,
) -> Shown:
    """Count what was learnt, written and held in a period, by kind of place and by rule."""
    ends = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    begins = since.replace(tzinfo=UTC) if since else ends - _MONTH
    ledger = session.service.ledger
    people, counts = summary(ledger.decisions(begins, ends))
    view = ReportView(since=begins, until=ends, people=people, counts=counts, holds_open=len(ledger.holds()))
    return Shown(view, _text(view))


def summary(lines: Iterable[RecordedLine]) -> tuple[int, list[Count]]:
    """Count whom the lines are about, and what they tell. Pure."""
    keys: set[str] = set()
    counted: Counter[tuple[str, str]] = Counter()
    for line in lines:
        keys.add(line.key)
        place = line.location.partition("/")[0]
        if line.what == "evidence":
            counted[f"opt-{line.says}", f"seen at {place or 'the ledger'}"] += 1
        elif line.what == "write":
            counted[f"{place} made to say {line.says}, {line.because}", line.rule] += 1
        else:
            counted[line.what, line.rule] += 1
    return len(keys), [Count(what=what, kind=kind, count=n) for (what, kind), n in sorted(counted.items())]


def _text(view: ReportView) -> RenderableType:
    table = Table("what", "where or by which rule", "count", box=None, pad_edge=False)
    for each in view.counts:
        table.add_row(each.what, each.kind, f"{each.count:,}")
    period = f"From {view.since:%Y-%m-%d %H:%M} until {view.until:%Y-%m-%d %H:%M} UTC"
    return Group(
        f"{period}: {view.people:,} addresses and records.", table, f"{view.holds_open} holds wait for a person now."
    )
