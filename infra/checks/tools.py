"""Checks by other programs, where they are on this machine: the type data, the Bicep compiler, checkov."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .repository import Finding

# The compiler can not know how long a name in a parameter is; main.bicep makes them all out of 13 characters.
_LENGTHS = re.compile(r"BCP33[45]")
# The type data does not know this type; `policy.budget` checks its shape.
_UNTYPED = "no type data for provider microsoft.consumption"


def type_data(root: Path) -> Path | None:
    """Give the folder of the offline type checker: BICEP_TYPES_DIR, or ../shared/tools beside the repository."""
    named = os.environ.get("BICEP_TYPES_DIR")
    folder = Path(named) if named else root.parent / "shared" / "tools"
    found = (folder / "bicep_check.py").exists() and (folder / "az_types.json").exists()
    if named and not found:
        raise FileNotFoundError(f"BICEP_TYPES_DIR={named} holds no bicep_check.py and az_types.json")
    return folder if found else None


def types(infra: Path, tools: Path) -> list[Finding]:
    """Check `infra` against the type data in `tools`."""
    done = _run([sys.executable, str(tools / "bicep_check.py"), str(tools / "az_types.json"), str(infra)])
    lines = [line for line in done.stdout.splitlines() if re.search(r": (error|warning) ", line)]
    if not re.search(r"^\d+ files, ", done.stdout, re.MULTILINE):
        lines.append(f"the checker did not finish: {done.stderr.strip()}")
    return [Finding("types", str(infra), line) for line in lines if _UNTYPED not in line]


def compiler() -> list[str] | None:
    """Give the command of the Bicep compiler on PATH, if there is one."""
    if bicep := shutil.which("bicep"):
        return [bicep]
    az = shutil.which("az")
    return [az, "bicep"] if az and _run([az, "bicep", "version"]).returncode == 0 else None


def build(infra: Path, command: list[str]) -> list[Finding]:
    """Compile main.bicep and its parameters; a warning counts as a finding."""
    main, parameters = str(infra / "main.bicep"), str(infra / "main.bicepparam")
    file = [main] if command[1:] == [] else ["--file", main]
    values = [parameters] if command[1:] == [] else ["--file", parameters]
    runs = [_run([*command, "build", *file, "--stdout"]), _run([*command, "build-params", *values, "--stdout"])]
    said = [line for done in runs for line in done.stderr.splitlines() if re.search(r"(Error|Warning) ", line)]
    lines = [line for line in said if not _LENGTHS.search(line)]
    lines += ["the compiler failed" for done in runs if done.returncode and not lines]
    return [Finding("build", str(infra), line) for line in lines]


def checkov(infra: Path, command: str) -> list[Finding]:
    """Run checkov with the project's list of exceptions; a file that it can not read counts as a finding."""
    settings = str(infra.parent / ".checkov.yaml")
    done = _run([command, "-d", str(infra), "--config-file", settings, "--output", "json", "--soft-fail"])
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return [Finding("checkov", str(infra), f"no report: {done.stderr.strip()[-500:]}")]
    if "results" not in report:
        return [Finding("checkov", str(infra), f"it checked nothing: {report}")]
    unread = [Finding("checkov", str(path), "checkov can not read it") for path in report["results"]["parsing_errors"]]
    failed = report["results"]["failed_checks"]
    return unread + [
        Finding(
            "checkov", f"infra{one['file_path']}:{one['file_line_range'][0]}", f"{one['check_id']} {one['check_name']}"
        )
        for one in failed
    ]


def available(root: Path) -> Iterator[tuple[str, Callable[[], list[Finding]] | None]]:
    """Give each program's name, and its check or None where it is not on this machine."""
    infra, folder, command, scanner = root / "infra", type_data(root), compiler(), shutil.which("checkov")
    yield "type check", (lambda: types(infra, folder)) if folder else None
    yield "bicep build", (lambda: build(infra, command)) if command else None
    yield "checkov", (lambda: checkov(infra, scanner)) if scanner else None


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONUTF8": "1",
        "AZURE_ENV_NAME": os.environ.get("AZURE_ENV_NAME", "check"),
        "AZURE_LOCATION": os.environ.get("AZURE_LOCATION", "westeurope"),
        "DATAVERSE_URL": os.environ.get("DATAVERSE_URL", "https://contoso.crm.dynamics.com"),
    }
    return subprocess.run(  # noqa: S603  - programs found on this machine, with paths of this repository
        command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
