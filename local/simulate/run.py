"""Many histories, one after the other, each with its own random numbers."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from .fate import ViolationError
from .history import History, Tally
from .stage import Stage

WIRE_EVERY = 20
"""Every so many histories go over the wire instead of calling the emulator's application."""

_SHOWN = 10


@dataclass
class Result:
    """What was tried, and what went wrong: a sentence for each violation, with the command that shows it again."""

    tally: Tally = field(default_factory=Tally)
    violations: list[str] = field(default_factory=list)
    requests: int = 0

    def __add__(self, other: Result) -> Result:
        return Result(self.tally + other.tally, self.violations + other.violations, self.requests + other.requests)


def share(seed: int, minutes: float, first: int, step: int) -> Result:
    """Play every `step`-th history from number `first` on, on a stage of its own: for one of several processes."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        return simulate(stage, seed, minutes=minutes, first=first, step=step)


def simulate(  # noqa: PLR0913  - in keywords
    stage: Stage,
    seed: int,
    *,
    minutes: float,
    only: int | None = None,
    at_least: int = 1,
    first: int = 0,
    step: int = 1,
) -> Result:
    """Play every `step`-th history for so long, but at least so many; with `only` that one, telling its steps."""
    result, until, number = Result(), time.monotonic() + 60 * minutes, first if only is None else only
    while (only is None and (time.monotonic() < until or result.tally.histories < at_least)) or number == only:
        random = Random(f"{seed}-{number}")  # noqa: S311  - to be repeated, not to be secret
        stage.reset(number)
        stage.network.over_the_wire = number % WIRE_EVERY == WIRE_EVERY - 1
        history = History(stage, random, result.tally, print if only is not None else lambda _: None)
        replay = f"python -m local.simulate --seed {seed} --only {number}"
        try:
            history.play()
        except ViolationError as violation:
            result.violations.append(f"{': '.join(violation.args)}\n    see it again: {replay}")
        except Exception:  # noqa: BLE001  - whatever escapes the service is a violation, too
            result.violations.append(f"crash_anywhere: {traceback.format_exc()}\n    see it again: {replay}")
        result.tally.histories += 1
        number += step
    result.tally.faults += stage.network.broken
    result.requests = stage.network.sent
    return result


def report(result: Result, seconds: float) -> str:
    """Say it in a few lines."""
    tally = result.tally
    return "\n".join(
        (
            f"{tally.histories:,} histories in {seconds:,.0f} s ({60 * tally.histories / seconds:,.0f} per minute)",
            f"{tally.steps:,} steps, {sum(tally.deeds.values()):,} deeds: {_counted(tally.deeds)}",
            f"events: {_counted(tally.events)}",
            f"{sum(tally.faults.values()):,} faults: {_counted(tally.faults)}",
            f"{sum(tally.kills.values()):,} kills: {_counted(tally.kills)}",
            f"{result.requests:,} HTTP requests",
            f"{len(result.violations):,} violations",
            *(f"  {violation}" for violation in result.violations[:_SHOWN]),
        )
    )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counter.most_common()) or "none"
