"""``resync``, ``sweep``, ``runs``, ``status``: the work is done in this process, without the function app."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent_sync.consent.landscape import Mode
from consent_sync.operate import work
from consent_sync.operate.cli.progress import Extent, extent, line
from consent_sync.ports.runs import Part, Phase, Run, RunKind, Source, Tally
from local.company import CONTOSO
from tests.cases.office import mapping_of
from tests.cli.conftest import Terminal
from tests.emulator.support import Client

ROWS = "msdynmkt_contactpointconsent4s"


@pytest.fixture
def company(dataverse: Client) -> Client:
    dataverse.admin("reset", {"contacts": 150, "seed": 1})
    return dataverse


def test_a_full_resync_repairs_everything_and_the_next_finds_nothing(run: Terminal, company: Client) -> None:
    assert company.url
    first = run("resync", "--all", "--reason", "first look", "--json")
    view = first.json
    planned = sum(change["count"] for change in view["planned"])
    assert (view["state"], view["scope"], view["reason"]) == ("done", "all", "first look")
    assert (view["written"], planned > 10) == (planned, True)
    assert run("resync", "--all", "--json").json["planned"] == []


def test_a_dry_run_ends_with_drift_and_writes_nothing(run: Terminal, company: Client) -> None:
    before = company.admin("snapshot")
    ended = run("resync", "--all", "--dry-run")
    assert ended.code == 2
    assert re.search(r"\d+ changes planned, 0 written", ended.out)
    assert company.admin("snapshot") == before


def test_in_observe_mode_what_was_found_stays_and_that_is_drift(run: Terminal, company: Client, tmp_path: Path) -> None:
    run.set(MAPPING_FILE=str(mapping_of(tmp_path, lambda m: m["policy"].update(mode="observe", brake={"share": 1}))))
    before = company.admin("snapshot")
    assert run("resync", "--all").code == 2
    assert company.admin("snapshot") == before


def test_a_mass_change_ends_with_3_until_a_person_decides(run: Terminal, company: Client, tmp_path: Path) -> None:
    assert company.url
    brake = {"share": 0.001, "count": 1}
    run.set(MAPPING_FILE=str(mapping_of(tmp_path, lambda m: m["policy"].update(brake=brake))))
    assert run("resync", "--all").code == 3
    assert run("resync", "--all").code == 0


def unsubscribe(dataverse: Client, address: str) -> str:
    return dataverse.contact(emailaddress1=address, donotbulkemail=True)


def row_values(dataverse: Client, address: str) -> set[int]:
    rows = dataverse.values(f"{ROWS}?$filter=msdynmkt_contactpointvalue eq '{address}'")
    return {row["msdynmkt_value"] for row in rows}


def test_one_record_is_brought_in_step(run: Terminal, dataverse: Client) -> None:
    ann = unsubscribe(dataverse, "ann@example.com")
    ended = run("resync", "--record", f"contact:{ann}", "--json")
    assert (ended.code, ended.json["state"], ended.json["written"] > 0) == (0, "done", True)
    assert row_values(dataverse, "ann@example.com") == {534120002}


def test_an_address_comes_from_the_standard_input_and_is_shown_nowhere(
    run: Terminal, dataverse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsubscribe(dataverse, "ann@example.com")
    monkeypatch.setattr("sys.stdin", io.StringIO("Ann@Example.com\n"))
    ended = run("resync", "--contact-point")
    assert (ended.code, row_values(dataverse, "ann@example.com")) == (0, {534120002})
    assert "ann@" not in (ended.out + ended.err + run("runs").out).lower()


@pytest.mark.parametrize("given", ["", "\n", "no address\n"])
def test_what_is_no_address_is_refused_and_not_repeated(
    run: Terminal, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    ended = run("resync", "--contact-point")
    assert ended.code == 1
    assert "no address" not in ended.err.replace("there was no address", "")


def test_a_brand_a_list_and_a_time_can_be_looked_at(run: Terminal, company: Client) -> None:
    assert company.url
    for arguments in (("--brand", "contoso"), ("--list", CONTOSO.subscriptions[0].list), ("--since", "2020-01-01")):
        ended = run("resync", *arguments, "--dry-run", "--json")
        assert ended.json["state"] == "done", ended.out
        assert ended.json["decided"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "exactly one of --all"),
        (("--all", "--brand", "contoso"), "exactly one of --all"),
        (("--brand", "nobody"), "contoso, fabrikam"),
        (("--record", "contact:7"), "contact:ID or lead:ID"),
        (("--record", "account:6d81597f-0f9f-e711-8122-000d3aa2331c"), "contact:ID or lead:ID"),
    ],
)
def test_a_scope_that_makes_no_sense_is_told(run: Terminal, arguments: tuple[str, ...], says: str) -> None:
    ended = run("resync", *arguments)
    assert ended.code == 1
    assert says in ended.err


def test_a_sweep_finds_what_no_event_told(run: Terminal, dataverse: Client) -> None:
    run("sweep")
    unsubscribe(dataverse, "ann@example.com")
    ended = run("sweep", "--json")
    assert (ended.code, ended.json["kind"], ended.json["written"] > 0) == (0, "sweep", True)
    assert row_values(dataverse, "ann@example.com") == {534120002}


def test_runs_are_listed_newest_first(run: Terminal, dataverse: Client) -> None:
    assert dataverse.url
    assert run("runs").out == "There was no run yet.\n"
    run("sweep")
    run("resync", "--all", "--dry-run")
    listed = run("runs", "--json").json["runs"]
    assert [(view["kind"], view["dry_run"]) for view in listed] == [("resync", True), ("sweep", False)]
    assert len(run("runs", "--limit", "1", "--json").json["runs"]) == 1
    assert "resync of all, dry run" in run("runs").out


def test_status_says_what_is_wrong_and_ends_with_1(run: Terminal, dataverse: Client) -> None:
    assert run("status").code == 0
    dataverse.admin("reset", {"token": "another"})
    ended = run("status")
    assert ended.code == 1
    assert "Unauthorized" in ended.out
    assert "application user" in ended.out


def test_what_fails_for_a_while_is_tried_again(run: Terminal, company: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "FIRST_PAUSE", 0)
    failing = {"method": "POST", "path": "$batch", "count": 3, "status": 400}
    company.admin("faults", {"requests": [failing]})
    ended = run("resync", "--all", "--json")
    assert ended.json["state"] == "done", ended.out


def test_a_run_that_keeps_failing_ends_with_1_and_says_why(
    run: Terminal, company: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("status")
    monkeypatch.setattr(work, "FIRST_PAUSE", 0)
    company.admin("faults", {"requests": [{"path": "contacts", "count": -1, "status": 403}]})
    ended = run("resync", "--all", "--json")
    company.admin("faults", {})
    assert (ended.code, ended.json["state"]) == (1, "failed")
    assert "PrivilegeMissing" in ended.json["problem"]


def a_run(expected: int | None) -> Run:
    return Run("r", RunKind.RESYNC, Mode.TWO_WAY, False, "all", "", "f", datetime.now(UTC), expected=expected)


def test_how_far_a_run_is_counts_the_rows_of_the_phase_under_way() -> None:
    outs = Part("r", "contact", Source("contact"), Phase.OPT_OUTS, tally=Tally(rows=4000, written=7))
    ins = Part("r", "contact+opt-ins", Source("contact"), Phase.OPT_INS, tally=Tally(rows=1000, written=2))
    assert extent(a_run(4000), [outs]) == Extent(Phase.OPT_OUTS, 4000, 4000, 7)
    assert extent(a_run(4000), [outs, ins]) == Extent(Phase.OPT_INS, 1000, 4000, 9)
    assert extent(a_run(None), [outs]) == Extent(Phase.OPT_OUTS, 4000, None, 7)
    assert extent(a_run(3000), [outs]) == Extent(Phase.OPT_OUTS, 4000, 4000, 7)  # more came meanwhile


def test_a_line_of_progress_has_rate_and_time_left() -> None:
    now = Extent(Phase.OPT_OUTS, 1000, 4000, 7)
    assert line("resync of all", now, 10) == (
        "resync of all: opt-outs, 1,000 of 4,000 rows, 7 written, 100/s, 0:00:30 left"
    )
    assert line("sweep", Extent(Phase.OPT_OUTS, 0, None, 0), 0) == "sweep: opt-outs, 0 rows, 0 written, -/s"


def test_a_run_that_failed_goes_on_when_the_cause_is_mended(
    run: Terminal, company: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("status")
    monkeypatch.setattr(work, "FIRST_PAUSE", 0)
    company.admin("faults", {"requests": [{"path": "contacts", "count": -1, "status": 403}]})
    failed = run("resync", "--all", "--json").json
    company.admin("faults", {})
    assert run("runs", "show", failed["id"]).code == 1
    ended = run("runs", "resume", failed["id"], "--json")
    assert (ended.json["id"], ended.json["state"], ended.json["problem"]) == (failed["id"], "done", None)
    assert run("plan").code == 0


def test_a_run_that_failed_can_be_cancelled(run: Terminal, company: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run("status")
    monkeypatch.setattr(work, "FIRST_PAUSE", 0)
    company.admin("faults", {"requests": [{"path": "contacts", "count": -1, "status": 403}]})
    failed = run("resync", "--all", "--json").json
    company.admin("faults", {})
    assert run("runs", "cancel", failed["id"], "--json").json["state"] == "cancelled"
    assert run("runs", "cancel", failed["id"]).code == 1
    assert run("runs", "resume", failed["id"], "--json").json["state"] == "done"


@pytest.mark.parametrize("command", ["show", "cancel", "resume"])
def test_a_run_that_does_not_exist_is_told(run: Terminal, company: Client, command: str) -> None:
    assert company.url
    ended = run("runs", command, "nothing")
    assert (ended.code, "no such run" in ended.err) == (1, True)
