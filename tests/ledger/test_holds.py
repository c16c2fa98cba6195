"""What every ledger promises about holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from consent_sync.consent.registers import Entry, Registers
from consent_sync.ports.ledger import StoredHold
from tests.ledger.people import ANN, BOB, NEWS, NOON, OFFERS, A, held, on_list, out

if TYPE_CHECKING:
    from consent_sync.ledger.stored import StoredLedger

SERVICE = StoredHold("hold-brake-run1", "service", "run1", "hold-brake", "see", "see", "", NOON)


def settled(hold: StoredHold, state: str = "dismissed") -> StoredHold:
    return replace(hold, state=state, settled=NOON + timedelta(days=1), by="Kim", why="asked")


def test_a_hold_is_open_once_however_often_it_is_found(ledger: StoredLedger) -> None:
    entry = ledger.save([on_list(ANN)], [], [held(ANN)])[ANN]
    (hold,) = ledger.holds()
    ledger.save([entry], [], [held(ANN)])
    assert ledger.holds() == [hold]
    assert ledger.hold(hold.id) == hold
    assert (hold.key, hold.location, hold.says, hold.stands) == (ledger.key(ANN), "list/news", "in", "out")
    assert [said.what for said in ledger.history(ANN)] == ["held"]


def test_another_occurrence_is_another_hold(ledger: StoredLedger) -> None:
    entry = ledger.save([on_list(ANN)], [], [held(ANN)])[ANN]
    ledger.save([entry], [], [held(ANN), held(ANN, since=NOON + timedelta(days=1))])
    assert len(ledger.holds()) == 2


def test_holds_come_oldest_first(ledger: StoredLedger) -> None:
    for days in (3, 1, 2):
        ledger.open_hold(replace(SERVICE, id=f"h{days}", opened=NOON + timedelta(days=days)))
    assert [hold.id for hold in ledger.holds()] == ["h1", "h2", "h3"]


def test_a_passing_hold_is_over_when_its_reason_is_gone_and_others_stay(ledger: StoredLedger) -> None:
    entry = ledger.save([on_list(ANN)], [], [held(ANN, passing=True), held(ANN)])[ANN]
    passing, _ = sorted(ledger.holds(), key=lambda hold: hold.rule)
    ledger.save([on_list(BOB)], [])
    assert len(ledger.holds()) == 2
    ledger.save([entry], [])
    assert [hold.rule for hold in ledger.holds()] == ["hold-loosened"]
    gone = ledger.hold(passing.id)
    assert gone
    assert gone.state == "passed"
    assert [said.what for said in ledger.history(ANN)] == ["held", "held", "passed"]


def test_a_hold_of_a_subject_that_is_not_saved_is_left_alone(ledger: StoredLedger) -> None:
    ledger.save([on_list(ANN)], [], [held(BOB)])
    assert ledger.holds() == []


@pytest.mark.parametrize("state", ["applied", "dismissed"])
def test_settling_records_who_and_why_and_joins_what_it_proves(ledger: StoredLedger, state: str) -> None:
    ledger.save([out(ANN)], [], [held(ANN)])
    (hold,) = ledger.holds()
    learnt = {NEWS: Registers(latest_in=NOON + timedelta(days=1))} if state == "applied" else {}
    assert ledger.settle(settled(hold, state), learnt)
    assert ledger.holds() == []
    assert ledger.hold(hold.id) == settled(hold, state)
    assert ledger.load([ANN])[ANN].of(NEWS).out is (state == "dismissed")
    last = ledger.history(ANN)[-1]
    assert (last.what, last.says, last.rule, last.because, last.by) == ("settled", state, hold.rule, "asked", "Kim")
    proofs = [said for said in ledger.history(ANN) if said.what == "evidence"]
    assert [(said.says, said.scope, said.by, said.at) for said in proofs] == [
        ("in", str(scope), "Kim", registers.latest_in) for scope, registers in learnt.items()
    ]


def test_a_hold_is_settled_once(ledger: StoredLedger) -> None:
    ledger.open_hold(SERVICE)
    assert ledger.settle(settled(SERVICE, "applied"), {})
    assert not ledger.settle(settled(SERVICE), {OFFERS: Registers(NOON)})
    assert not ledger.settle(settled(replace(SERVICE, id="unknown")), {})
    ledger.open_hold(SERVICE)
    assert ledger.holds() == []
    kept = ledger.hold(SERVICE.id)
    assert kept
    assert kept.state == "applied"


def test_a_settlement_refuses_whoever_loaded_before_it(ledger: StoredLedger) -> None:
    ledger.save([out(A)], [], [held(A)])
    stale = ledger.load([A])[A]
    ledger.settle(settled(ledger.holds()[0], "applied"), {NEWS: Registers(latest_in=NOON + timedelta(days=1))})
    with pytest.raises(Exception, match="changed by another worker"):
        ledger.save([stale], [])
    assert not ledger.load([A])[A].of(NEWS).out


def test_a_hold_may_be_opened_for_whom_nothing_else_is_known(ledger: StoredLedger) -> None:
    hold = replace(SERVICE, id="h", key=ledger.key(A))
    ledger.open_hold(hold)
    assert ledger.holds() == [hold]
    assert ledger.settle(settled(hold, "applied"), {NEWS: Registers(NOON)})
    assert ledger.load([A])[A].registers == {NEWS: Registers(NOON)}
    assert replace(ledger.load([A])[A], version=None, revision=0) == Entry(A, {NEWS: Registers(NOON)})
