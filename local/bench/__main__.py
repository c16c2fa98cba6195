"""`python -m local.bench`: what the work costs, beside the minimum and two other ways; see docs/bench.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from local.demo.servers import ROOT

from . import client, deciding
from .measure import Company, measure
from .table import page

SIZES = (2_000, 10_000)


def main() -> None:
    """Measure and print; with --write also into docs/bench.md."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="+", default=SIZES, help="sizes of the company")
    parser.add_argument(
        "--sweeps", type=int, nargs="+", default=(), help="further sizes, without the looks at everybody that only read"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/bench.md")
    options = parser.parse_args()
    lines = []
    for size in sorted({*options.contacts, *options.sweeps}):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            company = Company(size, options.seed, everything=size in options.contacts)
            lines += measure(company, Path(folder), lambda text: print(f"# {text}", file=sys.stderr))
    text = page(lines, deciding.measure(), " ".join(["python3 dev.py bench", *sys.argv[1:]]))
    print(text)
    if options.write:
        (ROOT / "docs" / "bench.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    client.main(sys.argv[2:]) if sys.argv[1:2] == ["client"] else main()
