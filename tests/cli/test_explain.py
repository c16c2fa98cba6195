"""``explain``: its reader can say which act caused the state, and what would change it."""

from __future__ import annotations

import io
from datetime import datetime

import pytest

from local.company import CONTOSO
from tests.cli.conftest import Ended, Terminal
from tests.emulator.support import Client


def ask(run: Terminal, monkeypatch: pytest.MonkeyPatch, *options: str) -> Ended:
    monkeypatch.setattr("sys.stdin", io.StringIO("Ann@example.com\n"))
    return run("explain", *options)


def test_the_act_behind_a_stop_and_its_time_and_rule_are_told(
    run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    changed = f"{datetime.fromisoformat(dataverse.row(f'contacts({ann})')['modifiedon']):%d %b %Y %H:%M:%S} UTC"
    run("resync", "--all")
    ended = ask(run, monkeypatch)
    assert ended.code == 0
    out = " ".join(ended.out.split())
    assert f"OUT all commercial mail of all brands since {changed}" in out
    assert f"The contact {ann} opted out at {changed}. It stands in the flag donotbulkemail" in out
    assert f"the flag donotbulkemail of the contact {ann} says out, changed {changed}" in out
    assert "[out-covers-narrower: " in out
    assert "the consent row of the purpose “Contoso Commercial” was set to say out: done" in out
    assert "ann@" not in ended.out.lower()


def test_explaining_leaves_no_trace(run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    before = dataverse.admin("snapshot")
    view = ask(run, monkeypatch, "--json").json
    assert {place["should"] for place in view["places"] if "consent row" in place["where"]} >= {"out"}
    assert view["history"] == []
    assert dataverse.admin("snapshot") == before
    assert run("runs").out == "There was no run yet.\n"


def test_a_record_is_explained_with_all_of_its_places(run: Terminal, dataverse: Client) -> None:
    bob = dataverse.contact(emailaddress1="bob@example.com")
    listed = f"lists({CONTOSO.opt_out_list})/Microsoft.Dynamics.CRM.AddMemberList"
    assert dataverse.post(listed, {"EntityId": bob}).status_code == 200
    run("resync", "--all")
    out = " ".join(run("explain", "--record", f"contact:{bob}").out.split())
    assert f"the opt-out list “No mail from Contoso” of the contact {bob} says out" in out
    assert "OUT the purpose “Contoso Commercial”" in out
    assert "SILENT all commercial mail of all brands" in out


def test_what_waits_for_a_person_is_told(run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    dataverse.patch(f"contacts({ann})", {"donotbulkemail": False})
    out = " ".join(ask(run, monkeypatch).out.split())
    assert f"the flag donotbulkemail of the contact {ann} says silent, kept out: Somebody loosened" in out


def test_somebody_who_said_nothing_is_not_stopped(
    run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataverse.contact(emailaddress1="ann@example.com")
    out = ask(run, monkeypatch).out
    assert "SILENT all commercial mail of all brands" in out
    assert "OUT" not in out
    assert "nothing yet" in out
