"""How far a long run is: a bar with rate and time left at a terminal, a line now and then where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import DataverseError
from consent_sync.engine.pages import PAGE_ROWS
from consent_sync.ports.runs import Part, total

from .command import console

_EVERY = 5.0  # seconds between two lines

type Report = Callable[[list[Part]], None]


@contextmanager
def progress(title: str, rows: dict[str, int]) -> Iterator[Report]:
    """Show how a run gets on, each time it is told the run's parts; `rows` are those of each table, if known."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield _Lines(title, rows, out.print)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, TimeRemainingColumn(), console=out, transient=True) as bar:
        task = bar.add_task(title, total=None, note="")
        started = time.monotonic()

        def report(parts: list[Part]) -> None:
            done, whole = extent(parts, rows)
            bar.update(task, completed=done, total=whole, note=_note(parts, done, time.monotonic() - started))

        yield report


class _Lines:
    """Prints a line every few seconds, so that a log of the run stays readable."""

    def __init__(self, title: str, rows: dict[str, int], print_: Callable[[str], None]) -> None:
        self._title, self._rows, self._print = title, rows, print_
        self._started = self._last = time.monotonic()

    def __call__(self, parts: list[Part]) -> None:
        now = time.monotonic()
        if now - self._last < _EVERY:
            return
        self._last = now
        done, whole = extent(parts, self._rows)
        self._print(line(self._title, done, whole, _note(parts, done, now - self._started), now - self._started))


def line(title: str, done: int, whole: int | None, note: str, seconds: float) -> str:
    """Say in one line how far a run is, and how long it will still take, if that can be told."""
    of_ = f" of {whole:,}" if whole else ""
    left = ""
    if whole and done:
        left = f", {timedelta(seconds=round(seconds * max(0, whole - done) / done))} left"
    return f"{title}: {done:,}{of_} rows, {note}{left}"


def extent(parts: list[Part], rows: dict[str, int]) -> tuple[int, int | None]:
    """Give the rows read so far and in all, None where a part's table was not counted."""
    done = sum(
        rows.get(part.source.table, part.seq * PAGE_ROWS) if part.finished else part.seq * PAGE_ROWS for part in parts
    )
    counted = all(part.source.table in rows and part.source.since is None for part in parts)
    whole = sum(rows[part.source.table] for part in parts) if parts and counted else None
    return (min(done, whole) if whole is not None else done), whole


def count_rows(client: DataverseClient, tables: tuple[str, ...]) -> dict[str, int]:
    """Ask how many rows the tables have (a count of the last day), nothing where Dataverse does not say."""
    names = ",".join(f"'{table}'" for table in tables)
    try:
        body = client.get(f"RetrieveTotalRecordCount(EntityNames=[{names}])")
        found = body["EntityRecordCountCollection"]
        return dict(zip(found["Keys"], map(int, found["Values"]), strict=True))
    except (DataverseError, TypeError, KeyError, ValueError):
        return {}


def _note(parts: list[Part], done: int, seconds: float) -> str:
    tally = total(parts)
    rate = f"{done / seconds:,.0f}/s" if seconds > 1 else "-/s"
    return f"{tally.written:,} written, {rate}"
