"""The charts' geometry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from consent_sync.operate.page.charts import HEIGHT, WIDTH, bars, line

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_bars_stand_side_by_side_on_one_ground_in_proportion() -> None:
    few, many, none = bars([("few", 5), ("many", 10), ("none", 0)])
    assert few.x + few.width < many.x
    assert none.x + none.width <= WIDTH
    assert few.y + few.height == many.y + many.height == none.y + none.height
    assert (many.height, none.height) == (2 * few.height, 0)


def test_nothing_counted_is_drawn_flat() -> None:
    assert [bar.height for bar in bars([("a", 0), ("b", 0)])] == [0, 0]


def test_a_line_runs_from_the_first_moment_to_the_last_and_stays_inside() -> None:
    drawn = line([(NOON, 0), (NOON + timedelta(hours=1), 8), (NOON + timedelta(hours=4), 4)])
    assert drawn
    xs, ys = [dot[0] for dot in drawn.dots], [dot[1] for dot in drawn.dots]
    assert xs == sorted(xs)
    assert xs[1] - xs[0] < xs[2] - xs[1]  # by time, not by number
    assert max(xs) <= WIDTH
    assert 0 <= min(ys) <= max(ys) <= HEIGHT
    assert ys[1] < ys[2] < ys[0]


def test_one_moment_makes_no_line() -> None:
    assert line([(NOON, 3)]) is None
    assert line([(NOON, 3), (NOON, 4)]) is None
