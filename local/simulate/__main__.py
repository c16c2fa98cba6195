"""``python -m local.simulate``: what goes wrong with which rule, over every interleaving of a few steps."""

from __future__ import annotations

import argparse
import sys

from .table import HEADING, STEPS, cases, line


def main() -> int:
    """Print the table; returns 1 if the production code ended wrong where it must not."""
    parser = argparse.ArgumentParser(prog="python -m local.simulate", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help=f"longest interleaving (default: {STEPS})")
    steps: int = parser.parse_args().steps
    print(
        f"Two places hold one consent. All that can happen in up to {steps} steps:\n"
        "  a- a+ b- b+            the person opts out or in, at either place\n"
        "  a* b*                  somebody edits something else in the same row\n"
        "  read, write            the service reads both, writes what it decided on that\n"
        "  crash-before, -after   it loses its memory before the write, or after it with nothing recorded\n"
        "Then it looks undisturbed until nothing changes.\n"
        "  wrong                  the last act was an opt-out and a place says in, or a write opened one against\n"
        "                         an opt-out that had been made when the service read\n"
        "  stuck                  the last act was an opt-in and a place says out\n"
    )
    print(HEADING)
    failed = False
    for case in cases():
        count = case.count(steps)
        print(line(case, count), flush=True)
        failed |= case.must_hold and count.wrong > 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
