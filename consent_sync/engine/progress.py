"""How far a run is: rows, rate, and the time that is left of what it is doing now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consent_sync.ports.runs import Part, Run, State, state_of


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows paged through, and how many there are about; rows a second; seconds left. None where nobody can tell."""

    rows: int
    expected: int | None
    per_second: float | None
    seconds_left: int | None


def progress_of(run: Run, parts: Sequence[Part], now: datetime) -> Progress:
    """Give how far `run` is. Each of its phases goes over all rows again; the time left is that of the present one."""
    phase = next((part.phase for part in parts if not part.over), parts[0].phase)
    rows = sum(part.tally.rows for part in parts if part.phase is phase)
    everything = sum(part.tally.rows for part in parts)
    state = state_of(parts)
    ended = max((part.finished for part in parts if part.finished), default=now) if state is State.DONE else now
    seconds = (ended - run.started).total_seconds()
    rate = everything / seconds if everything and seconds > 0 else None
    left = None
    if state is State.RUNNING and rate and run.expected is not None:
        left = round(max(0, run.expected - rows) / rate)
    return Progress(rows, run.expected, round(rate, 1) if rate else None, left)
