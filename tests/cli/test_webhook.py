"""``register``, ``unregister``, ``rotate-key``, ``jobs``, seen from the emulator and from the function app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FunctionApp, Terminal
from tests.emulator.support import Client

WRITES = {"POST", "PATCH", "PUT", "DELETE"}
REGISTRATION = ("serviceendpoint", "sdkmessageprocessingstep", "sdkmessageprocessingstepimage")


def snapshot(dataverse: Client) -> Any:
    return dataverse.admin("snapshot?tables=" + ",".join(REGISTRATION))


def operations(dataverse: Client, since: int = 0) -> list[tuple[str, str, int]]:
    return [(r["method"], r["url"], r["operations"]) for r in dataverse.admin(f"requests?since={since}")["requests"]]


def last_request(dataverse: Client) -> int:
    return max((r["seq"] for r in dataverse.admin("requests")["requests"]), default=0)


def endpoint(dataverse: Client) -> dict[str, Any]:
    (row,) = dataverse.values("serviceendpoints")
    return row


def test_every_event_that_can_carry_consent_news_is_registered(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    assert run("register").code == 0
    names = {row["name"].removeprefix("consent-sync: ") for row in dataverse.values("sdkmessageprocessingsteps")}
    records = {f"{what} of {t}" for t in ("contact", "lead") for what in ("Create", "Update", "Delete", "Merge")}
    rows = {f"{what} of msdynmkt_contactpointconsent4" for what in ("Create", "Update", "Delete")}
    lists = {f"{do}{what}List of list" for do in ("Add", "Remove") for what in ("Member", "ListMembers")}
    assert names == records | rows | lists | {
        "AddMembersBatchList of list",
        "Create of listmember",
        "Delete of listmember",
    }
    assert endpoint(dataverse)["url"] == function_app.url


def test_an_event_reaches_the_function_app_which_takes_it(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    run("register")
    ann = dataverse.contact(emailaddress1="ann@example.com")
    dataverse.patch(f"contacts({ann})", {"donotbulkemail": True})
    dataverse.delete(f"contacts({ann})")
    dataverse.settle()
    assert [answer.value for answer in function_app.answers] == [202, 202, 202]


def test_the_second_run_writes_nothing(run: Terminal, dataverse: Client, function_app: FunctionApp) -> None:
    assert function_app.url
    first = run("register", "--json").json
    assert len(first["added"]) > 20
    before, seq = snapshot(dataverse), last_request(dataverse)
    second = run("register", "--json").json
    assert (second["added"], second["changed"], second["removed"]) == ([], [], [])
    assert snapshot(dataverse) == before
    asked = operations(dataverse, seq)
    assert len(asked) <= 6
    assert {url for method, url, _ in asked if method in WRITES} <= {"$batch"}  # and what was in it changed nothing


def test_a_dry_run_changes_nothing_and_ends_with_drift(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    assert function_app.url
    before = snapshot(dataverse)
    ended = run("register", "--dry-run")
    assert ended.code == 2
    assert "would be added: step Create of contact: missing" in ended.out
    assert snapshot(dataverse) == before
    run("register")
    assert run("register", "--dry-run").code == 0
    assert run("unregister", "--dry-run").code == 2
    assert snapshot(dataverse)["serviceendpoint"] != []


def test_what_somebody_changed_is_told_and_mended(run: Terminal, dataverse: Client, function_app: FunctionApp) -> None:
    assert function_app.url
    run("register")
    (step,) = dataverse.values("sdkmessageprocessingsteps?$filter=name eq 'consent-sync: Update of contact'")
    dataverse.patch(f"sdkmessageprocessingsteps({step['sdkmessageprocessingstepid']})", {"statecode": 1})
    ended = run("register", "--dry-run", "--json")
    assert (ended.code, ended.json["changed"]) == (2, ["step Update of contact: disabled"])
    run("register")
    assert run("register", "--dry-run").code == 0


def test_without_an_address_the_command_asks_for_one(run: Terminal, dataverse: Client) -> None:
    ended = run("register")
    assert ended.code == 1
    assert "--url" in ended.err
    assert dataverse.values("serviceendpoints") == []


def test_an_address_once_registered_need_not_be_said_again(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    run.set(WEBHOOK_URL="")
    assert run("register", "--url", function_app.url).code == 0
    assert run("register").code == 0
    assert endpoint(dataverse)["url"] == function_app.url


def test_another_key_is_written_at_the_next_run(run: Terminal, dataverse: Client, function_app: FunctionApp) -> None:
    run("register")
    run.set(WEBHOOK_KEYS="other-key")
    assert run("register", "--json").json["changed"] == ["endpoint: key"]
    function_app.keys = ("other-key",)
    dataverse.contact()
    dataverse.settle()
    assert (function_app.presented, [a.value for a in function_app.answers]) == (["other-key"], [202])


def test_a_key_that_somebody_overwrote_is_written_when_asked(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    run("register")
    xml = '<settings><setting name="x-webhook-key" value="somebody else\'s" /></settings>'
    dataverse.patch(f"serviceendpoints({endpoint(dataverse)['serviceendpointid']})", {"authvalue": xml})
    assert run("register", "--write-key", "--json").json["changed"] == ["endpoint: key"]
    dataverse.contact()
    dataverse.settle()
    assert function_app.presented == ["first-key"]


def test_the_key_stands_nowhere_where_it_can_be_read(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    assert function_app.url
    shown = [run("register"), run("register", "--write-key", "--json"), run("rotate-key"), run("jobs")]
    seen = str([dataverse.values(f"{table}s") for table in REGISTRATION]) + "".join(
        ended.out + ended.err for ended in shown
    )
    assert "first-key" not in seen


def test_the_mark_of_a_key_tells_nothing_without_the_hash_key(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    assert function_app.url
    run("register")
    before = endpoint(dataverse)["description"]
    run.set(LEDGER_HASH_KEY="another secret")
    assert run("register", "--json").json["changed"] == ["endpoint: key"]
    assert endpoint(dataverse)["description"] != before


def test_a_key_is_changed_without_a_lost_event(
    run: Terminal, dataverse: Client, function_app: FunctionApp, tmp_path: Path
) -> None:
    run("register")
    dataverse.contact()
    file = tmp_path / "keys.txt"
    first = run("rotate-key", "--new-keys", str(file))
    assert (first.code, str(file) in first.out) == (0, True)
    both = file.read_text(encoding="utf-8")
    old, new = both.split(",")
    assert (old, len(new) >= 32) == ("first-key", True)
    run.set(WEBHOOK_KEYS=both)

    early = run("rotate-key")  # before the app was restarted with both keys
    assert early.code == 1
    assert "keeps sending the old one" in early.err
    dataverse.contact()

    function_app.keys = (old, new)
    dataverse.settle()
    second = run("rotate-key", "--json").json
    assert [step["state"] for step in second["steps"]] == ["done", "done", "done now", "done"]
    dataverse.contact()
    dataverse.settle()
    third = run("rotate-key", "--json").json
    assert [step["state"] for step in third["steps"]] == ["done", "done", "done", "done"]
    assert "the new key alone" in third["next"]

    run.set(WEBHOOK_KEYS=new)
    function_app.keys = (new,)
    assert run("register", "--dry-run").code == 0
    dataverse.contact()
    dataverse.settle()
    events = [(key, a.value) for key, a in zip(function_app.presented, function_app.answers, strict=True)]
    assert [answer for _, answer in events if answer not in {202, 400, 401}] == []
    assert [key for key, answer in events if answer == 202] == [old, old, new, new]
    assert run("jobs", "--json").json == {"failed": [], "waiting": 0}


def test_the_old_key_stays_while_deliveries_with_it_are_under_way(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    run("register")
    run.set(WEBHOOK_KEYS="first-key,second-key")
    function_app.keys = ("first-key", "second-key")
    dataverse.admin("faults", {"webhooks": {"delay": 20}})
    dataverse.contact()
    view = run("rotate-key", "--json").json
    dataverse.admin("faults", {})
    assert (view["waiting"], view["steps"][-1]["state"]) == (1, "open")
    assert "old key" in view["next"]


def test_register_leaves_a_key_alone_that_is_being_changed(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    run("register")
    run.set(WEBHOOK_KEYS="first-key,second-key")
    function_app.keys = ("first-key", "second-key")
    assert run("register", "--dry-run").code == 0
    run("rotate-key")
    assert run("register", "--dry-run").code == 0
    dataverse.contact()
    dataverse.settle()
    assert function_app.presented[-1] == "second-key"


def test_a_key_file_that_exists_is_not_overwritten(run: Terminal, function_app: FunctionApp, tmp_path: Path) -> None:
    assert function_app.url
    run("register")
    file = tmp_path / "keys.txt"
    file.write_text("precious", encoding="utf-8")
    assert run("rotate-key", "--new-keys", str(file)).code == 1
    assert file.read_text(encoding="utf-8") == "precious"


def test_where_nothing_listens_the_key_is_not_changed(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    assert function_app.url
    run("register", "--url", "http://127.0.0.1:9/api/dataverse-events")
    before = endpoint(dataverse)["description"]
    run.set(WEBHOOK_KEYS="first-key,second-key")
    ended = run("rotate-key")
    assert (ended.code, "no answer" in ended.err) == (1, True)
    assert endpoint(dataverse)["description"] == before


def test_failed_deliveries_are_listed_with_what_dataverse_says(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    run("register")
    assert "No delivery failed" in run("jobs").out
    function_app.keys = ("another",)
    dataverse.contact(emailaddress1="ann@example.com")
    dataverse.settle()
    listed = run("jobs", "--json").json
    assert [(job["step"], "401" in job["says"]) for job in listed["failed"]] == [("Create of contact", True)]
    assert listed["waiting"] == 0
    assert "Create of contact" in run("jobs").out


def test_unregister_leaves_the_environment_as_it_was(
    run: Terminal, dataverse: Client, function_app: FunctionApp
) -> None:
    assert function_app.url
    before = dataverse.admin("snapshot")
    run("register")
    ended = run("unregister", "--json")
    assert (ended.code, len(ended.json["removed"])) == (0, 19)
    assert dataverse.admin("snapshot") == before
    assert run("unregister").out == "There is no registration.\n"


@pytest.mark.parametrize("command", ["rotate-key", "jobs"])
def test_what_needs_a_registration_says_so(run: Terminal, dataverse: Client, command: str) -> None:
    assert dataverse.url
    ended = run(command)
    assert ended.code == 1
    assert "no webhook is registered" in ended.err
