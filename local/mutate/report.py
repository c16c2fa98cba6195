"""What a run found, as text for the terminal and as the page docs/mutation.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from .mutants import Mutant
from .survivors import REASONS
from .trial import Outcome

ENOUGH = 0.95


@dataclass(frozen=True, slots=True)
class Run:
    """One run over `sampled` (drawn with `seed`) of `possible` mutants."""

    possible: int
    seed: int
    results: Sequence[tuple[Mutant, Outcome]]

    @property
    def tried(self) -> int:
        """How many mutants were tried."""
        return len(self.results)

    @property
    def survivors(self) -> list[Mutant]:
        """Those that no test noticed."""
        return [mutant for mutant, outcome in self.results if outcome is Outcome.SURVIVED]

    @property
    def killed(self) -> int:
        """How many the tests noticed, or never got to an end with."""
        return self.tried - len(self.survivors)

    @property
    def timed_out(self) -> int:
        """How many of the killed ran out of time."""
        return sum(outcome is Outcome.TIMED_OUT for _, outcome in self.results)

    @property
    def equivalent(self) -> int:
        """How many survivors cannot be told from the original, by the table."""
        return sum(1 for mutant in self.survivors if (why := REASONS.get(mutant.key)) and why.equivalent)

    @property
    def share(self) -> float:
        """The share killed of those that could be: all but the equivalent ones."""
        possible = self.tried - self.equivalent
        return self.killed / possible if possible else 1.0


def summary(run: Run) -> str:
    """Say the figures and name every survivor, with its reason if the table has one."""
    lines = [_figures(run), *(f"{m.module}:{m.line} {m.function}: {m.change}\n    {_why(m)}" for m in run.survivors)]
    return "\n".join(lines)


def page(run: Run, day: date) -> str:
    """Write docs/mutation.md."""
    rows = [f"| `{m.module}:{m.line}` | `{m.function}` | {_code(m.change)} | {_why(m)} |" for m in run.survivors]
    survivors = ["| where | in | change | why it may survive |", "|---|---|---|---|", *rows] if rows else ["None."]
    return "\n".join(
        [
            "# Mutation check",
            "",
            "`python3 dev.py mutate` breaks the rules and registers in one small way at a time and runs the fast tests",
            "(the promises and the attack, every interleaving of three steps, every case) against each. This page is",
            "written by `python3 dev.py mutate --write`.",
            "",
            f"The last run, of {day.isoformat()}, {_extent(run)}: {_figures(run)}",
            "",
            "## Survivors",
            "",
            *survivors,
            "",
        ]
    )


def _extent(run: Run) -> str:
    whole = run.tried == run.possible
    return (
        f"of all {run.possible} mutants" if whole else f"of a sample of {run.tried} of {run.possible} (seed {run.seed})"
    )


def _figures(run: Run) -> str:
    return (
        f"{run.tried} mutants tried, {run.killed} killed ({run.timed_out} of them out of time), {len(run.survivors)} "
        f"survived, {run.equivalent} of these equivalent. Killed of all: {run.killed / max(run.tried, 1):.1%}; "
        f"of those that could be: {run.share:.1%}."
    )


def _why(mutant: Mutant) -> str:
    why = REASONS.get(mutant.key)
    if why is None:
        return "no reason: when this ran, a test was missing"
    return f"{'equivalent' if why.equivalent else 'accepted'}: {why.text}"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"
