"""``holds``: what waits is told, and what a person decides is carried out at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.cases.office import mapping_of
from tests.cli.conftest import Terminal
from tests.emulator.support import Client


def loosened(run: Terminal, dataverse: Client) -> tuple[str, dict[str, Any]]:
    """Let staff clear a flag without proof; gives the contact and the hold that follows."""
    a_while_ago(dataverse)
    ann = dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    dataverse.patch(f"contacts({ann})", {"donotbulkemail": False})
    run("resync", "--all")
    (hold,) = [hold for hold in run("holds", "--json").json["holds"] if hold["location"] == "flag/donotbulkemail"]
    return ann, hold


def a_while_ago(dataverse: Client, seconds: int = 60) -> None:
    """Let what happens next be older, so that a decision now is later than it."""
    dataverse.admin("clock", {"advance_seconds": -seconds})


def flag(dataverse: Client, contact: str) -> bool:
    return bool(dataverse.row(f"contacts({contact})")["donotbulkemail"])


def test_without_holds_the_list_says_so(run: Terminal, dataverse: Client) -> None:
    assert dataverse.url
    assert run("holds").out == "Nothing waits for a person.\n"


def test_a_hold_is_told_with_both_readings_and_the_rule_in_words(run: Terminal, dataverse: Client) -> None:
    _, hold = loosened(run, dataverse)
    out = run("holds").out
    assert f"{hold['id']}  hold-loosened" in out
    assert "flag/donotbulkemail: says silent, stands as out" in out
    assert hold["explanation"] in out
    assert "ann@example.com" not in out


@pytest.mark.parametrize(("option", "stands"), [("--apply", False), ("--dismiss", True)])
def test_what_a_person_decides_is_carried_out(run: Terminal, dataverse: Client, option: str, *, stands: bool) -> None:
    ann, hold = loosened(run, dataverse)
    assert flag(dataverse, ann) is True
    ended = run("holds", "settle", hold["id"], option, "--why", "asked on the phone", "--by", "Kim Berg")
    assert ended.code == 0, ended.err
    assert flag(dataverse, ann) is stands
    assert hold["id"] not in run("holds").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody", "--apply", "--why", "x"), "no such open hold"),
        (("nobody", "--why", "x"), "--apply and --dismiss"),
        (("nobody", "--apply", "--dismiss", "--why", "x"), "--apply and --dismiss"),
    ],
)
def test_what_can_not_be_settled_is_told(
    run: Terminal, dataverse: Client, arguments: tuple[str, ...], says: str
) -> None:
    assert dataverse.url
    ended = run("holds", "settle", *arguments)
    assert ended.code == 1
    assert says in ended.err


def test_a_decision_needs_a_reason(run: Terminal, dataverse: Client) -> None:
    _, hold = loosened(run, dataverse)
    ended = run("holds", "settle", hold["id"], "--apply")
    assert ended.code == 1
    assert "a name and a reason" in ended.err


def test_opt_ins_that_the_brake_stopped_go_on_when_a_person_lets_them(
    run: Terminal, dataverse: Client, tmp_path: Path
) -> None:
    people = [f"p{i}@example.com" for i in range(4)]
    run.set(MAPPING_FILE=str(mapping_of(tmp_path, lambda m: m["policy"].update(brake={"share": 0.01, "count": 1}))))
    a_while_ago(dataverse)
    contacts = [dataverse.contact(emailaddress1=address, donotbulkemail=True) for address in people]
    run("resync", "--all")
    for hold in run("holds", "--json").json["holds"]:
        run("holds", "settle", hold["id"], "--dismiss", "--why", "seen")
    a_while_ago(dataverse, -60)
    time.sleep(1.1)  # what happens in the second of our last look may be older than it
    come_back(dataverse, people)
    stopped = run("resync", "--all", "--json")
    assert stopped.code == 3
    assert all(flag(dataverse, contact) for contact in contacts)
    (brake,) = [h for h in run("holds", "--json").json["holds"] if h["location"] == stopped.json["id"]]
    ended = run("holds", "settle", brake["id"], "--apply", "--why", "a campaign asked them all")
    assert ended.code == 0, ended.err
    assert not any(flag(dataverse, contact) for contact in contacts)


def come_back(dataverse: Client, people: list[str]) -> None:
    """Let people opt in to everything again, in the preference centre."""
    wanted = {"msdynmkt_value": 534120001, "msdynmkt_source": 534120004}
    for row in dataverse.values("msdynmkt_contactpointconsent4s"):
        if row["msdynmkt_contactpointvalue"] in people:
            dataverse.patch(f"msdynmkt_contactpointconsent4s({row['msdynmkt_contactpointconsent4id']})", wanted)


def test_parked_needs_queues_in_a_storage_account(run: Terminal, dataverse: Client) -> None:
    assert dataverse.url
    ended = run("parked")
    assert ended.code == 1
    assert "AzureWebJobsStorage" in ended.err
