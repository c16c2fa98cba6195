"""How far a run is, and how long it will still take."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from consent_sync.consent.landscape import Mode
from consent_sync.engine.progress import Progress, progress_of
from consent_sync.ports.runs import Part, Phase, Run, RunKind, Source, Tally

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
RUN = Run("r", RunKind.RESYNC, Mode.TWO_WAY, False, "all", "", "f", BEGAN, expected=1000)
AFTER_20_SECONDS = BEGAN + timedelta(seconds=20)


def part(name: str, rows: int, phase: Phase = Phase.OPT_OUTS, finished: datetime | None = None) -> Part:
    return Part("r", name, Source("contact"), phase, tally=Tally(rows=rows), finished=finished)


def test_rate_and_time_left_follow_from_what_was_done() -> None:
    parts = [part("contact", 150), part("lead", 50)]
    assert progress_of(RUN, parts, AFTER_20_SECONDS) == Progress(200, 1000, 10.0, 80)


def test_each_phase_goes_over_the_rows_again() -> None:
    parts = [part("contact", 1000, finished=BEGAN), part("contact+opt-ins", 600, Phase.OPT_INS)]
    assert progress_of(RUN, parts, AFTER_20_SECONDS) == Progress(600, 1000, 80.0, 5)


def test_a_run_that_is_done_keeps_its_rate_and_has_no_time_left() -> None:
    parts = [part("contact", 1000, finished=BEGAN + timedelta(seconds=10))]
    assert progress_of(RUN, parts, BEGAN + timedelta(days=1)) == Progress(1000, 1000, 100.0, None)


def test_nobody_knows_the_time_left_of_what_was_not_counted() -> None:
    parts = [part("contact", 100)]
    assert progress_of(replace(RUN, expected=None), parts, AFTER_20_SECONDS) == Progress(100, None, 5.0, None)
    assert progress_of(RUN, [part("contact", 0)], BEGAN) == Progress(0, 1000, None, None)
