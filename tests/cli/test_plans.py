"""``plan``, ``apply``, ``undo``: what is written is what was read, and it can be taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases.office import mapping_of
from tests.cli.conftest import Ended, Terminal
from tests.emulator.support import Client

CONSENT = "contact,lead,listmember,msdynmkt_contactpointconsent4"


@pytest.fixture
def company(dataverse: Client) -> Client:
    dataverse.admin("reset", {"contacts": 120, "seed": 1})
    return dataverse


@pytest.fixture
def saved(run: Terminal, company: Client, tmp_path: Path) -> Path:
    """A plan for the company, in a file."""
    assert company.url
    path = tmp_path / "plan.json"
    assert run("plan", "--out", str(path), "--reason", "first look").code == 2
    return path


def consent(dataverse: Client) -> Any:
    return dataverse.admin(f"snapshot?tables={CONSENT}")


def says(dataverse: Client) -> dict[str, Any]:
    """What every place says, whatever its version."""
    found: dict[str, Any] = {}
    snapshot = consent(dataverse)
    for table in ("contact", "lead"):
        found |= {row[f"{table}id"]: (row["donotbulkemail"], row["donotemail"]) for row in snapshot[table]}
    found["members"] = {(row["_listid_value"], row["_entityid_value"]) for row in snapshot["listmember"]}
    for row in snapshot["msdynmkt_contactpointconsent4"]:
        found[row["msdynmkt_contactpointconsent4id"]] = row["msdynmkt_value"]
    return found


def test_a_plan_says_what_would_be_written_and_writes_nothing(run: Terminal, company: Client, tmp_path: Path) -> None:
    before = company.admin("snapshot")
    path = tmp_path / "plan.json"
    ended = run("plan", "--out", str(path))
    assert ended.code == 2
    assert f"apply {path}" in ended.out
    assert company.admin("snapshot") == before
    plan = json.loads(path.read_text(encoding="utf-8"))
    assert len(plan["changes"]) == sum(change["count"] for change in plan["planned"]) > 10
    assert {change["to"] for change in plan["changes"]} == {"out"}
    people = [row["emailaddress1"] for row in company.values("contacts?$select=emailaddress1")]
    assert [address for address in people if address and address in path.read_text(encoding="utf-8")] == []


def test_the_same_state_gives_the_same_fingerprint(run: Terminal, company: Client) -> None:
    first, second = (run("plan", "--json").json["fingerprint"] for _ in range(2))
    assert first == second
    company.contact(emailaddress1="new@example.com", donotbulkemail=True)
    assert run("plan", "--json").json["fingerprint"] != first


def test_applying_a_plan_writes_exactly_it(run: Terminal, company: Client, saved: Path) -> None:
    ended = run("apply", str(saved), "--yes", "--why", "read it", "--by", "Kim Berg", "--json")
    plan = json.loads(saved.read_text(encoding="utf-8"))
    assert (ended.json["state"], ended.json["written"]) == ("done", len(plan["changes"]))
    assert company.url
    after = run("plan")
    assert (after.code, "There is nothing to write." in after.out) == (0, True)


def test_a_plan_is_applied_by_the_id_of_its_run_too(run: Terminal, saved: Path) -> None:
    plan = json.loads(saved.read_text(encoding="utf-8"))
    assert run("apply", plan["plan"], "--yes", "--json").json["written"] == len(plan["changes"])


def test_a_plan_that_no_longer_fits_is_refused_before_anything_is_written(
    run: Terminal, company: Client, saved: Path
) -> None:
    company.contact(emailaddress1="new@example.com", donotbulkemail=True)
    before = consent(company)
    ended = run("apply", str(saved), "--yes")
    assert ended.code == 1
    assert "not as planned" in ended.out
    assert consent(company) == before


def test_a_plan_of_another_mapping_is_refused(run: Terminal, saved: Path, tmp_path: Path) -> None:
    run.set(MAPPING_FILE=str(mapping_of(tmp_path, lambda m: m["flags"].pop("donotemail"))))
    ended = run("apply", str(saved), "--yes")
    assert ended.code == 1
    assert "the mapping has changed" in ended.err


def test_a_file_that_was_edited_is_refused(run: Terminal, saved: Path) -> None:
    plan = json.loads(saved.read_text(encoding="utf-8"))
    saved.write_text(json.dumps(plan | {"fingerprint": "0" * 16}), encoding="utf-8")
    ended = run("apply", str(saved), "--yes")
    assert (ended.code, "is not the one in" in ended.err) == (1, True)


@pytest.mark.parametrize("what", ["mapping.example.yaml", "no-such-run"])
def test_what_is_no_plan_is_told(run: Terminal, saved: Path, what: str) -> None:
    assert saved.exists()
    ended = run("apply", what, "--yes")
    assert (ended.code, "plan" in ended.err) == (1, True)


def test_nothing_is_written_before_somebody_agreed(
    run: Terminal, company: Client, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = consent(company)
    assert "--yes" in run("apply", str(saved)).err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    ended = run("apply", str(saved))
    assert (ended.code, ended.out) == (2, "Nothing was written.\n")
    assert consent(company) == before


def applied(run: Terminal, saved: Path) -> Ended:
    return run("apply", str(saved), "--yes", "--json")


def test_an_undo_by_itself_opens_nothing(run: Terminal, company: Client, saved: Path) -> None:
    done = applied(run, saved)
    before = says(company)
    ended = run("undo", done.json["id"], "--why", "a mistake", "--json")
    assert (ended.code, ended.json["written"]) == (0, 0)
    assert says(company) == before


def test_an_undo_that_a_person_answers_for_opens_what_the_run_closed(
    run: Terminal, company: Client, saved: Path
) -> None:
    done = applied(run, saved)
    before = says(company)
    ended = run("undo", done.json["id"], "--why", "wrong list", "--loosen", "--by", "Kim Berg", "--json")
    assert (ended.json["state"], ended.json["written"] > 10) == ("done", True)
    assert says(company) != before
    assert run("plan").code == 0  # the person's word stands: it is not closed again


def test_a_dry_run_of_an_undo_changes_nothing(run: Terminal, company: Client, saved: Path) -> None:
    done = applied(run, saved)
    before = consent(company)
    ended = run("undo", done.json["id"], "--why", "x", "--loosen", "--dry-run", "--json")
    assert (ended.code, ended.json["dry_run"]) == (2, True)
    assert consent(company) == before


def test_a_run_that_wrote_nothing_can_not_be_undone(run: Terminal, saved: Path) -> None:
    plan = json.loads(saved.read_text(encoding="utf-8"))
    ended = run("undo", plan["plan"], "--why", "x")
    assert (ended.code, "wrote anything" in ended.err) == (1, True)
