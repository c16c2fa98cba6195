"""``python -m local.fuzz``: attack the parsers with bytes that reach ever more of their code, from a fixed seed.

Starts from the corpus in local/fuzz/corpus and keeps what it finds under .work/fuzz. A crash, an input that takes more
than five seconds or a process that grows beyond one gigabyte ends a target's run, and the file that shows it is named.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from .targets import CORPUS, MOST_BYTES, TARGETS

WORK = Path(__file__).parents[2] / ".work" / "fuzz"
SECONDS_PER_INPUT, MEGABYTES = 5, 1024
_DONE = re.compile(r"^Done (\d+) runs", re.MULTILINE)
_SHOWN = re.compile(r"^.*(?:ERROR|SUMMARY|Test unit written).*$", re.MULTILINE)
_COVERAGE = re.compile(r"cov: (\d+)")


def main() -> int:
    """Fuzz each target for its share of the time; returns 1 after a finding, 2 where there is no atheris."""
    parser = argparse.ArgumentParser(prog="python -m local.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long to go on, all targets together (default: 60)")
    parser.add_argument("--target", choices=TARGETS, help="one target alone")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other inputs (default: 1)")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("The fuzzer runs on Linux: atheris is not made for other systems.", file=sys.stderr)
        return 2
    names = [options.target] if options.target else list(TARGETS)
    share = max(1, options.seconds // len(names))
    findings = sum(not _fuzz(name, share, options.seed) for name in names)
    print(f"fuzz: {len(names)} targets, {findings} findings")
    return int(bool(findings))


def _fuzz(name: str, seconds: int, seed: int) -> bool:
    """Fuzz one target; False after a finding, whose output is shown."""
    kept = WORK / name
    kept.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.fuzz.run", name, str(kept), str(CORPUS / name)]
    command += [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MOST_BYTES}"]
    command += [f"-dict={CORPUS.with_name('dictionary.txt')}"]
    command += [f"-timeout={SECONDS_PER_INPUT}", f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={WORK}/{name}-"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    if done.returncode:
        print(done.stdout[-4000:], *_SHOWN.findall(done.stderr), sep="\n", file=sys.stderr)
    runs, coverage = _DONE.search(done.stderr), _COVERAGE.findall(done.stderr)
    reached = f"{coverage[-1]} places reached" if coverage else "nothing reached"
    print(f"{name:10}{int(runs[1]) if runs else 0:>10,} inputs, {reached}{', A FINDING' if done.returncode else ''}")
    return not done.returncode


if __name__ == "__main__":
    sys.exit(main())
