"""How far a long run is: a bar with rate and time left at a terminal, a line now and then where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consent_sync.ports.runs import Part, Phase, Run, total

from .command import console

_EVERY = 5.0  # seconds between two lines

type Report = Callable[[list[Part]], None]


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a run is: the phase that is under way, rows of that phase, all there are if known, and writes."""

    phase: Phase
    rows: int
    whole: int | None
    written: int


def extent(run: Run, parts: list[Part]) -> Extent:
    """Say how far a run is. Each phase goes over the same rows again."""
    phase = max((part.phase for part in parts), key=list(Phase).index, default=Phase.OPT_OUTS)
    rows = total(part for part in parts if part.phase is phase).rows
    return Extent(phase, rows, max(run.expected, rows) if run.expected else None, total(parts).written)


@contextmanager
def progress(run: Run) -> Iterator[Report]:
    """Show how a run gets on, each time it is told the run's parts."""
    out, title = console(stderr=True), f"{run.kind} of {run.scope}"
    if not out.is_terminal:
        yield _Lines(run, title, out.print)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, TimeRemainingColumn(), console=out, transient=True) as bar:
        task, started = bar.add_task(title, total=run.expected, note=""), time.monotonic()

        def report(parts: list[Part]) -> None:
            now = extent(run, parts)
            note = _note(now, time.monotonic() - started)
            bar.update(task, description=f"{title}: {now.phase}", completed=now.rows, total=now.whole, note=note)

        yield report


class _Lines:
    """Prints a line every few seconds, so that a log of the run stays readable."""

    def __init__(self, run: Run, title: str, print_: Callable[[str], None]) -> None:
        self._run, self._title, self._print = run, title, print_
        self._started = self._last = time.monotonic()

    def __call__(self, parts: list[Part]) -> None:
        now = time.monotonic()
        if now - self._last >= _EVERY:
            self._last = now
            self._print(line(self._title, extent(self._run, parts), now - self._started))


def line(title: str, now: Extent, seconds: float) -> str:
    """Say in one line how far a run is, and how long this phase will still take, if that can be told."""
    of_, left = "", ""
    if now.whole:
        of_ = f" of {now.whole:,}"
    if now.whole and now.rows:
        left = f", {timedelta(seconds=round(seconds * (now.whole - now.rows) / now.rows))} left"
    return f"{title}: {now.phase}, {now.rows:,}{of_} rows, {_note(now, seconds)}{left}"


def _note(now: Extent, seconds: float) -> str:
    rate = f"{now.rows / seconds:,.0f}/s" if seconds > 1 else "-/s"
    return f"{now.written:,} written, {rate}"
