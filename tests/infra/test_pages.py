"""The page to deploy by and the runbooks say what the templates and the commands have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid

from consent_sync.operate.access import Role
from consent_sync.operate.cli.app import app

from .conftest import ROOT

from checks.repository import Repository  # isort: skip  - conftest makes it importable

DEPLOY = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BASH = shutil.which("bash")


def sections(page: str, level: str) -> dict[str, str]:
    parts = re.split(rf"^{level} (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(page: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_page_names_every_parameter_output_and_secret() -> None:
    parameters = (ROOT / "infra" / "main.bicepparam").read_text(encoding="utf-8")
    names = set(re.findall(r"readEnvironmentVariable\('(\w+)'", parameters)) | Repository(ROOT).main.outputs.keys()
    assert {name for name in names if f"`{name}`" not in DEPLOY} == set()
    assert {name for name in ("webhook-keys", "ledger-hash-key") if f"--name {name}" not in DEPLOY} == set()


def test_every_step_ends_with_its_check() -> None:
    steps = {name: text for name, text in sections(DEPLOY, "##").items() if name[0].isdigit()}
    assert len(steps) == 9
    assert [name for name, text in steps.items() if "**Check**: " not in text.strip().rpartition("\n\n")[2]] == []


def test_the_commands_on_the_page_exist() -> None:
    named = set(re.findall(r"python -m consent_sync (\w[\w-]*)", DEPLOY))
    commands = {command.name for command in app.registered_commands}
    assert len(named) > 5
    assert named <= commands


def test_every_alert_has_its_runbook_and_no_other() -> None:
    rules = Repository(ROOT).bicep["infra/modules/alerts.bicep"].variables["rules"]
    runbooks = sections(sections(OPERATIONS, "##")["Alerts"], "###")
    assert {name.strip("`") for name in runbooks} == {rule["name"] for rule in rules}
    off = {f"`{rule['name']}`" for rule in rules if not rule["enabled"]}
    assert {name for name, text in runbooks.items() if "Switched off" in text} == off
    assert [name for name, text in runbooks.items() if "**Do**" not in text or "**Over when**" not in text] == []


def test_the_app_registration_has_the_roles_that_the_code_asks_for() -> None:
    registration = json.loads((ROOT / "infra" / "sign-in.json").read_text(encoding="utf-8"))
    roles = {role["value"]: role for role in registration["appRoles"]}
    assert roles.keys() == {role.name.lower() for role in Role}
    assert roles["approver"]["allowedMemberTypes"] == ["User"], "an approval names a person"
    ids = [part["id"] for part in [*roles.values(), *registration["api"]["oauth2PermissionScopes"]]]
    assert len({uuid.UUID(id_) for id_ in ids}) == len(roles) + 1
    assert registration["signInAudience"] == "AzureADMyOrg"


if BASH:

    def test_the_commands_are_shell() -> None:
        found = blocks(DEPLOY)
        assert len(found) > 10
        done = subprocess.run([BASH, "-n"], input="\n".join(found), capture_output=True, text=True, check=False)  # noqa: S603
        assert done.stderr == ""


def test_every_test_that_the_security_page_names_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 25
    lost = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert lost == []
