"""``cutover``: only once every opt-out is honoured are the lists no longer listened to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consent_sync.mapping.load import load_mapping
from local.company import CONTOSO
from tests.cases.office import mapping_of
from tests.cli.conftest import MAPPING, FunctionApp, Terminal
from tests.emulator.support import Client


@pytest.fixture
def company(run: Terminal, dataverse: Client, function_app: FunctionApp) -> Client:
    """A company whose webhook is registered, and whose contradictions stand."""
    assert function_app.url
    dataverse.admin("reset", {"contacts": 100, "seed": 1})
    assert run("register").code == 0
    return dataverse


def steps(dataverse: Client) -> set[str]:
    return {row["name"].removeprefix("consent-sync: ") for row in dataverse.values("sdkmessageprocessingsteps")}


def test_when_every_opt_out_is_honoured_the_list_steps_go(run: Terminal, company: Client, tmp_path: Path) -> None:
    new, report = tmp_path / "new.yaml", tmp_path / "report.json"
    ended = run("cutover", "--new-mapping", str(new), "--report", str(report), "--yes", "--json")
    assert (ended.code, ended.json["done"], ended.json["unhonoured"]) == (0, True, [])
    assert ended.json["repair"]["written"] > 10
    assert not any("list" in step for step in steps(company))
    assert "Update of contact" in steps(company)
    assert json.loads(report.read_text(encoding="utf-8")) == ended.json
    old, mapping = load_mapping(MAPPING).file, load_mapping(new).file
    assert [(b.opt_out_lists, b.topics) for b in mapping.brands.values()] == [((), ())] * 2
    assert (mapping.flags, mapping.policy) == (old.flags, old.policy)
    assert '# The "do not" columns' in new.read_text(encoding="utf-8")
    run.set(MAPPING_FILE=str(new))
    assert run("register", "--dry-run").code == 0


def test_it_may_be_started_again(run: Terminal, company: Client, tmp_path: Path) -> None:
    assert company.url
    arguments = ("cutover", "--new-mapping", str(tmp_path / "new.yaml"), "--yes", "--json")
    run(*arguments)
    again = run(*arguments)
    assert (again.code, again.json["done"], again.json["unregistered"]) == (0, True, [])


def test_an_opt_out_that_is_ignored_stops_it(run: Terminal, company: Client, tmp_path: Path) -> None:
    company.patch(f"msdynmkt_purposes({CONTOSO.commercial})", {"msdynmkt_enforcementmodel": 534120002})
    before, new = steps(company), tmp_path / "new.yaml"
    ended = run("cutover", "--new-mapping", str(new), "--yes")
    assert ended.code == 2
    assert f"The purpose {CONTOSO.commercial} is Disabled" in ended.out
    assert (steps(company), new.exists()) == (before, False)


def test_without_a_word_nothing_is_taken_away(
    run: Terminal, company: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = steps(company)
    assert "--yes" in run("cutover", "--new-mapping", str(tmp_path / "new.yaml")).err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    ended = run("cutover", "--new-mapping", str(tmp_path / "new.yaml"))
    assert (ended.code, steps(company)) == (2, before)


def test_who_only_observes_can_not_cut_over(run: Terminal, company: Client, tmp_path: Path) -> None:
    assert company.url
    run.set(MAPPING_FILE=str(mapping_of(tmp_path, lambda m: m["policy"].update(mode="observe"))))
    ended = run("cutover", "--new-mapping", str(tmp_path / "new.yaml"), "--yes")
    assert (ended.code, "observe" in ended.err) == (1, True)
