#!/usr/bin/env python3
"""The one command for people who build: ``python3 dev.py COMMAND``.

Needs nothing but some Python 3.9 or newer to start with: it finds a Python 3.13, makes .venv here, installs what
requirements-dev.txt pins, and runs the command with that.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REPOSITORY = Path(__file__).resolve().parent
VENV = REPOSITORY / ".venv"
AZURITE = REPOSITORY / "local" / "azurite"
FROM_NPM = (  # each with a lock file
    AZURITE,  # the emulator of Azure Storage
    REPOSITORY / "tests" / "emulator" / "npm",  # a Dataverse client that the emulator has to satisfy
)
VERSION = (3, 13)  # newest that Azure Functions runs and every pinned package supports
UNFINISHED = "unfinished"


class Command(NamedTuple):
    """What .venv's Python runs for a command; the user's own arguments follow.

    ``checks`` run before, each under its title, whatever the others say; their output is shown if they fail.
    """

    help: str
    arguments: tuple[str, ...]
    checks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    needs_npm: bool = False


class MissingToolError(Exception):
    """Something this machine lacks; the message says how to get it."""


LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"

COMMANDS = {
    "demo": Command("see two-way sync happen on this machine, then check it", ("-m", "local.demo")),
    "simulate": Command("attack the whole service at random, for as long as you like", ("-m", "local.simulate")),
    "proof": Command(
        "try every order of acts, reads, writes and crashes on the rule, beside naive rules", ("-m", "local.proof")
    ),
    "test": Command(
        "lint, types, layers and all tests; more arguments go to pytest",
        ("-m", "pytest", "-n", "auto", "--dist", "loadgroup", "--no-loadscope-reorder"),
        checks=(
            ("ruff check", ("-m", "ruff", "check")),
            ("ruff format --check", ("-m", "ruff", "format", "--check")),
            ("mypy", ("-m", "mypy")),
            ("lint-imports", ("-c", LINT_IMPORTS, "--no-logo")),
        ),
        needs_npm=True,
    ),
    "fuzz": Command("attack the parsers with bytes, guided by the code they reach", ("-m", "local.fuzz")),
    "mutate": Command("break the rules in one small way at a time: do the tests notice?", ("-m", "local.mutate")),
    "bench": Command(
        "measure learning and deciding; with `client` requests, beside other clients", ("-m", "local.bench")
    ),
    "lock": Command("choose and pin what Azure installs, and list it (needs a package index)", ("-m", "local.supply")),
    "docs": Command("write the pages that are generated from the code", ("-m", "local.docs")),
    "emulator": Command("serve the Dataverse emulator", ("-m", "local.emulator")),
    "host": Command("serve function_app.py, or another Functions app", ("-m", "local.host")),
}
USAGE = "usage: python3 dev.py COMMAND [arguments; -h tells more]\n\n" + "".join(
    f"  {name:10}{command.help}\n" for name, command in COMMANDS.items()
)


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code of its worst step, or 2 if it cannot be run."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__, USAGE, sep="\n", end="")
        return 0 if arguments else 2
    command = COMMANDS.get(arguments[0])
    if command is None:
        print(f"There is no command {arguments[0]!r}.\n\n{USAGE}", end="", file=sys.stderr)
        return 2
    try:
        python = prepare_venv()
        for folder in FROM_NPM if command.needs_npm else (AZURITE,) if AZURITE.name in arguments else ():
            prepare_npm(folder)
    except subprocess.CalledProcessError as error:
        print(f"This failed, see above: {subprocess.list2cmdline(error.cmd)}", file=sys.stderr)
        return 2
    except MissingToolError as error:
        print(error, file=sys.stderr)
        return 2
    os.environ["PYTHONUTF8"] = "1"
    failed = [title for title, check in command.checks if not passes(title, [str(python), *check])]
    if command.checks:
        print(f"== {command.arguments[1]}{' (failed before: ' + ', '.join(failed) + ')' if failed else ''}", flush=True)
    code = run([str(python), *command.arguments, *arguments[1:]])
    return code or int(bool(failed))


def passes(title: str, command: list[str]) -> bool:
    """Run one check under its title and show what it printed if it fails."""
    print(f"== {title}", flush=True)
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.stdout.buffer.write(done.stdout)
        sys.stdout.flush()
    return done.returncode == 0


def run(command: list[str]) -> int:
    """Run a child to its end, pass a request to stop on to it, and return its exit code."""
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends Ctrl-C to the child as well; it decides
    child = subprocess.Popen(command, cwd=REPOSITORY)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    return code if code >= 0 else 128 - code


# -- .venv ------------------------------------------------------------------------------------------------------------


def prepare_venv() -> Path:
    """Return the Python of an up-to-date .venv, made or mended if need be."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = VENV / ".stamp"
    wanted = requirements_hash()
    found = stamp.read_text() if stamp.exists() else ""
    if found == wanted and python.exists():
        return python
    print("Preparing .venv, this takes a minute ...", file=sys.stderr, flush=True)
    if found == UNFINISHED or not can_install([str(python)]):
        base = find_python(candidates())
        if VENV.exists():
            shutil.rmtree(VENV)
        subprocess.run([*base, "-m", "venv", str(VENV)], check=True)
    stamp.write_text(UNFINISHED)
    install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", "requirements-dev.txt"], cwd=REPOSITORY, check=True)
    stamp.write_text(wanted)
    return python


def requirements_hash() -> str:
    """Hash what decides the contents of .venv."""
    files = [REPOSITORY / name for name in ("requirements.in", "requirements-dev.txt", "constraints.txt")]
    return hashlib.sha256(b"\0".join([repr(VERSION).encode(), *(file.read_bytes() for file in files)])).hexdigest()


def can_install(python: list[str]) -> bool:
    """Say whether this is a Python of the wanted version with pip."""
    return answers(python, f"import sys, pip; sys.exit(sys.version_info[:2] != {VERSION})")


# -- Python 3.13 ------------------------------------------------------------------------------------------------------


def find_python(commands: Iterable[list[str]]) -> list[str]:
    """Return the first of the commands that really starts a Python 3.13 that can make a virtual environment."""
    for command in commands:
        if answers(command, f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {VERSION})"):
            return command
    raise MissingToolError(
        "No Python 3.13 found: install it from https://www.python.org/downloads/ or with your package manager "
        "(uv python install 3.13, pyenv install 3.13, brew install python@3.13), then run this again."
    )


def answers(command: list[str], program: str) -> bool:
    """Run a short program; a launcher or shim that refuses, hangs or does not exist is a plain no."""
    try:
        subprocess.run([*command, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def candidates() -> Iterator[list[str]]:
    """List where a Python 3.13 may be, most wanted first."""
    if sys.version_info[:2] == VERSION:
        yield [getattr(sys, "_base_executable", sys.executable)]  # not .venv's own, which may be about to go
    for name in ("python3.13", "python3", "python"):
        for folder in os.get_exec_path():
            found = shutil.which(name, path=folder)
            if found:
                yield [found]
    launcher = shutil.which("py")
    if launcher:
        yield [launcher, "-3.13"]
    home = Path.home()
    for pattern in (
        f"{os.environ.get('PYENV_ROOT', home / '.pyenv')}/versions/3.13*/bin/python",
        f"{home}/.pyenv/pyenv-win/versions/3.13*/python.exe",
        f"{home}/.local/share/uv/python/cpython-3.13*/bin/python3.13",
        f"{home}/AppData/Roaming/uv/python/cpython-3.13*/python.exe",
        "/opt/homebrew/bin/python3.13",
        "/usr/local/bin/python3.13",
    ):
        for path in sorted(glob.glob(pattern)):  # noqa: PTH207  - absolute patterns
            yield [path]


# -- Azurite ----------------------------------------------------------------------------------------------------------


def prepare_npm(folder: Path) -> None:
    """Install what some tests talk to, if npm is here; in CI it must be."""
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI"):
            raise MissingToolError("npm is missing: install Node.js, since CI runs the tests that need it too.")
        print(f"npm is not installed: the tests that need {folder.name} are left out.", file=sys.stderr)
        return
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".stamp"
    if stamp.exists() and stamp.read_text() == lock:
        return
    print(f"Installing {folder.relative_to(REPOSITORY)}, this takes half a minute ...", file=sys.stderr, flush=True)
    subprocess.run([npm, "ci", "--prefix", str(folder), "--silent", "--no-audit", "--no-fund"], check=True)
    stamp.write_text(lock)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
