"""More of the fine points of the rules: what is restored, shared, tied, held, and who is left alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from consent_sync.consent import rules
from consent_sync.consent.decide import decide
from consent_sync.consent.evidence import Told, learn
from consent_sync.consent.landscape import Mode, Policy
from consent_sync.consent.model import (
    NEVER,
    Act,
    ContactPoint,
    Kind,
    Location,
    Observation,
    Reading,
    RecordRef,
    Snapshot,
)
from consent_sync.consent.registers import Entry, Registers, Seen
from consent_sync.consent.rules import Rule
from consent_sync.consent.state import Knowledge
from tests.engine.conftest import IN, LATER, OUT, ROW, SILENT, Bench, ids, learnt, read, rule_of
from tests.support.world import ANN, BOB, COMMERCIAL, FLAG, P1, P2, START, T1, A, B, World, landscape


def test_a_tie_is_an_opt_out() -> None:
    assert Registers(latest_in=START, latest_out=START).out
    assert not Registers(latest_in=LATER, latest_out=START).out


def test_an_event_about_somebody_who_was_not_read_is_left_to_whoever_reads_them() -> None:
    stranger = ContactPoint(A.channel, "stranger@example.com")
    told = Told(START, acts=(Act(Location(stranger, Kind.ROW, str(T1), "row9"), OUT, START),))
    assert learn(read(), {A: Entry(A), B: Entry(B)}, landscape(), told).entries.keys() == {A, B}


@pytest.mark.parametrize(("before_the_look", "restored"), [(119, False), (121, True)])
def test_a_row_that_changed_well_before_we_last_saw_it_otherwise_was_restored(
    before_the_look: int,
    restored: bool,  # noqa: FBT001
) -> None:
    seen = Seen(OUT, present=True, version="1", at=LATER)
    changed = LATER - timedelta(seconds=before_the_look)
    lesson = learnt(seen, Observation(ROW, IN, version="2", changed=changed, created=changed, trusted=True))
    assert (lesson.returned == {ROW}) is restored


@pytest.mark.parametrize(("version", "trusted"), [("1", True), ("2", False)])
def test_neither_a_source_newly_trusted_nor_an_edit_of_an_unproven_row_is_a_restored_backup(
    version: str,
    trusted: bool,  # noqa: FBT001
) -> None:
    seen = Seen(SILENT, present=True, version="1", at=LATER)
    long_ago = LATER - timedelta(days=1)
    observed = Observation(ROW, IN, version=version, changed=long_ago, created=long_ago, trusted=trusted)
    assert learnt(seen, observed).returned == frozenset()


def test_of_several_rows_that_are_gone_the_most_restrictive_is_remembered() -> None:
    place = replace(ROW, row_id=None)
    rows = {f"{place.key}/{n}": Seen(says, present=True, version="1", at=START) for n, says in enumerate((IN, OUT, IN))}
    gone = Observation(place, SILENT, present=False)
    lesson = learn(read(gone), {A: Entry(A, seen=rows), B: Entry(B)}, landscape(), Told(START))
    assert lesson.loosened == {place}


def test_the_flag_of_whoever_shares_the_address_is_set_by_the_rule_of_that(bench: Bench) -> None:
    bench.world.add(BOB, A)
    bench.look()
    bench.look(bench.world.flag(ANN, True))
    assert rule_of(bench, Kind.FLAG, BOB) == ids(rules.SHARED_ADDRESS)


def test_a_yes_that_a_later_no_took_back_proves_nothing() -> None:
    entries = {A: Entry(A, {P1: Registers(latest_in=START, latest_out=LATER)}), B: Entry(B)}
    assert Knowledge(landscape(), entries, read()).at(A).proof_of_in(P1) == NEVER


@pytest.mark.parametrize(("purpose_too", "held"), [(False, [rules.HOLD_INEFFECTIVE.id]), (True, [])])
def test_a_topic_opted_in_under_a_purpose_that_must_be_too_is_held_until_it_is(
    purpose_too: bool,  # noqa: FBT001
    held: list[str],
) -> None:
    bench = Bench(World(replace(landscape(), restrictive=frozenset({P1}))))
    bench.world.add(ANN, A)
    bench.look()
    acts = [bench.world.consent(A, P1, IN)] if purpose_too else []
    bench.look(*acts, bench.world.consent(A, T1, IN))
    assert [hold.rule for hold in bench.ledger.holds()] == held


@pytest.mark.parametrize("child", [False, True])
def test_nothing_is_opened_for_a_person_one_of_whose_addresses_is_a_childs(child: bool) -> None:  # noqa: FBT001
    class Family(World):
        def gather(
            self, points: Collection[ContactPoint], records: Collection[RecordRef], rows: Collection[str] = ()
        ) -> Snapshot:
            return replace(super().gather(points, records, rows), minors=frozenset({BOB} if child else ()))

    bench = Bench(Family())
    bench.world.add(ANN, A, B)
    bench.world.add(BOB, B)
    bench.look(bench.world.consent(A, P1, OUT), bench.world.consent(A, P2, OUT))
    bench.look(bench.world.consent(A, P1, IN), bench.world.consent(A, P2, IN))
    assert bench.world.records[ANN].flag is child


def test_a_row_that_cannot_be_written_does_not_set_the_flag_of_a_person() -> None:
    flag = Observation(Location(ANN, Kind.FLAG, FLAG), SILENT)
    row = Observation(Location(A, Kind.ROW, str(P1), "row1"), IN, changed=START, created=START, writable=False)
    snapshot = Snapshot(LATER, LATER, (flag, row), frozenset({ANN}), {A: frozenset({ANN})}, frozenset({A}))
    entries = {A: Entry(A, {P1: Registers(latest_out=START)}), ANN: Entry(ANN)}
    decision = decide(snapshot, learn(snapshot, entries, landscape(), Told(START)), landscape())
    assert [write.location.kind for write in decision.unsent] == [Kind.ROW]
    assert decision.writes == ()


@pytest.mark.parametrize(("times", "rule"), [(3, rules.HOLD_LOOSENED), (4, rules.HOLD_FIGHT)])
def test_what_was_closed_again_three_times_and_is_opened_once_more_is_a_fight(times: int, rule: Rule) -> None:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.look(bench.world.consent(A, P1, OUT))
    for _ in range(times):
        bench.world.consent(A, P1, SILENT)
        bench.look()
    assert bench.ledger.holds()[-1].rule == rule.id


@pytest.mark.parametrize(("opted_out", "held"), [(START, [rules.HOLD_OLD_IN.id]), (LATER, [])])
def test_an_opt_in_older_than_the_ledger_is_held_only_against_an_older_opt_out(
    opted_out: datetime, held: list[str]
) -> None:
    between = START + timedelta(seconds=30)
    observed = Observation(ROW, IN, version="1", changed=between, created=START, trusted=True)
    entries = {A: Entry(A, {T1: Registers(latest_out=opted_out)}), B: Entry(B)}
    lesson = learn(read(observed), entries, landscape(), Told(born=LATER))
    assert [hold.rule for hold in decide(read(observed), lesson, landscape()).holds] == held


def test_a_yes_that_a_later_no_overruled_is_closed_without_a_question() -> None:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.look(bench.world.consent(A, P1, IN))
    bench.look(bench.world.flag(ANN, True))
    assert [row.reading for row in bench.world.rows.values()] == [OUT, OUT]
    assert bench.ledger.holds() == []


@pytest.mark.parametrize(("holders", "held"), [({ANN}, [rules.HOLD_ERASED.id]), (set(), [])])
def test_an_erased_persons_address_is_asked_about_when_somebody_carries_it_again(
    holders: set[RecordRef], held: list[str]
) -> None:
    observed = Observation(ROW, IN, version="1", changed=LATER, created=LATER)
    entries = {A: Entry(A, {T1: Registers(latest_out=START)}, erased=START), ANN: Entry(ANN)}
    carried = {A: frozenset(holders)}
    snapshot = Snapshot(LATER, LATER, (observed,), frozenset(holders), carried, frozenset({A}))
    lesson = learn(snapshot, entries, landscape(), Told(START))
    assert [hold.rule for hold in decide(snapshot, lesson, landscape()).holds] == held


@pytest.mark.parametrize(("writes", "too_many"), [(500, False), (501, True)])
def test_the_brake_lets_five_hundred_writes_pass_where_nothing_else_was_chosen(
    writes: int,
    too_many: bool,  # noqa: FBT001
) -> None:
    assert Policy().is_too_much(writes, 1_000_000) is too_many


def test_what_is_inherited_is_told_like_any_other_evidence() -> None:
    entries = {A: Entry(A, {T1: Registers(latest_out=LATER)}), B: Entry(B)}
    lesson = learn(read(), entries, landscape(), Told(START, heirs={B: ((A, START),)}))
    assert [(found.subject, found.says) for found in lesson.evidence] == [(B, OUT)]


@pytest.mark.parametrize("pending", [False, True])
def test_a_later_edit_under_our_own_user_leaves_what_we_wrote_ours(pending: bool) -> None:  # noqa: FBT001
    wrote = Seen(OUT, present=True, version="1", at=START, wrote=OUT, pending=pending)
    lesson = learnt(wrote, Observation(ROW, OUT, version="2", changed=LATER, created=START, by_us=True))
    assert lesson.entries[A].registers == {}


def test_a_row_that_somebody_edits_repeats_nothing_about_its_own_address() -> None:
    wrote = Seen(OUT, present=True, version="1", at=START, wrote=OUT)
    lesson = learnt(wrote, Observation(ROW, OUT, version="2", changed=LATER, created=START, by_us=False))
    assert lesson.entries[A].of(T1).out
    assert lesson.repeated == {}


def test_a_proven_opt_in_loosens_nothing() -> None:
    seen = Seen(OUT, present=True, version="1", at=START)
    opted_in = Observation(ROW, IN, version="2", changed=LATER, created=START, trusted=True)
    assert learnt(seen, opted_in).loosened == frozenset()
    assert learnt(seen, replace(opted_in, trusted=False)).loosened == {ROW}


def test_a_proven_opt_in_is_remembered_as_one() -> None:
    opted_in = Observation(ROW, IN, version="1", changed=LATER, created=LATER, trusted=True)
    assert learnt(None, opted_in).entries[A].seen[ROW.key].reading is IN
    assert learnt(None, replace(opted_in, trusted=False)).entries[A].seen[ROW.key].reading is SILENT


def test_a_flag_that_stands_already_is_not_set_again_in_the_place_of_a_list() -> None:
    at, scene = Location(ANN, Kind.FLAG, FLAG), landscape()
    scene.meanings[Kind.FLAG, FLAG] = replace(scene.meaning(at), shadows=False)
    flag = Observation(at, OUT, version="1", changed=START, created=START, by_us=True)
    member = Observation(Location(ANN, Kind.LIST, "l1"), SILENT, writable=False)
    snapshot = Snapshot(LATER, LATER, (flag, member), frozenset({ANN}), {A: frozenset({ANN})}, frozenset({A}))
    ours = Entry(ANN, seen={at.key: Seen(OUT, present=True, version="1", at=START, wrote=OUT)}, looked=START)
    entries = {A: Entry(A, {T1: Registers(latest_out=START)}), ANN: ours}
    decision = decide(snapshot, learn(snapshot, entries, scene, Told(START)), scene)
    assert [write.location.kind for write in decision.unsent] == [Kind.LIST]
    assert decision.writes == ()


def test_what_says_something_else_than_we_wrote_is_ours_no_more() -> None:
    wrote = Seen(OUT, present=True, version="1", at=START, wrote=OUT)
    opted_in = Observation(ROW, IN, version="2", changed=LATER, created=START, trusted=True)
    assert learnt(wrote, opted_in).entries[A].seen[ROW.key].wrote is None


def test_a_persons_own_flag_that_somebody_touches_speaks_for_the_person() -> None:
    at = Location(ANN, Kind.FLAG, FLAG)
    touched = Observation(at, OUT, version="2", changed=LATER, created=START, by_us=False)
    holders = frozenset({ANN, BOB})
    snapshot = Snapshot(LATER, LATER, (touched,), holders, {A: holders}, frozenset({A}))
    theirs = Entry(ANN, seen={at.key: Seen(OUT, present=True, version="1", at=START)}, looked=START)
    lesson = learn(snapshot, {A: Entry(A), ANN: theirs, BOB: Entry(BOB)}, landscape(), Told(START))
    assert [found.subject for found in lesson.evidence] == [ANN]


def test_where_no_flag_may_be_released_what_is_narrower_opens_all_the_same() -> None:
    policy = Policy(Mode.TWO_WAY, release_flag=False)
    bench = Bench(World(replace(landscape(), policy=policy)))
    bench.world.add(ANN, A)
    bench.look(bench.world.consent(A, T1, OUT))
    assert bench.written(bench.world.consent(A, T1, IN)) == [("list/l1", IN)]


def test_a_flag_that_cannot_be_set_stops_nothing_narrower() -> None:
    flag = Observation(Location(ANN, Kind.FLAG, FLAG), SILENT, writable=False)
    member = Observation(Location(ANN, Kind.LIST, "l1"), IN, version="1", changed=START, created=START)
    snapshot = Snapshot(LATER, LATER, (flag, member), frozenset({ANN}), {A: frozenset({ANN})}, frozenset({A}))
    entries = {A: Entry(A, {COMMERCIAL: Registers(latest_out=START)}), ANN: Entry(ANN)}
    decision = decide(snapshot, learn(snapshot, entries, landscape(), Told(START)), landscape())
    assert [(write.location.kind, write.to) for write in decision.writes] == [(Kind.LIST, OUT)]


@pytest.mark.parametrize(("our_write", "known"), [(OUT, True), (IN, False)])
def test_only_a_pending_opt_in_of_ours_may_have_opened_what_says_in(our_write: Reading, known: bool) -> None:  # noqa: FBT001
    seen = Seen(SILENT, present=True, version="1", at=START, wrote=our_write, pending=True)
    opted_in = Observation(ROW, IN, version="2", changed=LATER, created=START, trusted=True)
    told = Told(START, acts=(Act(ROW, IN, LATER),))
    entry = Entry(A, seen={ROW.key: seen}, looked=START)
    lesson = learn(read(opted_in), {A: entry, B: Entry(B)}, landscape(), told)
    assert (lesson.entries[A].of(T1).latest_in == LATER) is known


@pytest.mark.parametrize("speaks", [True, False])
def test_a_flag_that_says_out_stops_what_is_narrower_though_nothing_can_be_written_to_it(speaks: bool) -> None:  # noqa: FBT001
    flag = Observation(Location(ANN, Kind.FLAG, FLAG), OUT, writable=False)
    member = Observation(Location(ANN, Kind.LIST, "l1"), IN, version="1", changed=START, created=START)
    snapshot = Snapshot(LATER, LATER, (flag, member), frozenset({ANN}), {A: frozenset({ANN})}, frozenset({A}))
    registers = {COMMERCIAL: Registers(latest_out=START)} if speaks else {}
    entries = {A: Entry(A, {T1: Registers(latest_out=START), **registers}), ANN: Entry(ANN)}
    decision = decide(snapshot, learn(snapshot, entries, landscape(), Told(START)), landscape())
    assert decision.writes == ()


def test_what_we_closed_against_a_yes_that_needs_no_click_is_left_over_and_says_out() -> None:
    ours = Observation(ROW, OUT, version="1", changed=START, created=START, by_us=True)
    seen = {ROW.key: Seen(OUT, present=True, version="1", at=START, wrote=OUT)}
    entries = {A: Entry(A, {T1: Registers(latest_in=LATER)}, seen=seen, looked=START), B: Entry(B)}
    unread = replace(read(ours), complete=frozenset())
    holds = decide(unread, learn(unread, entries, landscape(), Told(START)), landscape()).holds
    assert [(hold.rule, hold.reading) for hold in holds] == [(rules.HOLD_LEFT_OVER.id, OUT)]


def test_a_second_address_of_a_person_takes_over_what_the_first_one_said() -> None:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.look(bench.world.consent(A, P1, OUT))
    bench.world.records[ANN].points.add(B)
    bench.world.edit(ANN)
    bench.look()
    assert bench.ledger.load([B])[B].of(P1).out
