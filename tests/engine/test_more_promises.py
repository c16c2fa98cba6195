"""The promises that are about evidence and its traces, by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.consent.model import NEVER, Act, Kind, Location, Reading, Snapshot, Subject
from consent_sync.consent.registers import Entry, Evidence
from consent_sync.consent.state import Knowledge
from tests.engine.conftest import Bench
from tests.engine.test_promises import ACTS, OPT_OUTS, loaded_bench
from tests.support.world import ANN, BOB, COMMERCIAL, P1, P2, START, T1, T2, A, B, World, landscape

SCOPES = (COMMERCIAL, P1, P2, T1, T2)
EVIDENCE = st.builds(
    lambda who, scope, says, at: Evidence(who, scope, says, START + timedelta(seconds=at), AT, "", ""),
    st.sampled_from([ANN, BOB, A, B]),
    st.sampled_from(SCOPES),
    st.sampled_from([Reading.IN, Reading.OUT]),
    st.integers(0, 5),
)
AT = Location(A, Kind.ROW, str(P1))
HOLDERS = {A: frozenset([ANN]), B: frozenset([ANN, BOB])}


def out_of(evidence: list[Evidence]) -> set[tuple[Subject, object]]:
    """Who is out of what, with this evidence joined."""
    entries: dict[Subject, Entry] = {subject: Entry(subject) for subject in (ANN, BOB, A, B)}
    for found in evidence:
        entries[found.subject] = entries[found.subject].joined(found)
    know = Knowledge(
        landscape(), entries, Snapshot(START, START, (), frozenset([ANN, BOB]), HOLDERS, frozenset(HOLDERS))
    )
    return {(point, scope) for point in HOLDERS for scope in SCOPES if know.at(point).cause_of_out(scope)}


@settings(max_examples=300, deadline=None)
@given(st.lists(EVIDENCE, max_size=6), EVIDENCE.filter(lambda e: e.says is Reading.OUT))
def test_monotone_restriction_more_opt_out_evidence_never_opens_anything(known: list[Evidence], more: Evidence) -> None:
    assert out_of(known) <= out_of([*known, more])


@settings(max_examples=200, deadline=None)
@given(st.lists(EVIDENCE, max_size=6), st.randoms(use_true_random=False))
def test_merge_algebra_order_and_repetition_of_evidence_cannot_matter(known: list[Evidence], chance: object) -> None:
    shuffled = [*known, *known]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert out_of(known) == out_of(shuffled)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(OPT_OUTS), unique=True, max_size=4))
def test_equivalence_events_and_a_sweep_plan_the_same(acts: list[Callable[[World], Act]]) -> None:
    by_event, by_sweep = loaded_bench(), loaded_bench()
    events = [act(by_event.world) for act in acts]
    for act in acts:
        act(by_sweep.world)
    assert by_event.look(*events, dry_run=True).planned == by_sweep.look(dry_run=True).planned


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=6))
def test_no_laundering_no_opt_in_is_ever_dated_later_than_the_person_gave_it(
    acts: list[Callable[[World], Act]],
) -> None:
    bench = loaded_bench()
    for act in acts:
        bench.look(act(bench.world))
    bench.look()
    given_at = {t.scope: t.at for t in bench.world.truth if t.says is Reading.IN}
    for entry in bench.ledger.load([ANN, BOB, A, B]).values():
        for scope, known in entry.registers.items():
            assert known.latest_in <= given_at.get(scope, NEVER)


def test_proof_the_history_says_what_was_learnt_when_from_where_and_what_was_done_by_which_rule(bench: Bench) -> None:
    act = bench.world.consent(A, T1, Reading.OUT)
    bench.look(act)
    (learnt,) = bench.ledger.history(A)
    assert (learnt.what, learnt.scope, learnt.says, learnt.at) == ("evidence", "topic:t1", "out", act.at)
    assert learnt.location == act.location.key
    (written,) = bench.ledger.history(ANN)
    assert (written.what, written.location, written.says) == ("write", "list/l1", "out")
    assert (written.rule, written.because) == ("out-follows-scope", "done")
