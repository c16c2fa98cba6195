"""How long opt-outs take, and which are still under way: known at every moment, whatever goes wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Reading
from consent_sync.engine import stats
from consent_sync.engine.reconcile import Reconciler, Task
from consent_sync.engine.report import Report
from consent_sync.engine.stats import BOUNDS, Figures
from consent_sync.ports.wake import Wake
from tests.engine.conftest import Bench
from tests.support.world import ANN, BOB, P1, START, A, B, Down


def reports_of(bench: Bench, *, dry_run: bool = False) -> Report:
    """Look once more, and give what that reports of itself."""
    told: list[Report] = []
    bench.world.wait()
    reconcile = Reconciler(bench.world, bench.ledger, lambda: bench.mode, sleep=lambda _: None, report=told.append)
    reconcile(Wake((A, B)), Task(dry_run=dry_run))
    (report,) = told
    return report


def test_nothing_is_late_when_everything_is_in_step(bench: Bench) -> None:
    assert bench.ledger.late().oldest is None


def test_what_is_only_observed_is_late_since_the_act_and_no_longer_when_it_is_written(bench: Bench) -> None:
    bench.mode = Mode.OBSERVE
    made = bench.world.flag(ANN, value=True).at
    bench.look()
    late = bench.ledger.late()
    assert (late.count, late.oldest) == (1, made), "the address: its rows do not say out yet"
    bench.mode = Mode.TWO_WAY
    bench.look()
    assert bench.ledger.late().oldest is None


def test_an_opt_out_is_late_while_the_tenant_is_down_in_the_middle_of_it(bench: Bench) -> None:
    made = bench.world.flag(ANN, value=True).at
    bench.world.down_at = bench.world.calls + 2  # it reads, and cannot write
    with pytest.raises(Down):
        bench.look()
    assert bench.ledger.late().oldest == made
    bench.world.down_at = None
    bench.world.wait(60)
    bench.look()
    assert bench.ledger.late().oldest is None


def test_an_opt_out_is_late_after_a_crash_until_somebody_has_looked_again(bench: Bench) -> None:
    bench.world.flag(ANN, value=True)
    bench.world.dies_after_writing = True
    with pytest.raises(Down):
        bench.look()
    assert bench.ledger.late().oldest is not None
    bench.world.dies_after_writing = False
    bench.world.wait(60)
    bench.look()
    assert bench.ledger.late().oldest is None


def test_an_opt_in_that_waits_is_not_late(bench: Bench) -> None:
    bench.world.flag(ANN, value=True)
    bench.look()
    bench.mode = Mode.RESTRICT
    bench.world.consent(A, P1, Reading.IN)
    bench.look()
    assert bench.ledger.late().oldest is None


def test_each_act_arrives_once_with_the_time_since_it_was_made(bench: Bench) -> None:
    bench.world.add(BOB, B)
    bench.world.join(BOB, "l1")
    bench.look()
    first = bench.world.flag(ANN, value=True).at
    bench.world.wait(30)
    second = bench.world.consent(B, P1, Reading.OUT).at
    report = reports_of(bench)
    assert {arrival.made for arrival in report.arrivals} == {first, second}
    for arrival in report.arrivals:
        assert arrival.took >= bench.world.now - arrival.made - timedelta(seconds=2)
    assert sum(arrival.writes for arrival in report.arrivals) == report.tally.written > 2
    assert reports_of(bench).arrivals == ()


def test_a_dry_run_arrives_nowhere(bench: Bench) -> None:
    bench.world.flag(ANN, value=True)
    assert reports_of(bench, dry_run=True).arrivals == ()


def test_a_failure_is_reported_with_what_it_was(bench: Bench) -> None:
    told: list[Report] = []
    reconcile = Reconciler(bench.world, bench.ledger, lambda: bench.mode, report=told.append)
    bench.world.down_at = bench.world.calls + 1
    with pytest.raises(Down):
        reconcile(Wake((A,)))
    assert isinstance(told[0].error, Down)
    assert told[0].tally.decided == 0


def test_figures_add_up_within_a_day_and_a_slot_is_used_again_after_it(bench: Bench) -> None:
    now = START + timedelta(days=3)
    for minutes in (0, 1, 7):
        stats.add(bench.ledger, Figures(now + timedelta(minutes=minutes), requests=10).arrival(BOUNDS[0] + 1))
    slots = stats.last_day(bench.ledger, now + timedelta(minutes=8))
    assert [slot.requests for slot in slots] == [20, 10]
    day = stats.total(slots)
    assert (day.arrived, day.within[:3]) == (3, (0, 3, 0))
    stats.add(bench.ledger, Figures(now + timedelta(days=1), requests=1))
    assert [slot.requests for slot in stats.last_day(bench.ledger, now + timedelta(days=1))] == [10, 1]


@pytest.mark.parametrize(("seconds", "bucket"), [(0, 0), (10, 0), (10.1, 1), (900, 3), (172_800, 6), (172_801, 7)])
def test_an_arrival_is_counted_under_the_first_bound_that_it_kept(seconds: float, bucket: int) -> None:
    assert Figures(START).arrival(seconds).within.index(1) == bucket
