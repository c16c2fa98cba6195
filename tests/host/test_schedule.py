"""NCRONTAB, and what happens when a run takes longer than the time between two."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from local.host.errors import HostError
from local.host.schedule import Schedule
from local.host.triggers import TimerListener
from tests.host.conftest import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("expression", "first", "second"),
    [
        ("0 */5 * * * *", "2026-01-31 12:05:00", "2026-01-31 12:10:00"),
        ("*/15 * * * * *", "2026-01-31 12:00:15", "2026-01-31 12:00:30"),
        ("30 15 3 * * *", "2026-02-01 03:15:30", "2026-02-02 03:15:30"),
        ("0 0 9-17 * * MON-FRI", "2026-02-02 09:00:00", "2026-02-02 10:00:00"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00", "2032-02-29 00:00:00"),
        ("*/5 * * * *", "2026-01-31 12:05:00", "2026-01-31 12:10:00"),
        ("0 0 6 * * 0", "2026-02-01 06:00:00", "2026-02-08 06:00:00"),
    ],
)
def test_a_schedule_says_when_next(expression: str, first: str, second: str) -> None:
    schedule = Schedule(expression, used_by="f")
    saturday = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert f"{schedule.after(saturday):%Y-%m-%d %H:%M:%S}" == first
    assert f"{schedule.after(schedule.after(saturday)):%Y-%m-%d %H:%M:%S}" == second


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "61 * * * * *",
        "0 0 0 L * *",
        "0 0 0 * * 5#2",
        "0 0 0 * * 7",
        "0 0 0 * * 5L",
        "0 0 0 1 * MON",
        "x",
    ],
)
def test_what_ncrontab_does_not_read_the_same_way_is_refused(expression: str) -> None:
    with pytest.raises(HostError, match=r"Function f: .* is not a schedule"):
        Schedule(expression, used_by="f")


class Every10Milliseconds(Schedule):
    def __init__(self) -> None:
        super().__init__("* * * * * *", used_by="f")

    def after(self, moment: datetime) -> datetime:
        return moment + timedelta(milliseconds=10)


def run_timer(invoke: Callable[..., None], *, run_on_startup: bool = False) -> TimerListener:
    listener = TimerListener(Every10Milliseconds(), run_on_startup=run_on_startup, invoke=invoke)
    listener.start()
    return listener


def test_a_run_that_lasts_past_the_next_is_followed_by_one_that_knows() -> None:
    runs: list[bool] = []
    first_may_end = threading.Event()

    def invoke(*, past_due: bool) -> None:
        runs.append(past_due)
        if len(runs) == 1:
            first_may_end.wait(10)

    listener = run_timer(invoke)
    wait_until(lambda: runs)
    started = datetime.now(UTC)
    wait_until(lambda: datetime.now(UTC) - started > timedelta(milliseconds=50))
    first_may_end.set()
    wait_until(lambda: len(runs) > 1)
    listener.stop()
    assert runs[:2] == [False, True]


def test_stop_ends_the_wait_for_a_distant_occurrence() -> None:
    listener = TimerListener(Schedule("0 0 0 1 1 *", used_by="f"), run_on_startup=False, invoke=lambda **_: None)
    listener.start()
    listener.stop()


def test_run_on_startup_runs_at_once() -> None:
    ran = threading.Event()
    distant = Schedule("0 0 0 29 2 *", used_by="f")
    listener = TimerListener(distant, run_on_startup=True, invoke=lambda **_: ran.set())
    listener.start()
    assert ran.wait(10)
    listener.stop()
