from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

from .conftest import ROOT
from .mistakes import OWN, TYPED, Mistake

from check import own_checks  # isort: skip  - conftest makes it importable
from checks import tools  # isort: skip
from checks.repository import Repository  # isort: skip

TYPE_DATA = tools.type_data(ROOT)
COMPILER = tools.compiler()


def _named(mistake: Mistake) -> str:
    return f"{mistake.seen_by}: {Path(mistake.path).name}: {' '.join(mistake.text.split())[:40]}"


def _with(mistake: Mistake) -> str:
    before = (ROOT / mistake.path).read_text(encoding="utf-8")
    assert mistake.text in before, f"{mistake.path} no longer says {mistake.text!r}: write the mistake anew"
    return before.replace(mistake.text, mistake.becomes, 1)


def test_the_templates_pass_the_projects_own_checks() -> None:
    assert own_checks(Repository(ROOT)) == []


@pytest.mark.parametrize("mistake", OWN, ids=_named)
def test_own_checks_see(mistake: Mistake) -> None:
    found = own_checks(Repository(ROOT, {mistake.path: _with(mistake)}))

    assert mistake.seen_by in {finding.check for finding in found}


if TYPE_DATA:

    def test_the_templates_fit_azures_types() -> None:
        assert tools.types(ROOT / "infra", TYPE_DATA) == []

    @pytest.mark.parametrize("mistake", TYPED, ids=_named)
    def test_types_see(mistake: Mistake, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "infra", tmp_path / "infra")
        (tmp_path / mistake.path).write_text(_with(mistake), encoding="utf-8")

        assert tools.types(tmp_path / "infra", TYPE_DATA)


if COMPILER:

    def test_the_compiler_accepts_the_templates() -> None:
        assert tools.build(ROOT / "infra", COMPILER) == []


def test_named_type_data_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BICEP_TYPES_DIR", str(tmp_path))

    with pytest.raises(FileNotFoundError, match="BICEP_TYPES_DIR"):
        tools.type_data(ROOT)


def test_the_script_says_what_it_ran_and_what_it_did_not(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "infra" / "check.py"), "--need", "bicep build"]
    done = subprocess.run(  # noqa: S603  - our own script
        command, env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert " files, 0 findings\n" in done.stdout
    assert "bicep build: not run" in done.stdout


def test_only_the_app_is_deployed() -> None:
    ignored = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text(encoding="utf-8").splitlines())
    git = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    listed = git.stdout.splitlines()
    also = [
        "mapping.yaml",
        "local.settings.json",
        ".venv/lib/x.py",
        "ledger.sqlite-wal",
        "consent_sync/a/__pycache__/b",
    ]
    kept = {path for path in [*listed, *also] if not ignored.match_file(path)}

    wanted = {"function_app.py", "host.json", "requirements.txt", "mapping.yaml"}
    assert {path for path in kept if not path.startswith("consent_sync/")} == wanted
    assert {path for path in listed if path.startswith("consent_sync/")} <= kept


def test_settings_for_a_laptop_are_those_of_azure() -> None:
    values = json.loads((ROOT / "local.settings.example.json").read_text(encoding="utf-8"))["Values"]
    app = Repository(ROOT).bicep["infra/modules/functionapp.bicep"].resources["app"]
    in_azure = {entry["name"].partition("__")[0] for entry in app.get("properties.siteConfig.appSettings")}

    assert {name for name in in_azure if not name.startswith(("APPLICATIONINSIGHTS", "OVERRIDE_"))} <= values.keys()
