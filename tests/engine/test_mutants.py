"""Fine points of the rules that only a mutant of the code showed to be untested."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from consent_sync.consent import rules
from consent_sync.consent.decide import decide
from consent_sync.consent.evidence import Told, learn, undated
from consent_sync.consent.landscape import Loosened, Mode, Policy
from consent_sync.consent.model import (
    NEVER,
    Act,
    Kind,
    Location,
    Observation,
    Reading,
    Scope,
    Snapshot,
)
from consent_sync.consent.registers import Entry, Evidence, Registers, Seen
from consent_sync.consent.rules import Rule
from consent_sync.consent.state import Knowledge, Standing
from consent_sync.consent.targets import Place, opened
from tests.engine.conftest import IN, LATER, OUT, ROW, SILENT, Bench, ids, learnt, read, rule_of
from tests.support.world import ANN, BOB, COMMERCIAL, FLAG, P1, P2, START, T1, A, B, World, landscape


def test_evidence_is_cut_to_the_whole_second() -> None:
    evidence = Evidence(A, T1, OUT, START.replace(microsecond=7), ROW, "", "event")
    assert evidence.registers() == Registers(latest_out=START)


def test_an_opt_in_as_old_as_the_ledger_is_believed() -> None:
    observed = Observation(ROW, IN, version="1", changed=LATER, created=START, trusted=True)
    assert learnt(None, observed).entries[A].of(T1) == Registers(latest_in=START)


@pytest.mark.parametrize(("since", "inherits"), [(START, True), (LATER, False)])
def test_only_opt_outs_made_while_the_heir_was_there_are_inherited(since: object, inherits: bool) -> None:  # noqa: FBT001
    entries = {A: Entry(A, {T1: Registers(latest_out=START)}), B: Entry(B)}
    told = Told(START, heirs={B: ((A, since),)})  # type: ignore[dict-item]
    assert learn(read(), entries, landscape(), told).entries[B].of(T1).out is inherits


@pytest.mark.parametrize(
    ("pending", "version", "by_us", "remembered"),
    [
        (False, "1", None, IN),
        (False, "2", True, SILENT),
        (True, "2", True, IN),
        (True, "1", None, SILENT),
        (True, "1", False, SILENT),
    ],
)
def test_an_opening_without_proof_is_remembered_only_if_it_is_ours(
    pending: bool,  # noqa: FBT001
    version: str,
    by_us: bool | None,  # noqa: FBT001
    remembered: Reading,
) -> None:
    wrote = Seen(IN, present=True, version="1", at=START, wrote=IN, pending=pending)
    lesson = learnt(wrote, Observation(ROW, IN, version=version, changed=LATER, created=START, by_us=by_us))
    assert lesson.entries[A].seen[ROW.key].reading is remembered


@pytest.mark.parametrize(("by_us", "wrote"), [(True, OUT), (None, OUT), (False, None)])
def test_a_write_under_way_stays_ours_unless_somebody_else_was_there_last(
    by_us: bool | None,  # noqa: FBT001
    wrote: Reading | None,
) -> None:
    begun = Seen(OUT, present=True, version="1", at=START, wrote=OUT, pending=True)
    lesson = learnt(begun, Observation(ROW, OUT, version="2", changed=LATER, created=START, by_us=by_us))
    assert lesson.entries[A].seen[ROW.key].wrote is wrote


def test_an_opt_out_under_our_own_user_that_we_did_not_write_is_evidence() -> None:
    seen = Seen(SILENT, present=True, version="1", at=START)
    lesson = learnt(seen, Observation(ROW, OUT, version="2", changed=LATER, created=START, by_us=True))
    assert lesson.entries[A].of(T1) == Registers(latest_out=LATER)


def test_an_opt_out_of_ours_at_an_address_that_somebody_touched_speaks_for_that_address() -> None:
    ours = Seen(OUT, present=True, version="1", at=START, wrote=OUT)
    lesson = learnt(ours, Observation(ROW, OUT, version="2", changed=LATER, created=START, by_us=False))
    assert lesson.entries[A].of(T1) == Registers(latest_out=LATER)


def test_a_flag_of_ours_that_somebody_touched_speaks_for_the_address_behind_it_however_many_share_it() -> None:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.world.add(BOB, A)
    bench.look(bench.world.consent(A, P1, OUT), bench.world.consent(A, P2, OUT))
    bench.world.edit(ANN)
    bench.look()
    assert bench.ledger.load([A])[A].of(COMMERCIAL).out


def test_a_yes_at_a_shared_address_does_not_release_the_flags_of_those_who_share_it() -> None:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.world.add(BOB, A)
    bench.look(bench.world.consent(A, P1, OUT), bench.world.consent(A, P2, OUT))
    bench.look(bench.world.consent(A, P1, IN), bench.world.consent(A, P2, IN))
    assert bench.world.records[ANN].flag
    assert bench.world.records[BOB].flag


def test_what_was_loosened_is_only_held_where_the_policy_says_so_and_opt_outs_still_travel() -> None:
    policy = Policy(Mode.TWO_WAY, loosened=Loosened.HOLD)
    bench = Bench(World(replace(landscape(), policy=policy)))
    bench.world.add(ANN, A)
    bench.look()
    assert bench.written(bench.world.flag(ANN, True)) == [("row/purpose:p1", OUT), ("row/purpose:p2", OUT)]
    bench.world.delete_row(A, P1)
    assert bench.written() == []


def standing(scope: Scope) -> Standing:
    """Give what stands at A once it has said yes to `scope`."""
    entries = {A: Entry(A, {scope: Registers(latest_in=START)}), B: Entry(B)}
    return Knowledge(landscape(), entries, read()).at(A)


def test_a_yes_to_a_purpose_does_not_open_its_topics_and_a_tenant_wide_one_opens_purposes() -> None:
    assert standing(P1).proof_of_in(T1) == NEVER
    assert standing(COMMERCIAL).proof_of_in(P1) == START


@pytest.mark.parametrize(("reading", "opens"), [(SILENT, False), (OUT, True)])
def test_what_says_nothing_is_opened_only_by_a_yes_to_exactly_its_scope(reading: Reading, opens: bool) -> None:  # noqa: FBT001
    at, scene = Location(A, Kind.ROW, str(P1)), landscape()
    place = Place(Observation(at, reading), reading, scene.meaning(at))
    assert (opened(place, [standing(COMMERCIAL)], scene) is not None) is opens


def test_an_opt_out_of_the_same_scope_crosses_between_record_and_address_by_that_rule(bench: Bench) -> None:
    bench.look(bench.world.join(ANN, "o1"))
    assert rule_of(bench, Kind.ROW, A) == ids(rules.SAME_SCOPE)


def test_an_opt_out_at_the_address_reaches_the_record_by_the_rule_of_the_same_scope(bench: Bench) -> None:
    bench.look(bench.world.consent(A, P1, OUT))
    assert rule_of(bench, Kind.OPT_OUT_LIST, ANN) == ids(rules.SAME_SCOPE)


def test_a_flag_is_released_and_a_list_opened_each_by_a_rule_of_its_own(bench: Bench) -> None:
    bench.look(bench.world.consent(A, P1, OUT), bench.world.consent(A, P2, OUT), bench.world.consent(A, T1, OUT))
    for scope in (P1, P2, T1):
        bench.look(bench.world.consent(A, scope, IN))
    assert rule_of(bench, Kind.FLAG, ANN)[-1:] == ids(rules.RELEASE)
    assert rule_of(bench, Kind.LIST, ANN)[-1:] == ids(rules.PROVEN_IN)
    assert Location(ANN, Kind.FLAG, FLAG) in {w.location for w in bench.world.writes}


def test_what_we_closed_and_nothing_asks_for_any_more_is_held() -> None:
    ours = Seen(OUT, present=True, version="1", at=START, wrote=OUT)
    still = Observation(ROW, OUT, version="1", changed=START, created=START, by_us=True)
    holds = decide(read(still), learnt(ours, still), landscape()).holds
    assert [(hold.rule, hold.stands) for hold in holds] == [(rules.HOLD_LEFT_OVER.id, OUT)]


@pytest.mark.parametrize(("writable", "written"), [(True, [rules.UNWRITABLE]), (False, [])])
def test_the_flag_stands_in_for_a_list_that_cannot_be_written_if_the_flag_can(
    writable: bool,  # noqa: FBT001
    written: list[Rule],
) -> None:
    scene = landscape()
    flag = Location(ANN, Kind.FLAG, FLAG)
    scene.meanings[Kind.FLAG, FLAG] = replace(scene.meaning(flag), writable=writable)
    seen = (Observation(flag, SILENT), Observation(Location(ANN, Kind.LIST, "l1"), SILENT, writable=False))
    snapshot = Snapshot(LATER, LATER, seen, frozenset({ANN}), {A: frozenset({ANN})}, frozenset({A}))
    entries = {A: Entry(A, {T1: Registers(latest_out=START)}), ANN: Entry(ANN)}
    decision = decide(snapshot, learn(snapshot, entries, scene, Told(START)), scene)
    assert [write.location.kind for write in decision.unsent] == [Kind.LIST]
    assert [write.rule for write in decision.writes] == ids(*written)


def test_what_we_closed_and_says_out_no_more_is_not_left_over() -> None:
    ours = Seen(OUT, present=True, version="1", at=START, wrote=OUT)
    gone = Observation(ROW, SILENT, version="2", changed=LATER, created=START, by_us=False)
    assert decide(read(gone), learnt(ours, gone), landscape()).holds == ()


def test_a_part_opted_in_under_a_standing_flag_is_held_with_the_flag_out() -> None:
    flag = Observation(Location(ANN, Kind.FLAG, FLAG), OUT, version="1", changed=START, created=START)
    row = Observation(Location(A, Kind.ROW, str(P1), "row1"), IN, changed=LATER, created=LATER, trusted=True)
    snapshot = Snapshot(LATER, LATER, (flag, row), frozenset({ANN}), {A: frozenset({ANN})}, frozenset({A}))
    lesson = learn(snapshot, {A: Entry(A), ANN: Entry(ANN)}, landscape(), Told(START))
    holds = decide(snapshot, lesson, landscape()).holds
    assert [(hold.rule, hold.reading) for hold in holds] == [(rules.HOLD_NARROW_IN.id, OUT)]


def test_only_what_we_wrote_out_is_ours() -> None:
    theirs = Seen(OUT, present=True, version="1", at=START)
    assert learnt(theirs, Observation(ROW, OUT, version="1", changed=START)).ours == frozenset()


@pytest.mark.parametrize(("created", "doubtful"), [(START, False), (START - timedelta(seconds=1), True)])
def test_only_an_opt_in_older_than_the_ledger_is_doubtful(created: datetime, doubtful: bool) -> None:  # noqa: FBT001
    lesson = learnt(None, Observation(ROW, IN, version="1", changed=LATER, created=created, trusted=True))
    assert (ROW in lesson.doubtful) is doubtful


def test_a_trusted_source_makes_no_opt_in_of_a_row_that_says_nothing() -> None:
    closed = Seen(OUT, present=True, version="1", at=START)
    lesson = learnt(closed, Observation(ROW, SILENT, version="2", changed=LATER, created=START, trusted=True))
    assert lesson.entries[A].registers == {}


@pytest.mark.parametrize(("by_us", "latest_in"), [(False, START), (True, NEVER), (None, NEVER)])
def test_an_opening_under_way_is_no_opt_in_unless_somebody_else_was_there_last(
    by_us: bool | None,  # noqa: FBT001
    latest_in: datetime,
) -> None:
    begun = Seen(OUT, present=True, version="1", at=START, wrote=IN, pending=True)
    lesson = learnt(begun, Observation(ROW, IN, version="2", changed=LATER, created=START, trusted=True, by_us=by_us))
    assert lesson.entries[A].of(T1).latest_in == latest_in


def test_what_we_closed_stays_ours_when_somebody_edits_it() -> None:
    ours = Seen(OUT, present=True, version="1", at=START, wrote=OUT)
    lesson = learnt(ours, Observation(ROW, OUT, version="2", changed=LATER, created=START, by_us=False))
    assert lesson.entries[A].seen[ROW.key].wrote is OUT


def test_a_yes_to_each_purpose_is_a_yes_to_all_of_them_once_the_last_was_given() -> None:
    assert standing(P1).proof_of_in(COMMERCIAL) == NEVER
    both = {P1: Registers(latest_in=START), P2: Registers(latest_in=LATER)}
    assert Knowledge(landscape(), {A: Entry(A, both)}, read()).at(A).proof_of_in(COMMERCIAL) == START


def test_a_flag_stands_while_one_purpose_under_it_was_not_opened_again(bench: Bench) -> None:
    bench.look(bench.world.flag(ANN, True))
    bench.look(bench.world.consent(A, P1, IN))
    bench.world.flag(ANN, False)
    assert bench.written() == [("flag/donotbulkemail", OUT)]


@pytest.mark.parametrize(
    ("before", "wrote", "by_us", "latest_in"),
    [
        (None, None, None, LATER),
        ("1", None, None, LATER),
        ("1", IN, None, NEVER),
        ("1", IN, False, LATER),
        ("2", None, None, NEVER),
    ],
)
def test_a_membership_that_came_into_being_since_we_looked_is_dated_by_that(
    before: str | None,
    wrote: Reading | None,
    by_us: bool | None,  # noqa: FBT001
    latest_in: datetime,
) -> None:
    at = Location(ANN, Kind.LIST, "l1")
    seen = Seen(IN if before else SILENT, present=before is not None, version=before, at=START, wrote=wrote)
    joined = Observation(at, IN, version="2", changed=LATER, created=LATER, trusted=True, by_us=by_us)
    snapshot = Snapshot(LATER, LATER, (joined,), frozenset({ANN}), {A: frozenset({ANN})}, frozenset({A}))
    entries = {A: Entry(A), ANN: Entry(ANN, seen={at.key: seen}, looked=START)}
    assert learn(snapshot, entries, landscape(), Told(START)).entries[ANN].of(T1).latest_in == latest_in


@pytest.mark.parametrize(
    ("seen", "changes", "asked"),
    [
        (Seen(IN, present=True, version="1", at=START), {}, True),
        (Seen(SILENT, present=True, version="1", at=START), {}, True),
        (Seen(IN, present=True, version="2", at=START), {}, False),
        (None, {}, False),
        (Seen(IN, present=True, version="1", at=START), {"trusted": False}, False),
        (Seen(IN, present=True, version="1", at=START), {"reading": OUT}, False),
        (Seen(IN, present=True, version="1", at=START), {"restored": True}, False),
        (Seen(IN, present=True, version="1", at=START), {"by_us": True}, False),
        (Seen(IN, present=True, version="1", at=START), {"created": LATER}, False),
    ],
)
def test_a_log_is_worth_asking_about_opt_ins_that_somebody_changed_since_we_looked(
    seen: Seen | None,
    changes: dict[str, object],
    asked: bool,  # noqa: FBT001
) -> None:
    o = Observation(ROW, IN, version="2", changed=LATER, created=START, trusted=True)
    snapshot = read(replace(o, **changes))  # type: ignore[arg-type]
    entries = {A: Entry(A, seen={ROW.key: seen} if seen else {}), B: Entry(B)}
    assert bool(undated(snapshot, entries, ())) is asked
    assert undated(snapshot, entries, [Act(ROW, IN, LATER)]) == []
    assert bool(undated(snapshot, entries, [Act(ROW, OUT, LATER)])) is asked
