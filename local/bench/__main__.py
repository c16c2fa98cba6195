"""`python -m local.bench`: what the work costs, beside the minimum and two other ways; see docs/bench.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from local.demo.servers import ROOT

from . import client, deciding
from .figures import Figures, Size, keep_figures, read_figures
from .measure import Company, measure
from .table import page

SIZES = (2_000, 10_000)


def main() -> None:
    """Measure and print; with --write also into docs/bench.json and docs/bench.md."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="*", default=SIZES, help="sizes of the company")
    parser.add_argument(
        "--sweeps", type=int, nargs="+", default=(), help="further sizes, without the looks at everybody that only read"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-deciding", action="store_true", help="leave out how fast decisions alone are made")
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=ROOT / "docs" / "bench.json",
        help="keep the figures in this file, those of other sizes too, and write the page beside it",
    )
    options = parser.parse_args()
    command, day = " ".join(["python3 dev.py bench", *sys.argv[1:]]), datetime.now(UTC).date()
    figures = Figures()
    for size in sorted({*options.contacts, *options.sweeps}):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            company = Company(size, options.seed, everything=size in options.contacts)
            lines = measure(company, Path(folder), lambda text: print(f"# {text}", file=sys.stderr))
        figures = _known(options.write, figures).with_size(Size(size, command, day, tuple(lines)))
        _keep(options.write, figures)
    if not options.no_deciding:
        found = tuple(deciding.measure())
        figures = replace(_known(options.write, figures), deciding=found)
        _keep(options.write, figures)
    print(page(figures))


def _known(file: Path | None, so_far: Figures) -> Figures:
    """Give what is in `file` by now, since another size may be measured beside this one; `so_far` without a file."""
    return read_figures(file) if file else so_far


def _keep(file: Path | None, figures: Figures) -> None:
    if file:
        keep_figures(figures, file)
        file.with_suffix(".md").write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    client.main(sys.argv[2:]) if sys.argv[1:2] == ["client"] else main()
