"""What lowers the mode although everything works, and how a person raises it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Reading
from consent_sync.consent.rules import RULES
from consent_sync.engine.gates import LEASE, Gates, hold_service
from consent_sync.engine.passes import Passes
from consent_sync.engine.reconcile import Reconciler
from consent_sync.engine.scopes import Scope
from consent_sync.engine.settle import CannotSettle, Settlement
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.operate.holds import holds_of
from consent_sync.ports.ledger import StoredHold, Verdict
from consent_sync.ports.wake import PageTurn
from tests.engine.conftest import Bench
from tests.support.world import ANN, T1, A, World

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
YES = Settlement(Verdict.APPLY, "Kim", "I read the plan")


@pytest.fixture
def ledger() -> SqliteLedger:
    return SqliteLedger(":memory:", SubjectKeys("key"))


def gates(ledger: SqliteLedger, fingerprint: str = "first", name: str = "east", now: datetime = NOON) -> Gates:
    return Gates(ledger, Mode.TWO_WAY, fingerprint, name, lambda: now)


def passes(ledger: SqliteLedger, fingerprint: str) -> Passes:
    world = World()
    reconciler = Reconciler(world, ledger, gates(ledger, fingerprint).mode)
    return Passes(world, None, ledger, reconciler, fingerprint, ())  # type: ignore[arg-type]  # nothing drifts here


def make_a_plan(given: Passes) -> None:
    _, turns = given.start_resync(Scope("all"), dry_run=False, reason="plan")
    for turn in turns:
        assert isinstance(turn, PageTurn)
        given.turn(turn)


def test_the_first_mapping_is_taken_and_a_changed_one_writes_nothing(ledger: SqliteLedger) -> None:
    assert gates(ledger).mode() is Mode.TWO_WAY
    assert gates(ledger, "second").mode() is Mode.OBSERVE
    assert gates(ledger, "first").mode() is Mode.TWO_WAY


def test_a_changed_mapping_needs_a_plan_and_then_a_word(ledger: SqliteLedger) -> None:
    gates(ledger).mode()
    changed = passes(ledger, "second")
    assert changed.reconcile.mode() is Mode.OBSERVE
    (hold,) = ledger.holds()
    with pytest.raises(CannotSettle, match="full plan"):
        changed.settle(hold.id, YES)
    make_a_plan(changed)
    changed.settle(hold.id, YES)
    assert changed.reconcile.mode() is Mode.TWO_WAY
    assert gates(ledger, "first").mode() is Mode.OBSERVE


def test_a_dismissed_mapping_stays_without_effect(ledger: SqliteLedger) -> None:
    gates(ledger).mode()
    changed = passes(ledger, "second")
    changed.reconcile.mode()
    make_a_plan(changed)
    changed.settle(ledger.holds()[0].id, replace(YES, verdict=Verdict.DISMISS))
    assert changed.reconcile.mode() is Mode.OBSERVE


def test_of_two_installations_the_second_only_watches_until_the_first_is_gone(ledger: SqliteLedger) -> None:
    assert gates(ledger, name="east").mode() is Mode.TWO_WAY
    assert gates(ledger, name="west").mode() is Mode.OBSERVE
    assert gates(ledger, name="east", now=NOON + LEASE * 0.9).mode() is Mode.TWO_WAY
    assert gates(ledger, name="west", now=NOON + LEASE * 1.1).mode() is Mode.OBSERVE
    assert gates(ledger, name="west", now=NOON + LEASE * 3).mode() is Mode.TWO_WAY
    assert gates(ledger, name="east", now=NOON + LEASE * 3 + timedelta(seconds=1)).mode() is Mode.OBSERVE


def test_brake_beyond_it_events_open_nothing_and_still_close(bench: Bench) -> None:
    scene = bench.world.scene
    bench.world.scene = replace(scene, policy=replace(scene.policy, brake_count=1))
    for number, list_written in ((1, True), (2, False)):
        bench.look(bench.world.consent(A, T1, Reading.OUT))
        assert "l1" not in bench.world.records[ANN].lists
        bench.look(bench.world.consent(A, T1, Reading.IN))
        assert ("l1" in bench.world.records[ANN].lists) is list_written, number
    assert {hold.rule for hold in bench.ledger.holds()} == {"hold-brake"}


def test_a_hold_that_opens_nothing_can_only_be_dismissed(ledger: SqliteLedger) -> None:
    given = passes(ledger, "first")
    ledger.open_hold(StoredHold("h", "record:contact:ann", "list/l1", "hold-unsent", "silent", "out", "", NOON))
    with pytest.raises(CannotSettle, match="opens nothing"):
        given.settle("h", YES)
    assert given.settle("h", replace(YES, verdict=Verdict.DISMISS)) == []
    assert ledger.holds() == []


def test_what_was_only_observed_is_swept_again_once_it_may_be_written(ledger: SqliteLedger) -> None:
    watching = passes(ledger, "first")
    modes = [Mode.OBSERVE]
    watching = replace(watching, reconcile=replace(watching.reconcile, mode=lambda: modes[0]))
    for scope in ("all", "changes"):
        run, turns = watching.start_sweep()
        assert run.scope == scope
        for turn in turns:
            assert isinstance(turn, PageTurn)
            watching.turn(turn)
    modes[0] = Mode.RESTRICT
    assert watching.start_sweep()[0].scope == "all"


def test_every_hold_of_the_whole_service_shows_what_was_found_and_what_stands(ledger: SqliteLedger) -> None:
    for rule in RULES.values():
        if any(rule.readings):
            hold_service(ledger, rule.id, "it", NOON)
    shown = holds_of(ledger)
    assert {(hold.rule, bool(hold.says and hold.stands and hold.says != hold.stands)) for hold in shown.holds} == {
        (rule, True)
        for rule in (
            *("hold-unenforced-purpose", "hold-mapping-changed", "hold-brake", "hold-many-opt-outs"),
            *("hold-list-emptied", "hold-mapping-gone", "hold-purpose-of-no-brand"),
        )
    }
    assert shown.oldest == NOON
