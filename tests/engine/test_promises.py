"""The promises, by name, on a tenant in memory. The attack beside this file looks for what nobody thought of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Act, Reading
from consent_sync.engine.reconcile import NotSettled
from tests.engine.conftest import Bench
from tests.support.world import ANN, BOB, P1, P2, T1, T2, A, B, Down, World

IN, OUT, SILENT = Reading.IN, Reading.OUT, Reading.SILENT


def test_no_wrong_mail_a_flag_closes_every_brand(bench: Bench) -> None:
    assert bench.written(bench.world.flag(ANN, True)) == [("row/purpose:p1", OUT), ("row/purpose:p2", OUT)]


def test_no_wrong_mail_one_brand_closes_that_brand_only(bench: Bench) -> None:
    assert bench.written(bench.world.consent(A, P1, OUT)) == [("list/l1", OUT), ("opt_out_list/o1", OUT)]


def test_no_wrong_mail_the_last_brand_sets_the_flag(bench: Bench) -> None:
    bench.look(bench.world.consent(A, P1, OUT))
    assert bench.written(bench.world.consent(A, P2, OUT)) == [("flag/donotbulkemail", OUT)]


def test_no_wrong_mail_leaving_a_list_closes_its_topic(bench: Bench) -> None:
    assert bench.written(bench.world.leave(ANN, "l1")) == [("row/topic:t1", OUT)]


def test_no_wrong_mail_a_topic_closes_its_list(bench: Bench) -> None:
    assert bench.written(bench.world.consent(A, T1, OUT)) == [("list/l1", OUT)]


def test_no_wrong_mail_an_opt_out_beats_an_older_opt_in_whatever_arrives_first(bench: Bench) -> None:
    opted_in = bench.world.consent(A, T1, IN)
    left = bench.world.leave(ANN, "l1")
    bench.look(left)
    bench.look(opted_in)
    assert not bench.world.records[ANN].lists.keys() & {"l1"}
    assert [r.reading for r in bench.world.rows.values() if r.scope == T1] == [OUT]


def test_no_wrong_mail_an_edit_does_not_make_an_opt_in_newer(bench: Bench) -> None:
    bench.world.consent(A, T1, IN)
    bench.world.leave(ANN, "l1")
    bench.world.edit_row(A, T1)
    assert bench.written() == [("row/topic:t1", OUT)]


def test_no_wrong_mail_in_the_same_second_the_opt_out_wins(bench: Bench) -> None:
    bench.look(bench.world.consent(A, T1, OUT))
    bench.world.wait()
    with bench.world.one_moment():
        acts = [bench.world.leave(ANN, "l1"), bench.world.consent(A, T1, IN)]
    assert bench.written(*acts) == [("row/topic:t1", OUT)]


def test_no_wrong_mail_the_flag_stays_while_one_address_of_the_person_is_out() -> None:
    bench = Bench()
    bench.world.add(ANN, A, B)
    bench.look()
    bench.look(bench.world.consent(A, P1, OUT), bench.world.consent(A, P2, OUT), bench.world.consent(B, P1, OUT))
    assert bench.world.records[ANN].flag
    bench.look(bench.world.consent(A, P1, IN), bench.world.consent(A, P2, IN))
    assert bench.world.records[ANN].flag
    bench.look(bench.world.consent(B, P1, IN))
    assert not bench.world.records[ANN].flag


@pytest.mark.parametrize(
    "loosen",
    [
        lambda w: w.flag(ANN, False),
        lambda w: w.consent(A, P1, SILENT),
        lambda w: w.consent(A, P1, IN, trusted=False),
        lambda w: w.delete_row(A, P1),
    ],
    ids=["flag cleared", "row not set", "opted in by an import", "row deleted"],
)
def test_absence_is_not_consent_what_was_loosened_without_proof_is_closed_again(
    bench: Bench, loosen: Callable[[World], Any]
) -> None:
    bench.look(bench.world.flag(ANN, True))
    loosen(bench.world)
    held = bench.look().held
    assert bench.world.records[ANN].flag
    assert {r.scope for r in bench.world.rows.values() if r.reading is OUT} == {P1, P2}
    assert held == 1


def test_absence_is_not_consent_defaults_open_nothing(bench: Bench) -> None:
    bench.world.flag(ANN, False)
    bench.world.consent(A, P1, SILENT)
    bench.world.consent(A, T1, IN, trusted=False)
    assert bench.written() == []


def test_absence_is_not_consent_a_failed_read_writes_and_records_nothing(bench: Bench) -> None:
    bench.look(bench.world.flag(ANN, True))
    before = bench.ledger.load([ANN, A])
    bench.world.down_at = bench.world.calls + 1
    with pytest.raises(Down):
        bench.look()
    assert bench.ledger.load([ANN, A]) == before


ACTS: list[Callable[[World], Act]] = [
    lambda w: w.flag(ANN, True),
    lambda w: w.consent(A, P1, OUT),
    lambda w: w.consent(A, P2, OUT),
    lambda w: w.consent(A, T1, OUT),
    lambda w: w.consent(A, T2, IN),
    lambda w: w.consent(A, P1, IN),
    lambda w: w.leave(ANN, "l2"),
    lambda w: w.join(ANN, "o1"),
]


def loaded_bench() -> Bench:
    bench = Bench()
    bench.world.add(ANN, A, B)
    bench.world.add(BOB, B)
    for who in (ANN, BOB):
        for list_id in ("l1", "l2"):
            bench.world.join(who, list_id)
    bench.look()
    return bench


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=6))
def test_idempotent_the_second_look_writes_nothing(acts: list[Callable[[World], Act]]) -> None:
    bench = loaded_bench()
    for act in acts:
        act(bench.world)
    bench.look()
    assert bench.written() == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=5))
def test_idempotent_a_dry_run_says_what_the_next_look_does_and_leaves_no_trace(
    acts: list[Callable[[World], Act]],
) -> None:
    bench = loaded_bench()
    for act in acts:
        act(bench.world)
    before = bench.ledger.load([ANN, BOB, A, B])
    planned = bench.look(dry_run=True).planned
    assert bench.ledger.load([ANN, BOB, A, B]) == before
    assert planned == bench.look().planned


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ACTS), min_size=1, max_size=5))
def test_no_echo_own_writes_seen_back_are_no_evidence(acts: list[Callable[[World], Act]]) -> None:
    bench = loaded_bench()
    for act in acts:
        act(bench.world)
    bench.look()
    registers = {s: e.registers for s, e in bench.ledger.load([ANN, BOB, A, B]).items()}
    for _ in range(3):
        bench.look()
    assert {s: e.registers for s, e in bench.ledger.load([ANN, BOB, A, B]).items()} == registers


def test_no_echo_a_derived_flag_does_not_speak_for_the_other_addresses_of_its_record() -> None:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.world.add(BOB, A, B)
    bench.look()
    bench.look(bench.world.flag(ANN, True))
    assert bench.world.records[BOB].flag
    bench.world.edit(BOB)
    bench.look()
    assert not any(r.point == B and r.reading is OUT for r in bench.world.rows.values())


OPT_OUTS = [ACTS[0], ACTS[1], ACTS[2], ACTS[3], ACTS[6], ACTS[7]]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(OPT_OUTS), unique=True, max_size=4), st.data())
def test_convergence_lost_doubled_and_reordered_events_end_in_the_same_state(
    acts: list[Callable[[World], Act]], data: st.DataObject
) -> None:
    prompt, messy = loaded_bench(), loaded_bench()
    for act in acts:
        prompt.look(act(prompt.world))
    events = [act(messy.world) for act in acts]
    for event in data.draw(st.lists(st.sampled_from(events), max_size=6) if events else st.just([])):
        messy.look(event)
    prompt.look()
    messy.look()
    for point in (A, B):
        for scope in (P1, P2, T1, T2):
            assert prompt.world.open_for(point, scope) == messy.world.open_for(point, scope)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(len(ACTS))), st.data())
def test_merge_algebra_the_order_and_number_of_events_cannot_matter(order: list[int], data: st.DataObject) -> None:
    straight, shuffled = loaded_bench(), loaded_bench()
    straight.look(*[act(straight.world) for act in ACTS])
    events = [act(shuffled.world) for act in ACTS]
    doubled = data.draw(st.lists(st.sampled_from(events), max_size=4))
    shuffled.look(*doubled, *[events[i] for i in order])
    for subject in (ANN, BOB, A, B):
        assert straight.ledger.load([subject])[subject].registers == shuffled.ledger.load([subject])[subject].registers


def test_liveness_a_later_proven_opt_in_opens_the_topic_on_both_sides(bench: Bench) -> None:
    bench.look(bench.world.consent(A, T1, OUT))
    assert bench.written(bench.world.consent(A, T1, IN)) == [("list/l1", IN)]


def test_absence_is_not_consent_a_list_that_becomes_trusted_proves_nothing_about_the_past(bench: Bench) -> None:
    bench.world.trust_lists = True
    bench.look()
    assert bench.ledger.load([ANN])[ANN].registers == {}


def test_liveness_the_sweep_alone_carries_a_later_opt_in(bench: Bench) -> None:
    bench.world.consent(A, T1, OUT)
    bench.look()
    bench.world.consent(A, T1, IN)
    assert bench.written() == [("list/l1", IN)]


@pytest.mark.parametrize(("mode", "written"), [(Mode.OBSERVE, []), (Mode.RESTRICT, [("list/l1", OUT)])])
def test_the_ladder_holds_back_what_its_mode_forbids(mode: Mode, written: list[tuple[str, Reading]]) -> None:
    bench = Bench(mode=mode)
    bench.world.add(ANN, A)
    bench.world.join(ANN, "l1")
    bench.look()
    assert bench.written(bench.world.consent(A, T1, OUT)) == written
    assert bench.written(bench.world.consent(A, T1, IN)) == []


def test_concurrent_act_a_write_never_overwrites_an_act_between_read_and_write(bench: Bench) -> None:
    bench.look(bench.world.consent(A, T1, OUT))
    bench.world.join(ANN, "o1")
    bench.world.consent(A, P1, IN)
    bench.world.before_apply = [lambda: bench.world.consent(A, P1, OUT)]
    bench.look()
    assert [r.reading for r in bench.world.rows.values() if r.scope == P1] == [OUT]


def test_concurrent_act_the_same_look_reads_again_and_carries_it_across(bench: Bench) -> None:
    bench.world.consent(A, P2, SILENT)
    bench.look()
    bench.world.flag(ANN, True)
    bench.world.before_apply = [lambda: bench.world.consent(A, P2, IN)]
    bench.look()
    assert {r.scope for r in bench.world.rows.values() if r.reading is OUT} == {P1}
    assert bench.world.records[ANN].flag


def test_crash_anywhere_an_unrecorded_opt_in_of_ours_proves_nothing(bench: Bench) -> None:
    """Otherwise our own write could outlive an opt-out that the person made meanwhile."""
    bench.look(bench.world.consent(A, T1, OUT))
    bench.world.trust_lists = True
    bench.world.consent(A, T1, IN)
    bench.world.dies_after_writing = True
    with suppress(Down):
        bench.look()
    bench.world.dies_after_writing = False
    bench.world.wait(60)
    before = bench.ledger.load([ANN])[ANN].registers
    bench.look()
    assert bench.ledger.load([ANN])[ANN].registers == before


@pytest.mark.parametrize("call", range(1, 4))
@pytest.mark.parametrize("act", range(len(ACTS)))
def test_crash_anywhere_the_next_look_ends_where_an_undisturbed_one_would(act: int, call: int) -> None:
    calm, killed = loaded_bench(), loaded_bench()
    ACTS[act](calm.world)
    calm.look()
    ACTS[act](killed.world)
    killed.world.down_at = killed.world.calls + call
    if call <= 2:
        with suppress(Down):
            killed.look()
    killed.world.down_at = None
    killed.world.wait(60)
    killed.look()
    for point in (A, B):
        for scope in (P1, P2, T1, T2):
            assert calm.world.open_for(point, scope) == killed.world.open_for(point, scope)


def test_no_echo_a_worker_with_an_old_snapshot_does_not_take_our_write_for_an_act(bench: Bench) -> None:
    """Two events, two workers: the slower one read before the faster one wrote, and asks the ledger after it."""
    bench.look(bench.world.consent(A, T1, OUT))
    bench.world.wait()
    opted_in = bench.world.consent(A, T1, IN)
    gather, raced = bench.world.gather, []

    def slow(*wanted: Any) -> Any:
        snapshot = gather(*wanted)
        if not raced:
            raced.append(True)
            bench.look(opted_in)
        return snapshot

    bench.world.gather = slow  # type: ignore[method-assign]
    bench.look(opted_in)
    assert "l1" in bench.world.records[ANN].lists
    assert [r.reading for r in bench.world.rows.values() if r.scope == T1] == [IN]


def test_no_echo_a_worker_waits_while_another_one_writes(bench: Bench) -> None:
    bench.world.consent(A, T1, OUT)
    bench.world.dies_after_writing = True
    with suppress(Down):
        bench.look()
    bench.world.dies_after_writing = False
    with pytest.raises(NotSettled):
        bench.look()
    bench.world.wait(60)
    assert bench.written() == []


def test_merge_algebra_an_event_that_claims_a_time_to_come_does_not_outlive_a_later_opt_in(bench: Bench) -> None:
    act = bench.world.consent(A, T1, OUT)
    bench.look(replace(act, at=bench.world.now + timedelta(days=365)))
    bench.look(bench.world.consent(A, T1, IN))
    assert "l1" in bench.world.records[ANN].lists


def test_no_wrong_mail_an_edited_opt_in_is_not_newer_than_the_opt_out_that_followed_it(bench: Bench) -> None:
    bench.world.consent(A, P1, SILENT)
    bench.look()
    bench.world.consent(A, P1, IN)
    bench.world.join(ANN, "o1")
    bench.world.edit_row(A, P1)
    bench.look()
    assert [r.reading for r in bench.world.rows.values() if r.scope == P1] == [OUT]


def test_concurrent_act_a_write_refused_because_of_an_edit_is_done_in_the_same_look(bench: Bench) -> None:
    bench.world.consent(A, P2, SILENT)
    bench.look()
    bench.world.flag(ANN, True)
    bench.world.before_apply = [lambda: bench.world.edit_row(A, P2)]
    bench.look()
    assert {r.scope for r in bench.world.rows.values() if r.reading is OUT} == {P1, P2}
