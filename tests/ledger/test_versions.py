"""A ledger of an earlier version is brought up to date without losing anything; a newer one is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent_sync.consent.model import NEVER, Channel, ContactPoint, Reading, RecordRef, Scope
from consent_sync.consent.registers import Registers, Seen
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ledger.store import LedgerVersion
from consent_sync.ports.runs import Part, Source

STORED = Path(__file__).parent / "stored"
KEYS = SubjectKeys("the key of version 1")
MORNING = datetime(2026, 3, 1, 9, tzinfo=UTC)
ANN = RecordRef("contact", "11111111-0000-4000-8000-000000000001")
LEA = RecordRef("lead", "11111111-0000-4000-8000-000000000002")
A, L = (ContactPoint(Channel.EMAIL, f"{name}@example.com") for name in ("ann", "lea"))
NEWS = Scope("topic", "22222222-0000-4000-8000-000000000001")
LIST = "33333333-0000-4000-8000-000000000001"
ROW = f"row/{NEWS}/44444444-0000-4000-8000-000000000001"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((STORED / "version_1.sql").read_text(encoding="utf-8"))
    return path


def test_version_1_keeps_all_it_knew(path: Path) -> None:
    ledger = SqliteLedger(path, KEYS)
    entries = ledger.load([ANN, LEA, A, L])
    assert entries[ANN].of(Scope("tenant", "commercial")) == Registers(NEVER, MORNING)
    assert entries[ANN].seen["flag/donotbulkemail"] == Seen(Reading.OUT, True, 'W/"1"', MORNING)
    assert entries[ANN].points == {ledger.key(A): datetime(2026, 2, 26, 9, tzinfo=UTC)}
    assert entries[A].seen[ROW] == Seen(Reading.OUT, True, 'W/"2"', MORNING, Reading.OUT, restored=1)
    assert entries[LEA].seen[f"list/{LIST}"].present is False
    assert entries[L].of(NEWS) == Registers(NEVER, MORNING)
    assert set(ledger.members(LIST)) == ledger.remembers(LIST, [ANN, LEA]) == {ANN}
    assert ledger.note("mapping") == "abc"
    assert ledger.born() == datetime(2026, 11, 26, 16, 52, 42, tzinfo=UTC)
    assert [run.id for run in ledger.runs(9)] == ["run2", "run1"]
    assert ledger.part("run1", "lead") == Part("run1", "lead", Source("lead"))
    ledger.close()


def test_version_1_keeps_its_holds_and_its_history_which_can_be_verified_from_then_on(path: Path) -> None:
    ledger = SqliteLedger(path, KEYS)
    assert [hold.rule for hold in ledger.holds()] == ["hold-mapping-changed", "hold-old-opt-in"]
    loosened = ledger.hold("84d80a01ab02845431cb9af3")
    assert loosened
    assert (loosened.state, loosened.by, loosened.why) == ("dismissed", "Kim Example", "asked by phone")
    first, second = ledger.history(A)
    assert (first.number, first.says, first.because, first.run) == (1, "out", "preference_center", "run1")
    assert (second.number, second.says, second.at) == (2, "in", datetime(2026, 2, 20, 9, tzinfo=UTC))
    assert second.recorded == first.recorded == MORNING
    verified = ledger.verify()
    assert (verified.subjects, verified.lines, verified.bad) == (5, 5, ())
    ledger.close()


def test_version_1_goes_on_where_it_was(path: Path) -> None:
    SqliteLedger(path, KEYS).close()
    ledger = SqliteLedger(path, KEYS)
    before = ledger.revision()
    assert all(entry.revision <= before for entry in ledger.load([ANN, LEA, A]).values())
    ledger.save(ledger.load([ANN, LEA, A]).values(), [])
    ledger.settle(ledger.holds()[0], {})
    ledger.close()


def test_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    SqliteLedger(path, KEYS).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerVersion, match="99") as refused:
        SqliteLedger(path, KEYS)
    assert "newer version" in str(type(refused.value).__doc__)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_migration_that_dies_leaves_version_1(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr("consent_sync.ledger.chain.Notary.seal", die)
        with pytest.raises(Died):
            SqliteLedger(path, KEYS)
    ledger = SqliteLedger(path, KEYS)
    assert ledger.verify().bad == ()
    ledger.close()
