"""Figures of the last day, kept in the ledger as small notes: what was asked of Dataverse, how fast opt-outs arrived.

A day is cut into slots of five minutes, as long as the window of Dataverse's limits; the notes of a slot are used again
a day later. Each slot has several notes, so that many workers seldom write the same one. The figures are for looking
at: a worker that finds no quiet moment leaves its own out.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from consent_sync.consent.model import NEVER
from consent_sync.ports.ledger import Ledger

SLOT = timedelta(minutes=5)
DAY = timedelta(days=1)
BOUNDS = (10, 60, 300, 900, 3_600, 86_400, 172_800)
"""Seconds: an opt-out is counted under the first bound that it did not pass, or as slower than all of them."""
BUDGET = 6_000
"""Requests that Dataverse allows one user on one web server in five minutes (page "Service protection API limits")."""

_PREFIX, _SHARDS, _TRIES = "stats/", 3, 5


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over a slot or several.

    Requests, answers that asked to wait, reconciles and writes; opt-outs that arrived, their seconds together, and how
    many of them within each bound. `event` is when the latest event was worked.
    """

    at: datetime
    requests: int = 0
    throttled: int = 0
    reconciled: int = 0
    written: int = 0
    arrived: int = 0
    seconds: float = 0.0
    within: tuple[int, ...] = field(default=(0,) * (len(BOUNDS) + 1))
    event: datetime | None = None

    def __add__(self, other: Figures) -> Figures:
        events = [at for at in (self.event, other.event) if at]
        return Figures(
            max(self.at, other.at),
            self.requests + other.requests,
            self.throttled + other.throttled,
            self.reconciled + other.reconciled,
            self.written + other.written,
            self.arrived + other.arrived,
            self.seconds + other.seconds,
            tuple(a + b for a, b in zip(self.within, other.within, strict=True)),
            max(events, default=None),
        )

    def arrival(self, seconds: float) -> Figures:
        """Give the figures with an opt-out that took so long."""
        bucket = bisect_left(BOUNDS, seconds)
        within = tuple(count + (number == bucket) for number, count in enumerate(self.within))
        return replace(self, arrived=self.arrived + 1, seconds=self.seconds + seconds, within=within)


def add(ledger: Ledger, figures: Figures) -> None:
    """Add to the slot of the figures' time."""
    slot = slot_of(figures.at)
    for _ in range(_TRIES):
        name = f"{_PREFIX}{_number(slot):03}/{random.randrange(_SHARDS)}"  # noqa: S311  - spreads the writers
        stands = ledger.note(name)
        known = _FIGURES.validate_json(stands) if stands else None
        total = figures + known if known and slot_of(known.at) == slot else figures
        if ledger.set_note(name, _FIGURES.dump_json(replace(total, at=slot)).decode(), stands):
            return


def last_day(ledger: Ledger, now: datetime) -> list[Figures]:
    """Give the figures of each slot of the last day that has any, oldest first."""
    slots: dict[datetime, Figures] = {}
    for text in ledger.notes(_PREFIX).values():
        figures = _FIGURES.validate_json(text)
        if now - DAY < figures.at <= now:
            slots[figures.at] = slots[figures.at] + figures if figures.at in slots else figures
    return [slots[at] for at in sorted(slots)]


def total(slots: Iterable[Figures]) -> Figures:
    """Add up."""
    return sum(slots, Figures(NEVER))


def slot_of(at: datetime) -> datetime:
    """Give the beginning of the slot in which a time lies."""
    seconds = int(at.timestamp()) // int(SLOT.total_seconds()) * int(SLOT.total_seconds())
    return datetime.fromtimestamp(seconds, UTC)


def _number(slot: datetime) -> int:
    return int(slot.timestamp() // SLOT.total_seconds()) % int(DAY / SLOT)


_FIGURES = TypeAdapter(Figures)
