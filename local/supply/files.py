"""Where the files of the supply chain are, and what the bill of materials must say at this moment."""

from __future__ import annotations

import tomllib
from pathlib import Path

from local.supply.closure import closure, direct_requirements
from local.supply.lock import read
from local.supply.sbom import sbom

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.in"
LOCK = ROOT / "requirements.txt"
SBOM = ROOT / "sbom.cdx.json"
CHECKOV = ROOT / "infra" / "checkov.txt"


def bill() -> str:
    """Give the bill of materials for the lock file and the packages that are installed here."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    packages = closure(direct_requirements(REQUIREMENTS))
    return sbom(version, packages, read(LOCK.read_text(encoding="utf-8")))
