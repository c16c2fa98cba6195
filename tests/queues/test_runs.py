"""Chains of pages: ranges of a large table, chains that got lost, phases that end at the same moment."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.engine import open_runs, pages, scopes
from consent_sync.engine import passes as passing
from consent_sync.engine.open_runs import cancel, resume
from consent_sync.engine.passes import Passes
from consent_sync.engine.reconcile import Reconciler
from consent_sync.engine.scopes import Scope
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ports.runs import Part, Phase, Run, RunKind, Source, State, state_of
from consent_sync.ports.tenant import Page
from consent_sync.ports.wake import PageTurn
from tests.support.world import START, Down, World

PEOPLE = 60
TABLES = [*sorted(scopes.RECORDS), scopes.ROWS]


class PagedWorld(World):
    """A tenant whose contacts are paged through in the order that it chooses, which nobody else knows."""

    def __init__(self) -> None:
        super().__init__()
        self.order = lambda key: key
        self.paged: list[Source] = []
        for _ in range(PEOPLE):
            id_ = str(uuid.uuid4())
            self.add(RecordRef("contact", id_), ContactPoint(Channel.EMAIL, f"{id_[:13]}@example.com"))

    def page(self, source: Source, after: str | None, size: int) -> Page:
        self._call()
        self.paged.append(source)
        if source.table != "contact":
            return Page((), (), None, frozenset())
        rank = self.order
        found = sorted((r.id for r in self.records), key=rank)
        lows = [rank(bound) for bound in (source.above, after) if bound]
        found = [id_ for id_ in found if all(rank(id_) > low for low in lows)]
        found = [id_ for id_ in found if source.upto is None or rank(id_) <= rank(source.upto)][:size]
        records = [RecordRef("contact", id_) for id_ in found]
        points = {point for record in records for point in self.records[record].points}
        last = found[-1] if len(found) == size else None
        return Page(tuple(sorted(points)), (), last, frozenset(records), size=len(found))


@dataclass
class Clock:
    now: datetime


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which runs move, which stands still."""
    clock = Clock(datetime.now(UTC))
    for module in (pages, passing):
        monkeypatch.setattr(module, "_now", lambda: clock.now)
    return clock


@pytest.fixture
def world() -> PagedWorld:
    return PagedWorld()


@pytest.fixture
def passes(world: PagedWorld) -> Passes:
    ledger = SqliteLedger(":memory:", SubjectKeys("key"))
    ledger.born = lambda: START  # type: ignore[method-assign]
    reconcile = Reconciler(world, ledger, lambda: Mode.TWO_WAY, sleep=lambda _: None)
    return Passes(world, None, ledger, reconcile, "f", ())  # type: ignore[arg-type]  # nothing drifts here


def work(passes: Passes, messages: list[PageTurn]) -> int:
    """Work all messages; gives how many there were at once."""
    at_once = 0
    while messages:
        at_once = max(at_once, len(messages))
        messages = [turn for message in messages for turn in passes.turn(message)]
    return at_once


def everything(passes: Passes) -> tuple[str, list[PageTurn]]:
    run, messages = passes.start_resync(Scope("all"), dry_run=False, reason="test")
    return run.id, [message for message in messages if isinstance(message, PageTurn)]


@pytest.mark.parametrize("order", ["text", "last bytes first"])
def test_a_large_table_becomes_many_chains_that_cover_everybody_once(
    passes: Passes, world: PagedWorld, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(scopes, "SPLIT_AFTER", 2)
    monkeypatch.setattr(pages, "PAGE_ROWS", 5)
    if order != "text":
        world.order = lambda key: "".join(reversed(key.split("-")))
    run, messages = everything(passes)
    assert work(passes, messages) == scopes.RANGES
    parts = passes.ledger.parts(run)
    assert state_of(parts) is State.DONE
    assert sum(part.tally.decided for part in parts) == sum(part.tally.rows for part in parts) == PEOPLE


def test_a_small_table_stays_one_chain(passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_ROWS", 5)
    run, messages = everything(passes)
    work(passes, messages)
    assert [part.name for part in passes.ledger.parts(run)] == TABLES


def test_a_lost_message_is_sent_again_once_its_part_shows_no_life(
    passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = everything(passes)
    assert passes.revive() == []
    monkeypatch.setattr(open_runs, "STALLED", timedelta(0))
    revived = passes.revive()
    assert sorted(turn.part for turn in revived) == TABLES
    work(passes, revived)
    assert state_of(passes.ledger.parts(run)) is State.DONE
    assert passes.revive() == []


def give_up(passes: Passes, messages: Iterable[PageTurn]) -> None:
    for message in messages:
        with pytest.raises(Down):
            passes.turn(message, last_try=True)


def test_what_was_given_up_is_revived_more_and_more_rarely_and_at_once_by_a_person(
    passes: Passes, world: PagedWorld, clock: Clock
) -> None:
    run, messages = everything(passes)
    world.down_at = 0
    for minutes in (10, 20, 40, 80, 160, 320, 320):
        give_up(passes, messages)
        assert state_of(passes.ledger.parts(run)) is State.FAILED
        clock.now += timedelta(minutes=minutes)
        assert passes.revive() == []
        clock.now += timedelta(seconds=1)
        messages = passes.revive()
        assert sorted(turn.part for turn in messages) == TABLES
    give_up(passes, messages)
    world.down_at = None
    work(passes, resume(passes.ledger, run))
    assert state_of(passes.ledger.parts(run)) is State.DONE


def test_a_message_that_is_lost_each_time_is_sent_again_each_time(passes: Passes, clock: Clock) -> None:
    run, messages = everything(passes)
    for _ in range(12):
        clock.now += timedelta(hours=6)
        messages = passes.revive()
        assert sorted(turn.part for turn in messages) == TABLES
    work(passes, messages)
    assert state_of(passes.ledger.parts(run)) is State.DONE


def test_a_cancelled_run_is_not_revived_and_a_message_that_comes_late_does_nothing(
    passes: Passes, world: PagedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_runs, "STALLED", timedelta(0))
    run, messages = everything(passes)
    cancel(passes.ledger, run)
    assert state_of(passes.ledger.parts(run)) is State.CANCELLED
    assert passes.revive() == []
    world.paged.clear()
    assert work(passes, messages) == len(TABLES)
    assert world.paged == []


def test_two_parts_that_end_at_the_same_moment_still_begin_the_next_phase(
    passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of both sees the other one unfinished before it records its own end."""
    plan, messages = passes.start_resync(Scope("all"), dry_run=True, reason="plan")
    work(passes, [message for message in messages if isinstance(message, PageTurn)])
    run, messages = passes.start_apply(plan.id, by="Kim", reason="test")
    contact, lead, *others = (message for message in messages if isinstance(message, PageTurn))
    work(passes, others)
    parts, following = passes.ledger.parts, list[PageTurn]()

    def before_the_other_ends(run_id: str) -> list[Part]:
        found = parts(run_id)
        monkeypatch.setattr(passes.ledger, "parts", parts)
        following.extend(passes.turn(lead))
        return found

    monkeypatch.setattr(passes.ledger, "parts", before_the_other_ends)
    following.extend(passes.turn(contact))
    assert sorted(turn.part for turn in following) == [f"{table}+opt-outs" for table in TABLES]
    work(passes, following)
    assert state_of(parts(run.id)) is State.DONE
    assert {part.phase for part in parts(run.id)} == {Phase.CHECK, Phase.OPT_OUTS}


def test_the_rolling_pass_takes_the_next_slice_each_time_and_comes_round(passes: Passes, world: PagedWorld) -> None:
    seen = 0
    for number in range(scopes.RANGES):
        run, messages = passes.start_audit()
        assert (run.kind, run.scope) == (RunKind.AUDIT, f"slice {number + 1} of 16")
        work(passes, [message for message in messages if isinstance(message, PageTurn)])
        seen += sum(part.tally.decided for part in passes.ledger.parts(run.id))
    assert seen == PEOPLE
    assert passes.start_audit()[0].scope == "slice 1 of 16"
    assert world.paged


def test_a_sweep_does_not_begin_while_another_one_is_at_work(passes: Passes) -> None:
    _, messages = passes.start_sweep()
    assert passes.is_at_work(RunKind.SWEEP)
    work(passes, [message for message in messages if isinstance(message, PageTurn)])
    passes.revive()
    assert not passes.is_at_work(RunKind.SWEEP)


@pytest.mark.parametrize("begin", [Passes.start_sweep, Passes.start_drift])
def test_beginning_a_sweep_lets_go_of_the_failed_one_of_its_kind_alone(
    passes: Passes, clock: Clock, begin: Callable[[Passes], tuple[Run, Any]]
) -> None:
    failed = [begin(passes)[0] for begin in (Passes.start_sweep, Passes.start_drift)]
    for run in failed:
        for part in passes.ledger.parts(run.id):
            passes.ledger.advance(replace(part, parked=True, moved=clock.now), part.seq)
    fresh, _ = begin(passes)
    clock.now += timedelta(hours=1)
    gone = {run.id for run in failed if run.kind is fresh.kind}
    assert {turn.run_id for turn in passes.revive()} == {run.id for run in failed} - gone | {fresh.id}


def test_a_sweep_that_failed_gives_way_to_the_next_one(passes: Passes, world: PagedWorld, clock: Clock) -> None:
    failed, messages = passes.start_sweep()
    world.down_at = 0
    give_up(passes, [message for message in messages if isinstance(message, PageTurn)])
    assert not passes.is_at_work(RunKind.SWEEP)
    world.down_at = None
    following, messages = passes.start_sweep()
    clock.now += timedelta(days=1)
    assert failed.id not in {turn.run_id for turn in passes.revive()}
    assert state_of(passes.ledger.parts(failed.id)) is State.FAILED
    work(passes, [message for message in messages if isinstance(message, PageTurn)])
    assert following.scope == failed.scope == "all"
    assert state_of(passes.ledger.parts(following.id)) is State.DONE
