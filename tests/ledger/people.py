"""Who and what the tests of the ledger are about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from consent_sync.consent import rules
from consent_sync.consent.hold import Hold
from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Channel, ContactPoint, Kind, Location, Reading, RecordRef, Subject, topic
from consent_sync.consent.registers import Entry, Registers, Seen
from consent_sync.ports.ledger import HistoryLine
from consent_sync.ports.runs import Run, RunKind

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
A, B = (ContactPoint(Channel.EMAIL, f"{name}@example.com") for name in "ab")
ANN, BOB = RecordRef("contact", "ann"), RecordRef("lead", "bob")
NEWS, OFFERS = topic("news"), topic("offers")


def seen(reading: Reading = Reading.SILENT, *, present: bool = True, version: str | None = "1") -> Seen:
    return Seen(reading, present, version, NOON)


def on_list(record: RecordRef, *lists: str, entry: Entry | None = None) -> Entry:
    """Give the entry of a record that was last seen on these lists and on no others."""
    before = entry or Entry(record)
    left = {key: seen(present=False) for key in before.seen}
    return Entry(record, seen=left | {f"list/{name}": seen() for name in lists}, version=before.version)


def out(subject: Subject, days: int = 0) -> Entry:
    return Entry(subject, {NEWS: Registers(latest_out=NOON + timedelta(days=days))})


def line(subject: Subject, says: str = "out", because: str = "", **more: str) -> HistoryLine:
    return HistoryLine(subject, NOON, "evidence", str(NEWS), "row/topic:news/1", says, "changed", because, **more)


def held(subject: Subject, name: str = "news", *, passing: bool = False, since: datetime = NOON) -> Hold:
    rule = rules.HOLD_LEFT_OVER if passing else rules.HOLD_LOOSENED
    return Hold(Location(subject, Kind.LIST, name), rule.id, Reading.IN, "import", since)


def run(name: str, minutes: int = 0, scope: str = "all") -> Run:
    return Run(name, RunKind.SWEEP, Mode.RESTRICT, False, scope, "timer", "abc", NOON + timedelta(minutes=minutes))
