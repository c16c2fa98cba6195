"""``python -m local.proof``: what goes wrong with which rule, over every interleaving of a few steps."""

from __future__ import annotations

import argparse
import sys

from .page import CASES, PAGE, count_case, page
from .table import HEADING, STEPS, line


def main() -> int:
    """Print the table; returns 1 if the production code ended wrong where it must not."""
    parser = argparse.ArgumentParser(prog="python -m local.proof", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help=f"longest interleaving (default: {STEPS})")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}, too, always with {STEPS} steps")
    options = parser.parse_args()
    print(
        f"Two places hold one consent. All that can happen in up to {options.steps} steps:\n"
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
    for name, case in CASES.items():
        count = count_case(name) if options.steps == STEPS else case.count(options.steps)
        print(line(case, count), flush=True)
        failed |= case.must_hold and count.wrong > 0
    if options.write:
        PAGE.write_text(page(), encoding="utf-8", newline="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
