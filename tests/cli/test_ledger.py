"""``copy-ledger``: the service goes on from the copy as if nothing had happened; ``trim-ledger``: nobody is opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent_sync.consent.model import Channel, ContactPoint
from consent_sync.consent.registers import Entry
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ports.ledger import HistoryLine
from tests.cli.conftest import Terminal
from tests.emulator.support import Client


def test_the_copy_holds_the_same_and_the_service_goes_on_from_it(
    run: Terminal, dataverse: Client, tmp_path: Path
) -> None:
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    target = f"sqlite:///{(tmp_path / 'copy.sqlite').as_posix()}"
    view = run("copy-ledger", target, "--json").json
    assert view["subjects"] >= 2
    assert view["lines"] > 0
    run.set(LEDGER_URL=target)
    assert run("verify-proof").code == 0
    resync = run("resync", "--all", "--json").json
    assert resync["written"] == 0


def test_a_copy_into_a_ledger_of_its_own_is_refused_with_its_remedy(
    run: Terminal, dataverse: Client, tmp_path: Path, settings: dict[str, str]
) -> None:
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    target = f"sqlite:///{(tmp_path / 'other.sqlite').as_posix()}"
    run.set(LEDGER_URL=target)
    run("resync", "--all")
    run.set(LEDGER_URL=settings["LEDGER_URL"])
    run("resync", "--all")
    ended = run("copy-ledger", target)
    assert ended.code == 1
    assert "Give an empty place" in " ".join(ended.err.split())


def test_an_address_that_is_no_ledger_is_refused(run: Terminal, dataverse: Client) -> None:
    assert dataverse.url
    ended = run("copy-ledger", "ftp://somewhere")
    assert (ended.code, "LEDGER_URL" in ended.err) == (1, True)


@pytest.fixture
def two(run: Terminal, dataverse: Client, settings: dict[str, str]) -> None:
    """A ledger that knows somebody who is opted out, and somebody who once was looked at and said nothing."""
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    ledger = SqliteLedger(settings["LEDGER_URL"].removeprefix("sqlite:///"), SubjectKeys(settings["LEDGER_HASH_KEY"]))
    bob, now = ContactPoint(Channel.EMAIL, "bob@example.com"), datetime.now(UTC)
    ledger.save([Entry(bob)], [HistoryLine(bob, now, "evidence", "topic:x", "row/x", "silent", "", "")])
    ledger.close()


@pytest.mark.usefixtures("two")
def test_old_lines_go_and_who_is_opted_out_stays_so_with_the_proof(run: Terminal) -> None:
    before = run("verify-proof", "--json").json["rows"]
    long_ago = run("trim-ledger", "--before", "2020-01-01", "--yes", "--json")
    assert (long_ago.code, long_ago.json) == (0, {"trimmed": True, "lines": 0})
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert run("trim-ledger", "--before", tomorrow, "--by", "Kim", "--yes", "--json").json["lines"] == 1
    verified = run("verify-proof", "--json")
    assert (verified.code, verified.json["rows"]) == (0, before)  # a line says what went
    assert run("resync", "--all", "--json").json["written"] == 0


@pytest.mark.usefixtures("two")
def test_nothing_is_trimmed_before_somebody_agreed(run: Terminal) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    ended = run("trim-ledger", "--before", tomorrow)
    assert (ended.code, "--yes" in ended.err) == (1, True)
    assert run("trim-ledger", "--before", tomorrow, "--yes", "--json").json["lines"] == 1


def test_a_storage_that_does_not_answer_is_told_with_what_to_do(
    run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.core.pipeline.transport.HttpTransport.sleep", lambda *_: None)
    assert dataverse.url
    run.set(LEDGER_URL="http://127.0.0.1:1/account")
    ended = run("status")
    said = " ".join(ended.err.split())
    assert (ended.code, "storage answers nothing" in said) == (1, True)
    assert "Storage Table Data Contributor" in said
    assert "127.0.0.1" not in said
