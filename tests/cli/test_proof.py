"""``export-proof`` and ``verify-proof``: every change to an export or to the ledger shows."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.emulator.support import Client


@pytest.fixture
def export(run: Terminal, dataverse: Client, tmp_path: Path) -> Path:
    """The decisions about a company, exported."""
    dataverse.admin("reset", {"contacts": 60, "seed": 1})
    run("resync", "--all")
    path = tmp_path / "decisions.csv"
    assert run("export-proof", "--since", "2020-01-01", "--out", str(path)).code == 0
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_an_export_has_every_write_with_its_rule_and_names_nobody(
    run: Terminal, dataverse: Client, export: Path
) -> None:
    written = run("runs", "--json").json["runs"][0]["written"]
    writes = [row for row in rows(export) if row["what"] == "write"]
    assert len(writes) == written > 5
    assert all(row["rule"] and row["because"] == "done" for row in writes)
    text = export.read_text(encoding="utf-8").lower()
    people = [row["emailaddress1"] for row in dataverse.values("contacts?$select=emailaddress1")]
    assert [address for address in people if address and address.lower() in text] == []


def test_an_untouched_export_is_verified_without_any_setting(
    run: Terminal, export: Path, settings: dict[str, str]
) -> None:
    ended = run("verify-proof", str(export), "--json")
    assert (ended.code, ended.json["problem"], ended.json["sealed_here"]) == (0, None, True)
    run.set(**dict.fromkeys(settings, ""))
    ended = run("verify-proof", str(export), "--json")
    assert (ended.code, ended.json["problem"], ended.json["sealed_here"]) == (0, None, None)


def _edit(change: Callable[[list[str]], None]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        change(lines)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")

    return edit


def _change(lines: list[str]) -> None:
    lines[5] = lines[5].replace(",out,", ",in,", 1)


def _swap(lines: list[str]) -> None:
    lines[3], lines[4] = lines[4], lines[3]


TAMPERED = {
    "a value changed": _edit(_change),
    "a row left out": _edit(lambda lines: lines.__delitem__(7)),
    "the first row left out": _edit(lambda lines: lines.__delitem__(1)),
    "the end cut off": _edit(lambda lines: lines.__delitem__(-1)),
    "a row doubled": _edit(lambda lines: lines.insert(4, lines[3])),
    "two rows swapped": _edit(_swap),
}


@pytest.mark.parametrize("tampered", TAMPERED.values(), ids=TAMPERED)
def test_whatever_was_changed_in_an_export_shows(run: Terminal, export: Path, tampered: Callable[[Path], None]) -> None:
    before = export.read_text(encoding="utf-8")
    tampered(export)
    assert export.read_text(encoding="utf-8") != before
    ended = run("verify-proof", str(export))
    assert ended.code == 1
    assert "BROKEN" in ended.out


def test_an_export_made_anew_by_somebody_else_is_not_ours(run: Terminal, export: Path) -> None:
    run.set(LEDGER_HASH_KEY="another key")
    ended = run("verify-proof", str(export))
    assert (ended.code, "The seal is not ours." in ended.out) == (1, True)


def test_the_period_of_an_export_can_not_be_claimed_to_be_another(run: Terminal, export: Path) -> None:
    beside = export.with_name("decisions.csv.seal.json")
    seal = json.loads(beside.read_text(encoding="utf-8"))
    seal["description"]["of"]["since"] = "2000-01-01T00:00:00+00:00"
    beside.write_text(json.dumps(seal), encoding="utf-8")
    assert run("verify-proof", str(export)).code == 1


def test_a_period_has_an_end(run: Terminal, export: Path, tmp_path: Path) -> None:
    assert rows(export)
    path = tmp_path / "early.csv"
    run("export-proof", "--since", "2020-01-01", "--until", "2020-02-01", "--out", str(path))
    assert rows(path) == []
    assert run("verify-proof", str(path)).code == 0


@pytest.mark.parametrize("name", ["nowhere.csv", "mapping.example.yaml"])
def test_what_is_no_export_is_told(run: Terminal, name: str) -> None:
    ended = run("verify-proof", name)
    assert (ended.code, "export-proof" in ended.err) == (1, True)


def test_a_file_that_exists_is_not_overwritten(run: Terminal, export: Path) -> None:
    before = export.read_bytes()
    assert run("export-proof", "--since", "2020-01-01", "--out", str(export)).code == 1
    assert export.read_bytes() == before


def test_the_ledger_itself_is_verified(run: Terminal, export: Path, settings: dict[str, str]) -> None:
    assert export.exists()
    ended = run("verify-proof", "--json")
    assert (ended.code, ended.json["bad"]) == (0, [])
    assert ended.json["rows"] > 20
    with sqlite3.connect(settings["LEDGER_URL"].removeprefix("sqlite:///")) as db:
        db.execute("DELETE FROM line WHERE (key, number) = (SELECT min(key), 1 FROM line)")
    broken = run("verify-proof", "--json")
    assert broken.code == 1
    (bad,) = broken.json["bad"]
    assert bad["says"] == "the line is missing"


@pytest.fixture
def proof(run: Terminal, dataverse: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The proof of one person, with its page."""
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True, lastname="<script>")
    dataverse.contact(emailaddress1="bob@example.com", donotbulkemail=True)
    run("resync", "--all")
    monkeypatch.setattr("sys.stdin", io.StringIO("ann@example.com\n"))
    path = tmp_path / "ann.json"
    ended = run("export-proof", "--person", "--out", str(path), "--html", str(tmp_path / "ann.html"))
    assert (ended.code, "ann@" in ended.out) == (0, False)
    return path


def test_the_proof_of_a_person_tells_of_that_person_only(run: Terminal, proof: Path) -> None:
    found = json.loads(proof.read_text(encoding="utf-8"))
    assert found["description"]["of"]["about"] == "ann@example.com"
    assert len({row["key"] for row in found["rows"]}) == 2  # the address, and the contact that carries it
    assert {row["what"] for row in found["rows"]} == {"evidence", "write"}
    assert "bob@" not in proof.read_text(encoding="utf-8")
    page = proof.with_suffix(".html").read_text(encoding="utf-8")
    assert "All commercial mail of all brands</strong>: out" in page
    assert run("verify-proof", str(proof)).code == 0


@pytest.mark.parametrize(
    "tamper",
    [
        lambda found: found["rows"].pop(),
        lambda found: found["rows"][0].update(at="2020-01-01T00:00:00+00:00"),
        lambda found: found["explanation"]["points"].pop(),
        lambda found: found["description"]["of"].update(about="bob@example.com"),
    ],
)
def test_a_changed_proof_of_a_person_shows(
    run: Terminal, proof: Path, tamper: Callable[[dict[str, Any]], None]
) -> None:
    found = json.loads(proof.read_text(encoding="utf-8"))
    tamper(found)
    proof.write_text(json.dumps(found), encoding="utf-8")
    ended = run("verify-proof", str(proof))
    assert (ended.code, "BROKEN" in ended.out) == (1, True)


def test_an_export_is_of_a_period_or_of_a_person(run: Terminal, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "x"))
    for arguments in ((), ("--since", "2020-01-01", "--person")):
        ended = run("export-proof", *out, *arguments)
        assert (ended.code, "--person" in ended.err) == (1, True)
