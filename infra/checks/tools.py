"""Checks by other programs: the type data and the Bicep compiler where they are on this machine, and checkov."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from .repository import Finding, Repository

# The compiler can not know how long a name in a parameter is; main.bicep makes them all out of 13 characters.
_LENGTHS = re.compile(r"BCP33[45]")
# The type data does not know this type; `policy.budget` checks its shape.
_UNTYPED = "no type data for provider microsoft.consumption"
CHECKED_TYPES = {
    "Microsoft.KeyVault/vaults",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Web/serverfarms",
    "Microsoft.Web/sites",
    "Microsoft.Web/sites/config",
}
"""The types that the pinned checkov has checks for: it must have looked at every such resource, and at no other."""


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


def checkov_venv(root: Path) -> Path:
    """Give the command of the checkov that infra/checkov.txt pins, installed into .checkov-venv unless it is there.

    It lives apart, since it pins an old Bicep parser. Raises CalledProcessError if it can not be installed.
    """
    venv, pins = root / ".checkov-venv", root / "infra" / "checkov.txt"
    scripts, stamp = venv / ("Scripts" if os.name == "nt" else "bin"), venv / ".stamp"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        pip = [str(scripts / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)  # noqa: S603  - our own Python
        subprocess.run([*pip, "--no-deps", "-r", str(pins)], check=True)  # noqa: S603  - complete: nothing else comes in
        stamp.write_text(wanted, encoding="utf-8")
    return scripts / "checkov"


def checkov(repository: Repository, command: Path) -> list[Finding]:
    """Run checkov on all of `infra`, without its list of exceptions, and read its report."""
    infra = repository.root / "infra"
    options = ["--framework", "bicep", "--skip-download", "--compact", "--output", "json", "--soft-fail"]
    with tempfile.TemporaryDirectory() as elsewhere:  # it would take the exceptions from where it stands
        done = _run([str(command), "-d", str(infra), *options], elsewhere)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return [Finding("checkov", str(infra), f"no report: {done.stderr.strip()[-500:]}")]
    return list(read_report(repository, report))


def read_report(repository: Repository, report: dict[str, Any]) -> Iterator[Finding]:
    """Say what checkov found, what it passed over, and which exceptions of .checkov.yaml nothing needs."""
    if "results" not in report:
        yield Finding("checkov", "infra", f"it checked nothing: {report}")
        return
    results = report["results"]
    for path in results["parsing_errors"]:
        yield Finding("checkov", str(path), "checkov can not read it")
    skipped = set(YAML(typ="safe").load(repository.text(".checkov.yaml"))["skip-check"])
    failed = results["failed_checks"]
    for one in failed:
        if one["check_id"] not in skipped:
            where = f"infra{one['file_path']}:{one['file_line_range'][0]}"
            yield Finding("checkov", where, f"{one['check_id']} {one['check_name']}")
    for check in sorted(skipped - {one["check_id"] for one in failed}):
        yield Finding("checkov", ".checkov.yaml", f"{check} is skipped for nothing")
    seen = {(one["file_path"], one["resource"]) for one in (*failed, *results["passed_checks"])}
    for path, resource in sorted(seen ^ set(_resources(repository))):
        missed = f"{'knows' if (path, resource) in seen else 'did not see'} {resource}"
        yield Finding("checkov", f"infra{path}", f"checkov {missed}: see CHECKED_TYPES in infra/checks/tools.py")


def _resources(repository: Repository) -> Iterator[tuple[str, str]]:
    """Give each resource that checkov has something to say about, as it names file and resource."""
    for path, file in repository.bicep.items():
        for resource in file.resources.values():
            if resource.type in CHECKED_TYPES and not resource.existing:
                yield path.removeprefix("infra"), f"{resource.type}.{resource.symbol}"


def available(root: Path) -> Iterator[tuple[str, Callable[[], list[Finding]] | None]]:
    """Give each program's name, and its check or None where it is not on this machine."""
    infra, folder, command = root / "infra", type_data(root), compiler()
    yield "type check", (lambda: types(infra, folder)) if folder else None
    yield "bicep build", (lambda: build(infra, command)) if command else None


def _run(command: list[str], folder: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONUTF8": "1",
        "AZURE_ENV_NAME": os.environ.get("AZURE_ENV_NAME", "check"),
        "AZURE_LOCATION": os.environ.get("AZURE_LOCATION", "westeurope"),
        "DATAVERSE_URL": os.environ.get("DATAVERSE_URL", "https://contoso.crm.dynamics.com"),
    }
    return subprocess.run(  # noqa: S603  - programs found on this machine, with paths of this repository
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
