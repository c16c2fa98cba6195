"""A person's own sign-in: `az`, played by a small program on the PATH."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from consent_sync.dataverse.auth import token_provider
from consent_sync.dataverse.azure_cli import AzureCliTokens
from consent_sync.dataverse.errors import SignInFailed, SignInSettings
from consent_sync.storage_auth import storage_credential

URL = "https://contoso.crm4.dynamics.com/"
_PLAYER = """
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
play = json.loads((here / "play.json").read_text())
time.sleep(play["sleeps"])
print(play["says"])
print(play["complains"], file=sys.stderr)
sys.exit(play["code"])
"""


class Az:
    """The stand-in: what it says next, and how it was called."""

    def __init__(self, place: Path) -> None:
        self._place = place
        player = place / "player.py"
        player.write_text(_PLAYER, encoding="utf-8")
        if os.name == "nt":
            (place / "az.cmd").write_text(f'@"{sys.executable}" "{player}" %*\n', encoding="utf-8")
        else:
            (place / "az").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{player}" "$@"\n', encoding="utf-8")
            (place / "az").chmod(0o755)
        self.says(accessToken="token-1", expires_on=4102444800)

    def says(self, text: str = "", *, code: int = 0, complains: str = "", sleeps: float = 0, **body: Any) -> None:
        play = {"says": text or json.dumps(body), "code": code, "complains": complains, "sleeps": sleeps}
        (self._place / "play.json").write_text(json.dumps(play), encoding="utf-8")

    @property
    def calls(self) -> list[list[str]]:
        lines = (self._place / "calls.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return Az(tmp_path)


def test_it_asks_for_the_environment_and_keeps_the_token(az: Az) -> None:
    tokens = token_provider("azure_cli", url=URL)
    assert [tokens.token() for _ in range(3)] == ["token-1"] * 3
    resource = "https://contoso.crm4.dynamics.com"
    assert az.calls == [["account", "get-access-token", "--resource", resource, "--output", "json"]]


def test_another_tenant_is_named(az: Az) -> None:
    token_provider("azure_cli", url=URL, tenant_id="tenant-1").token()
    assert az.calls[0][-2:] == ["--tenant", "tenant-1"]


@pytest.mark.parametrize(
    "expires", [{"expires_on": 2_000_000}, {"expiresOn": "1970-01-24 03:33:20.000000"}], ids=["seconds", "local time"]
)
def test_a_token_that_ages_is_asked_for_again(az: Az, expires: dict[str, Any]) -> None:
    now = [1_000_000.0]
    tokens = AzureCliTokens("https://x", clock=lambda: now[0])
    az.says(accessToken="first", **expires)
    tokens.token()
    az.says(accessToken="second", **expires)
    now[0] = 1_990_000.0 - 86_400  # whatever the time zone of this machine
    assert tokens.token() == "first"
    now[0] = 2_000_000.0 - 1 + 86_400
    assert tokens.token() == "second"


def test_a_burst_of_threads_starts_it_once(az: Az) -> None:
    tokens = token_provider("azure_cli", url=URL)
    threads = [threading.Thread(target=tokens.token) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(az.calls) == 1


def test_without_the_cli_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignInSettings, match="Azure CLI"):
        token_provider("azure_cli", url=URL).token()


def test_who_is_not_signed_in_is_told_how(az: Az) -> None:
    az.says("secret-looking-output", code=1, complains="ERROR: Please run 'az login' to setup account.")
    with pytest.raises(SignInFailed, match="sign in with `az login`") as raised:
        token_provider("azure_cli", url=URL).token()
    assert "secret" not in str(raised.value)


def test_the_reason_is_told_without_addresses(az: Az) -> None:
    az.says(
        code=1, complains="ERROR: AADSTS50020: User account 'jane@contoso.com' does not exist in tenant.\nTrace ID: x"
    )
    with pytest.raises(SignInFailed, match=r"AADSTS50020: User account '<address>'"):
        token_provider("azure_cli", url=URL).token()


def test_silence_has_an_end(az: Az) -> None:
    az.says(accessToken="late", expires_on=4102444800, sleeps=5)
    with pytest.raises(SignInFailed, match="did not answer"):
        AzureCliTokens("https://x", seconds=0.2).token()


@pytest.mark.parametrize(
    "answer", ["", "Welcome!", "[]", "null", "{}", '{"accessToken": "", "expires_on": 1}', '{"accessToken": "t"}']
)
def test_nonsense_is_an_error_and_no_token(az: Az, answer: str) -> None:
    az.says(answer or "\n")
    with pytest.raises(SignInFailed):
        token_provider("azure_cli", url=URL).token()


def test_storage_is_signed_in_to_the_same_way(az: Az) -> None:
    credential = storage_credential("azure_cli")
    assert credential.get_token("https://storage.azure.com/.default").token == "token-1"
    assert az.calls[0][3] == "https://storage.azure.com"
