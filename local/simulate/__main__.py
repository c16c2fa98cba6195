"""``python -m local.simulate``: random histories on the real service; what they broke, and how to see it again."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from .run import Result, report, share, simulate
from .stage import Stage


def main() -> int:
    """Run and print the result; returns 1 after a violation."""
    parser = argparse.ArgumentParser(prog="python -m local.simulate", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.3, help="how long to go on (default: 0.3)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other histories (default: 1)")
    parser.add_argument("--only", type=int, metavar="K", help="play history K alone and print its steps")
    options = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of a history
        again = [sys.executable, "-m", "local.simulate", *sys.argv[1:]]
        return subprocess.run(again, env={**os.environ, "PYTHONHASHSEED": "0"}, check=False).returncode  # noqa: S603
    logging.getLogger("consent_sync").setLevel(logging.CRITICAL)  # the faults are meant, and the report counts them
    started = time.monotonic()
    if options.only is not None:
        with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
            result = simulate(stage, options.seed, minutes=0, only=options.only)
    else:
        cores = os.cpu_count() or 1
        with ProcessPoolExecutor(cores) as pool:
            shares = pool.map(share, repeat(options.seed), repeat(options.minutes), range(cores), repeat(cores))
            result = sum(shares, Result())
    print(report(result, time.monotonic() - started))
    return int(bool(result.violations))


if __name__ == "__main__":
    sys.exit(main())
