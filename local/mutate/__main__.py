"""``python -m local.mutate``: do the tests notice when a rule is broken? Ends with 1 where too many changes survive."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from .mutants import Mutant, mutants_of
from .report import ENOUGH, Run, page, summary
from .trial import TIMES, BrokenTestsError, Outcome, check_unchanged, copy_tree, trials

ROOT = Path(__file__).resolve().parents[2]
CONSENT = ("registers", "evidence", "state", "targets", "decide", "hold", "landscape", "model")
MODULES = (
    *(f"consent_sync/consent/{name}.py" for name in CONSENT),
    "consent_sync/engine/after.py",
    "consent_sync/engine/kinship.py",
)


def main() -> int:
    """Run it; 0 if enough mutants were killed, 1 if not, 2 if the tests fail by themselves."""
    parser = argparse.ArgumentParser(prog="mutate", description=__doc__)
    parser.add_argument("--sample", type=int, help="how many mutants to draw (default: all, which takes hours)")
    parser.add_argument("--seed", type=int, default=0, help="which ones are drawn (default: %(default)s)")
    parser.add_argument("--only", default="", help="only mutants whose module and function contain this text")
    parser.add_argument("--times", type=float, default=TIMES, help="time, in that of the tests (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/mutation.md")
    chosen = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(10)  # it takes long, and whoever works here comes first
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        tree = Path(folder)
        copy_tree(ROOT, tree)  # one state for the whole run, whatever is edited meanwhile
        mutants = [m for name in MODULES for m in mutants_of(name, (tree / name).read_bytes())]
        mutants = [m for m in mutants if chosen.only in f"{m.module} {m.function}"]
        drawn = _sample(mutants, chosen.sample, chosen.seed)
        try:
            seconds = check_unchanged(tree)
        except BrokenTestsError as error:
            print(error, file=sys.stderr)
            return 2
        run = Run(len(mutants), chosen.seed, _tried(trials(tree, drawn, seconds * chosen.times), len(drawn)))
    print(f"\n{summary(run)}")
    if chosen.write:
        (ROOT / "docs" / "mutation.md").write_text(page(run, datetime.now(UTC).date()), encoding="utf-8", newline="\n")
    return int(run.share < ENOUGH)


def _sample(mutants: list[Mutant], size: int | None, seed: int) -> list[Mutant]:
    if size is None or size >= len(mutants):
        return mutants
    drawn = random.Random(seed).sample(range(len(mutants)), size)  # noqa: S311  - a sample, not a secret
    return [mutants[i] for i in sorted(drawn)]


def _tried(found: Iterable[tuple[Mutant, Outcome]], count: int) -> list[tuple[Mutant, Outcome]]:
    results, began = [], time.monotonic()
    for n, (mutant, outcome) in enumerate(found, 1):
        results.append((mutant, outcome))
        where = f"{mutant.module}:{mutant.line} {mutant.function}"
        print(
            f"{n}/{count} {time.monotonic() - began:.0f} s  {outcome.value:11} {where}: {mutant.change}",
            flush=True,
        )
    return results


if __name__ == "__main__":
    sys.exit(main())
