"""``explain``: its reader can say which act caused the state, and what would change it."""

from __future__ import annotations

import io

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
    changed = dataverse.row(f"contacts({ann})")["modifiedon"].replace("T", " ").rstrip("Z")
    run("resync", "--all")
    ended = ask(run, monkeypatch)
    assert ended.code == 0
    assert f"all commercial mail: STOPPED (L never, U {changed})" in ended.out
    assert f"contact {ann} opted out of all commercial mail, at the latest on {changed} UTC" in ended.out
    assert f"contact {ann}, the flag donotbulkemail: out since {changed}" in ended.out
    assert "Should say out (out-covers-narrower)" in ended.out
    assert "consent-sync made the consent row for 'Contoso Commercial' say out: done" in ended.out
    assert "ann@" not in ended.out.lower()


def test_explaining_leaves_no_trace(run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    before = dataverse.admin("snapshot")
    view = ask(run, monkeypatch, "--json").json
    assert {place["should_say"] for place in view["places"] if "consent row" in place["place"]} >= {"out"}
    assert view["history"] == []
    assert dataverse.admin("snapshot") == before
    assert run("runs").out == "There was no run yet.\n"


def test_a_record_is_explained_with_all_of_its_places(run: Terminal, dataverse: Client) -> None:
    bob = dataverse.contact(emailaddress1="bob@example.com")
    listed = f"lists({CONTOSO.opt_out_list})/Microsoft.Dynamics.CRM.AddMemberList"
    assert dataverse.post(listed, {"EntityId": bob}).status_code == 200
    run("resync", "--all")
    out = run("explain", "--record", f"contact:{bob}").out
    assert f"contact {bob}, the opt-out list 'No mail from Contoso': out" in out
    assert "'Contoso Commercial': STOPPED" in out
    assert "all commercial mail" not in out.partition("What every place says")[0]


def test_what_waits_for_a_person_is_told(run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    dataverse.patch(f"contacts({ann})", {"donotbulkemail": False})
    out = ask(run, monkeypatch).out
    assert "What waits for a person" in out
    assert f"the flag donotbulkemail of contact {ann}: Somebody loosened a location without proof" in out


def test_somebody_who_said_nothing_is_not_stopped(
    run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataverse.contact(emailaddress1="ann@example.com")
    out = ask(run, monkeypatch).out
    assert "Nobody ever said anything that concerns this person." in out
    assert "Nothing is recorded yet." in out
