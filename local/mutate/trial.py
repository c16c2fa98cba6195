"""Runs the tests against mutants, each in a copy of the tree of its own.

Time is the processor's where the system can limit it (POSIX), so that a busy machine never makes a mutant look killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import partial
from math import ceil
from pathlib import Path

from .mutants import Mutant
from .quick import LIMIT, RAN_OUT, seconds_of_children

ENGINE = ("test_mutants", "test_fine_points", "test_promises", "test_gates", "test_attack")
SELECTION = (*(f"tests/engine/{name}.py" for name in ENGINE), "tests/model/test_scenes.py", "tests/cases")
"""Fast tests first: the promises and the attack, every interleaving of three steps, every case."""
TIMES = 3.0
"""How many times as long as the unchanged code a mutant may take: a processor that others use, too, is slower."""
PATIENCE = 20
"""How many times as long the clock on the wall may show: then it waits for something that never comes."""
WORKERS = 2
NEEDED = ("consent_sync", "local", "tests", "pyproject.toml", "mapping.example.yaml", "host.json", "function_app.py")
_LEAN = {"PYTHONUTF8": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plug-ins take longer to load than most tests
_LEFT_OUT = shutil.ignore_patterns("node_modules")  # but not __pycache__: its age tells Python what still holds


class Outcome(Enum):
    """How a trial ended; who runs out of time is killed too, since the tests would never pass."""

    KILLED = "killed"
    TIMED_OUT = "out of time"
    SURVIVED = "survived"


class BrokenTestsError(Exception):
    """The tests fail without any change, so they can judge none; the message ends with what they printed."""


def copy_tree(root: Path, to: Path) -> None:
    """Copy what the tests need."""
    for name in NEEDED:
        if (root / name).is_dir():
            shutil.copytree(root / name, to / name, ignore=_LEFT_OUT)
        else:
            shutil.copy2(root / name, to / name)


def check_unchanged(tree: Path) -> float:
    """Give the seconds that the tests take in `tree` as it is. Raises BrokenTestsError where they do not pass."""
    began = seconds_of_children()
    done = _pytest(tree, None)
    if done.returncode:
        raise BrokenTestsError(f"The tests fail without any change; make them pass first.\n{done.stdout[-3000:]}")
    return seconds_of_children() - began


def trials(tree: Path, mutants: Iterable[Mutant], seconds: float) -> Iterator[tuple[Mutant, Outcome]]:
    """Try every mutant of `tree` for as many seconds at most, and give how each ended, in their order."""
    mutants = list(mutants)
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from zip(mutants, pool.map(partial(_trial, tree, seconds), mutants), strict=True)


def _trial(tree: Path, seconds: float, mutant: Mutant) -> Outcome:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder)
        copy_tree(tree, copy)
        (copy / mutant.module).write_bytes(mutant.source)
        try:
            done = _pytest(copy, seconds)
        except subprocess.TimeoutExpired:
            return Outcome.TIMED_OUT
        if done.returncode == RAN_OUT:
            return Outcome.TIMED_OUT
        return Outcome.KILLED if done.returncode else Outcome.SURVIVED


def _pytest(tree: Path, seconds: float | None) -> subprocess.CompletedProcess[str]:
    options = ["-x", "--tb=short", "-p", "no:cacheprovider", "-p", "local.mutate.quick"]
    return subprocess.run(  # noqa: S603  - our own Python
        [sys.executable, "-m", "pytest", *options, *SELECTION],
        cwd=tree,
        env={**os.environ, **_LEAN, LIMIT: str(ceil(seconds or 0))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=seconds and seconds * (PATIENCE if RAN_OUT else 1),
        check=False,
    )
