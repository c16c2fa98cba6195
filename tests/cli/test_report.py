"""``report``: counts what happened, and names nobody."""

from __future__ import annotations

from tests.cli.conftest import Terminal
from tests.emulator.support import Client


def test_what_was_learnt_and_written_is_counted(run: Terminal, dataverse: Client) -> None:
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    view = run("report", "--json").json
    counts = {(each["what"], each["kind"]): each["count"] for each in view["counts"]}
    assert counts["opt-out", "seen at flag"] == 1
    assert counts["row made to say out, done", "out-covers-narrower"] == 2
    assert "ann@" not in run("report").out


def test_a_period_without_anything_is_empty(run: Terminal, dataverse: Client) -> None:
    assert dataverse.url
    view = run("report", "--since", "2020-01-01", "--until", "2020-02-01", "--json").json
    assert (view["people"], view["counts"]) == (0, [])
