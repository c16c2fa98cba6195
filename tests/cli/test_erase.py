"""``erase``: nothing is left of a person but what they opted out of."""

from __future__ import annotations

import io

import pytest

from tests.cli.conftest import Terminal
from tests.emulator.support import Client


@pytest.fixture
def ann(run: Terminal, dataverse: Client) -> str:
    """A contact who opted out, and whose history is in the ledger."""
    contact = dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    return contact


def lines(run: Terminal) -> int:
    rows: int = run("verify-proof", "--json").json["rows"]
    return rows


def test_a_person_is_forgotten_and_stays_stopped(
    run: Terminal, dataverse: Client, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lines(run)
    dataverse.delete(f"contacts({ann})")
    for row in dataverse.values("msdynmkt_contactpointconsent4s"):
        dataverse.delete(f"msdynmkt_contactpointconsent4s({row['msdynmkt_contactpointconsent4id']})")
    monkeypatch.setattr("sys.stdin", io.StringIO("ann@example.com\n"))
    ended = run("erase", "--why", "request 7", "--yes", "--json")
    assert (ended.code, ended.json["erased"]) == (0, True)
    assert run("erase", "--why", "request 7", "--yes", "--record", f"contact:{ann}").code == 0
    assert lines(run) < before
    again = dataverse.contact(emailaddress1="ann@example.com")
    run("resync", "--record", f"contact:{again}")
    assert dataverse.row(f"contacts({again})")["donotbulkemail"] is True
    assert run("verify-proof").code == 0


def test_a_record_is_erased_with_the_addresses_that_nobody_else_has(run: Terminal, dataverse: Client, ann: str) -> None:
    dataverse.contact(emailaddress1="shared@example.com")
    both = dataverse.contact(emailaddress1="shared@example.com", donotbulkemail=True)
    run("resync", "--all")
    assert run("erase", "--why", "x", "--yes", "--record", f"contact:{ann}", "--json").json["addresses"] == 1
    assert run("erase", "--why", "x", "--yes", "--record", f"contact:{both}", "--json").json["addresses"] == 0


def test_an_address_that_several_carry_is_refused(
    run: Terminal, dataverse: Client, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ann
    dataverse.contact(emailaddress1="ann@example.com")
    before = lines(run)
    monkeypatch.setattr("sys.stdin", io.StringIO("ann@example.com\n"))
    ended = run("erase", "--why", "x", "--yes")
    assert (ended.code, "--record" in ended.err, "ann@" in ended.err) == (1, True, False)
    assert lines(run) == before


def test_nothing_is_erased_before_somebody_agreed(run: Terminal, ann: str) -> None:
    before = lines(run)
    assert "--yes" in run("erase", "--why", "x", "--record", f"contact:{ann}").err
    assert lines(run) == before
