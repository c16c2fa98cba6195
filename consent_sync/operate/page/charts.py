"""The geometry of the page's two charts; the template draws it as inline SVG. All lengths are in SVG user units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 640, 180
_TOP, _BOTTOM, _LEFT = 16, 28, 44
_GAP = 0.25  # of a bar's slot


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its rectangle, what it counts, and where its label stands."""

    x: float
    y: float
    width: float
    height: float
    label: str
    count: int

    @property
    def middle(self) -> float:
        """Where text is centred above and below the bar."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    says: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points in time: the SVG path's points, the dots, and the marks of both axes."""

    points: str
    dots: tuple[tuple[float, float, str], ...]
    hours: tuple[Tick, ...]
    levels: tuple[Tick, ...]


def bars(counts: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    """Lay out one bar for each (label, count), side by side; the highest fills the height."""
    highest = max((count for _, count in counts), default=0) or 1
    slot = WIDTH / max(len(counts), 1)
    room = HEIGHT - _TOP - _BOTTOM
    found = []
    for place, (label, count) in enumerate(counts):
        height = room * count / highest
        x = place * slot + slot * _GAP / 2
        found.append(Bar(_r(x), _r(_TOP + room - height), _r(slot * (1 - _GAP)), _r(height), label, count))
    return tuple(found)


def line(values: Sequence[tuple[datetime, int]]) -> Line | None:
    """Lay out a line through (time, value), oldest first; None where there are fewer than two moments to connect."""
    if len(values) < 2 or values[0][0] == values[-1][0]:  # noqa: PLR2004  - a line has two ends
        return None
    first, last = values[0][0], values[-1][0]
    highest = max(value for _, value in values) or 1
    room, wide = HEIGHT - _TOP - _BOTTOM, WIDTH - _LEFT - 8

    def x(at: datetime) -> float:
        return _r(_LEFT + wide * ((at - first) / (last - first)))

    def y(value: float) -> float:
        return _r(_TOP + room * (1 - value / highest))

    dots = tuple((x(at), y(value), f"{at:%d %b %H:%M}: {value}") for at, value in values)
    middle = first + (last - first) / 2
    return Line(
        points=" ".join(f"{dot[0]},{dot[1]}" for dot in dots),
        dots=dots,
        hours=tuple(Tick(x(at), f"{at:%d %b %H:%M}") for at in (first, middle, last)),
        levels=tuple(Tick(y(value), str(value)) for value in sorted({0, highest})),
    )


def _r(length: float) -> float:
    return round(length, 1)
