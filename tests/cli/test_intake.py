"""``intake``: an opt-out told to a person arrives everywhere, without its address on the command line."""

from __future__ import annotations

import io

import pytest

from consent_sync.dataverse.errors import ServiceUnavailable
from consent_sync.operate.cli import intake
from local.company import CONTOSO, FABRIKAM
from tests.cli.conftest import Ended, Terminal
from tests.emulator.support import Client

OUT = 534120002
PHONE = ("--way", "phone", "--evidence", "ticket 4711")


@pytest.fixture
def ann(dataverse: Client, monkeypatch: pytest.MonkeyPatch) -> str:
    """A contact whose address waits on the standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("ann@example.com\n"))
    return dataverse.contact(emailaddress1="ann@example.com")


def outs(dataverse: Client) -> set[str]:
    rows = dataverse.values("msdynmkt_contactpointconsent4s")
    return {
        row["_msdynmkt_topicid_value"] or row["_msdynmkt_purposeid_value"]
        for row in rows
        if row["msdynmkt_value"] == OUT
    }


def flag(dataverse: Client, contact: str) -> bool:
    return bool(dataverse.row(f"contacts({contact})")["donotbulkemail"])


def test_an_opt_out_without_a_scope_stops_all_commercial_mail(run: Terminal, dataverse: Client, ann: str) -> None:
    ended = run("intake", *PHONE, "--by", "Kim Berg")
    assert ended.code == 0, ended.err
    assert flag(dataverse, ann)
    assert outs(dataverse) == {CONTOSO.commercial, FABRIKAM.commercial}
    assert "ann@" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("option", "stopped"),
    [
        (("--brand", "fabrikam"), {FABRIKAM.commercial}),
        (("--purpose", FABRIKAM.tracking), {FABRIKAM.tracking}),
        (("--topic", CONTOSO.subscriptions[0].topic), {CONTOSO.subscriptions[0].topic}),
    ],
)
def test_a_narrower_opt_out_stops_no_more_than_that(
    run: Terminal, dataverse: Client, ann: str, option: tuple[str, str], stopped: set[str]
) -> None:
    ended = run("intake", *PHONE, *option)
    assert ended.code == 0, ended.err
    assert outs(dataverse) == stopped
    assert not flag(dataverse, ann)


def test_a_record_covers_all_of_its_addresses(run: Terminal, dataverse: Client) -> None:
    bob = dataverse.contact(emailaddress1="bob@example.com")
    assert run("intake", *PHONE, "--record", f"contact:{bob}").code == 0
    assert flag(dataverse, bob)


def test_the_same_again_records_nothing_new(run: Terminal, dataverse: Client) -> None:
    bob = dataverse.contact(emailaddress1="bob@example.com")
    arguments = (
        "intake",
        *PHONE,
        "--record",
        f"contact:{bob}",
        "--id",
        "ticket-4711",
        "--said",
        "2026-01-02",
        "--json",
    )
    assert run(*arguments).json["repeated"] is False
    assert run(*arguments).json["repeated"] is True


def refused(ended: Ended, says: str) -> None:
    assert ended.code == 1
    assert says in ended.err


def test_what_can_not_be_recorded_is_told(run: Terminal, dataverse: Client, ann: str) -> None:
    assert ann
    refused(run("intake", "--way", "phone", "--evidence", " ", "--record", f"contact:{ann}"), "evidence")
    refused(run("intake", *PHONE, "--brand", "nobody", "--record", f"contact:{ann}"), "no such brand")
    both = ("--brand", "contoso", "--everything", "commercial")
    refused(run("intake", *PHONE, *both, "--record", f"contact:{ann}"), "exactly one of")
    refused(run("intake", *PHONE, "--said", "2999-01-01", "--record", f"contact:{ann}"), "in the future")
    assert run("intake", "--way", "smoke", "--evidence", "x").code == 1
    assert outs(dataverse) == set()


def test_what_could_not_be_carried_out_is_done_by_the_same_command_again(
    run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = dataverse.contact(emailaddress1="bob@example.com")
    arguments = ("intake", *PHONE, "--record", f"contact:{bob}", "--id", "t1", "--said", "2026-01-02")
    with monkeypatch.context() as trouble:
        trouble.setattr(intake, "work_off", lambda *_: [ServiceUnavailable("down for a while")])
        refused(run(*arguments), "start the same command again")
    assert not flag(dataverse, bob)
    assert run(*arguments).code == 0
    assert flag(dataverse, bob)


def test_an_address_that_is_none_is_not_repeated(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ann at example\n"))
    ended = run("intake", *PHONE)
    assert ended.code == 1
    assert "ann at" not in ended.err
