"""The lock file that Azure installs from: every package by name, version and hash, and only for where it runs.

pip takes a file in which anything has a hash as an order to install nothing without one (its page "Secure installs").
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

HEADER = "# Made by `python3 dev.py lock` from requirements.in: what Azure installs, wheel by wheel. Do not edit.\n"
AZURE_LINUX = [
    "--only-binary=:all:",
    "--implementation=cp",
    "--python-version=3.13",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux2014_x86_64",
    "--target=.",  # pip wants one with a platform; a dry run writes nothing there
]
_LINE = re.compile(r"(?P<name>\S+)==(?P<version>\S+) \\\n    --hash=sha256:(?P<sha256>[0-9a-f]{64})\n")


class Pin(NamedTuple):
    """One package as it will be installed."""

    name: str
    version: str
    sha256: str


def resolve(requirements: Path, options: Sequence[str] = ()) -> list[Pin]:
    """Let pip choose what it would install for `requirements`. Raises CalledProcessError, whose output pip printed."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report=-"]
    command = [*pip, "--disable-pip-version-check", *options, "--requirement", str(requirements)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  - our own pip
    return sorted(_pin(one) for one in json.loads(done.stdout)["install"])


def render(pins: Iterable[Pin]) -> str:
    """Write the lock file."""
    return HEADER + "".join(f"{name}=={version} \\\n    --hash=sha256:{sha256}\n" for name, version, sha256 in pins)


def read(text: str) -> list[Pin]:
    """Read the lock file. Raises ValueError for anything in it that is not pinned by a hash."""
    pins = [Pin(**found.groupdict()) for found in _LINE.finditer(text)]
    if render(pins) != text:
        raise ValueError("the lock file has been edited: every package must stand there with version and hash")
    return pins


def _pin(one: Mapping[str, Any]) -> Pin:
    about, archive = one["metadata"], one["download_info"]["archive_info"]
    return Pin(canonicalize_name(about["name"]), about["version"], archive["hashes"]["sha256"])
