"""How many contact points a second one core learns from and decides for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from consent_sync.consent.decide import decide
from consent_sync.consent.evidence import Told, learn
from consent_sync.consent.landscape import Landscape, Meaning, Mode, Opened, Policy
from consent_sync.consent.model import (
    Channel,
    ContactPoint,
    Kind,
    Location,
    Observation,
    PurposeType,
    Reading,
    RecordRef,
    Snapshot,
    Subject,
    purpose,
    tenant,
    topic,
)
from consent_sync.consent.registers import Entry
from consent_sync.engine.pages import PAGE_ROWS

POINTS = PAGE_ROWS
"""Contact points decided together, as in a run."""
RUNS = 150
SHARES = (0.0, 0.12, 0.5)
"""Shares of people who opted out of something; the second is that of the sample company."""

_START = datetime(2026, 1, 1, tzinfo=UTC)
_ALL, _PURPOSE, _TOPIC = tenant(PurposeType.COMMERCIAL), purpose("p"), topic("t")
_LANDSCAPE = Landscape(
    {
        (Kind.FLAG, "flag"): Meaning((_ALL,), "left", shadows=True),
        (Kind.LIST, "list"): Meaning((_TOPIC,), "left", "brand", opened=Opened.PRESENT),
        (Kind.ROW, str(_PURPOSE)): Meaning((_PURPOSE,), "right", "brand", shadows=True, opened=Opened.IN),
        (Kind.ROW, str(_TOPIC)): Meaning((_TOPIC,), "right", "brand", opened=Opened.IN),
    },
    {_TOPIC: _PURPOSE, _PURPOSE: _ALL},
    {PurposeType.COMMERCIAL: (_PURPOSE,)},
    Policy(Mode.TWO_WAY),
)


def company(share: float) -> Snapshot:
    """Give people with one record, one address and three scopes each, `share` of whom opted out, all in step."""
    chance = random.Random(1)  # noqa: S311  - sample data
    observations: list[Observation] = []
    holders: dict[ContactPoint, frozenset[RecordRef]] = {}
    for number in range(POINTS):
        point, record = ContactPoint(Channel.EMAIL, f"p{number}@example.com"), RecordRef("contact", str(number))
        holders[point], out = frozenset([record]), chance.random() < share
        reading = Reading.OUT if out else Reading.SILENT
        row = Location(point, Kind.ROW, str(_PURPOSE), str(number))
        observations += [
            Observation(Location(record, Kind.FLAG, "flag"), reading, version="1", changed=_START, created=_START),
            Observation(Location(record, Kind.LIST, "list"), Reading.SILENT, present=not out, version="2"),
            Observation(row, reading, version="1", changed=_START, created=_START),
            Observation(Location(point, Kind.ROW, str(_TOPIC)), Reading.SILENT, present=False),
        ]
    records = frozenset(record for group in holders.values() for record in group)
    return Snapshot(_START, _START, tuple(observations), records, holders, frozenset(holders))


@dataclass(frozen=True, slots=True)
class Throughput:
    """Contact points a second on one core, where `share` of the people opted out of something."""

    share: float
    learn: float
    decide: float


def measure() -> list[Throughput]:
    """Measure learning and deciding alone."""
    found: list[Throughput] = []
    for share in SHARES:
        snapshot = company(share)
        subjects: list[Subject] = [*snapshot.holders, *snapshot.records]
        entries = {subject: Entry(subject) for subject in subjects}
        lesson = learn(snapshot, entries, _LANDSCAPE, Told(_START))
        learning = _fastest(partial(learn, snapshot, entries, _LANDSCAPE, Told(_START)))
        deciding = _fastest(partial(decide, snapshot, lesson, _LANDSCAPE))
        found.append(Throughput(share, POINTS / learning, POINTS / deciding))
    return found


def _fastest(work: Callable[[], object]) -> float:
    """Give the processor time of the fastest of many runs: the others shared the core and its caches with somebody."""
    seconds = []
    for _ in range(RUNS):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)
