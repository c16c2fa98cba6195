"""What all commands have in common: the entry, the file of settings, errors with a remedy, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from consent_sync.operate.cli import webhook
from local.demo.servers import ROOT
from tests.cli.conftest import FunctionApp, Terminal


def test_the_program_runs_from_the_settings_in_a_file(
    settings: dict[str, str], function_app: FunctionApp, tmp_path: Path
) -> None:
    lines = [f'{name}="{value}"' for name, value in (settings | {"WEBHOOK_URL": function_app.url}).items()]
    env_file = tmp_path / ".env"
    env_file.write_text("# as azd prints it\n\n" + "\n".join(lines), encoding="utf-8")
    bare = {name: value for name, value in os.environ.items() if name not in settings}
    done = subprocess.run(  # noqa: S603  - our own program
        [sys.executable, "-m", "consent_sync", "register", "--env-file", str(env_file), "--json"],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["url"] == function_app.url


def test_the_settings_of_the_local_host_are_taken_too(
    run: Terminal, settings: dict[str, str], function_app: FunctionApp, tmp_path: Path
) -> None:
    env_file = tmp_path / "local.settings.json"
    values = settings | {"WEBHOOK_URL": function_app.url, "DATAVERSE_TOKEN": ""}
    env_file.write_text(json.dumps({"IsEncrypted": False, "Values": values}), encoding="utf-8")
    run.set(**dict.fromkeys(settings, "something else") | {"DATAVERSE_TOKEN": "not said in the file"})
    assert run("register", "--env-file", str(env_file)).code == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("DATAVERSE_URL=x\nsecret words", ".env:2: not NAME=VALUE"),
        ("{secret", ".env: not JSON"),
        ('{"Values": ["secret"]}', ".env: the settings must be texts under Values"),
    ],
)
def test_a_file_that_can_not_be_read_is_told_by_its_line_and_not_quoted(
    run: Terminal, tmp_path: Path, text: str, says: str
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(text, encoding="utf-8")
    ended = run("jobs", "--env-file", str(env_file))
    assert ended.code == 1
    assert says in ended.err
    assert "secret" not in ended.err


def test_a_missing_file_and_a_missing_setting_are_told_with_a_remedy(run: Terminal) -> None:
    assert "nowhere.env: no such file" in run("jobs", "--env-file", "nowhere.env").err
    run.set(DATAVERSE_URL="")
    ended = run("jobs")
    assert ended.code == 1
    assert ended.err.startswith("error: DATAVERSE_URL is not set ")
    assert "Set the environment variable that the message names" in ended.err


def test_an_error_as_json_is_one_object(run: Terminal) -> None:
    ended = run("jobs", "--json")
    assert ended.code == 1
    assert ended.err == ""
    assert ended.json["error"]["kind"] == "NotRegistered"
    assert "python -m consent_sync register" in ended.json["error"]["remedy"]


def test_a_command_that_does_not_exist_ends_with_1_since_2_means_drift(run: Terminal) -> None:
    assert run("regster").code == 1
    assert run("register", "--bogus").code == 1


def test_a_defect_shows_no_trace_and_nothing_it_was_working_on(
    run: Terminal, function_app: FunctionApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("ann@example.com")

    assert function_app.url
    monkeypatch.setattr(webhook.registration, "find", broken)
    ended = run("register")
    assert ended.code == 1
    assert "ValueError in test_command.py:" in ended.err
    assert "Traceback" not in ended.err
    assert "ann@example.com" not in ended.err
