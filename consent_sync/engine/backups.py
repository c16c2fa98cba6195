"""Noticing that somebody restored a backup of the tenant: the ledger is then newer than the data.

A restored row changed long ago, so no event tells of it and no sweep of the latest changes meets it. The ledger
therefore remembers some of the records whose consent it saw change last, and each sweep looks at them first: where they
say again what they said before, a backup was restored, and everything has to be compared. A run of everything writes
its opt-outs before it writes any opt-in, so the ledger's opt-outs are back before anything else happens.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from consent_sync.consent.evidence import Lesson
from consent_sync.consent.model import RecordRef, Snapshot
from consent_sync.consent.registers import Evidence
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.wake import Wake
from consent_sync.telemetry import Event, say

MOST = 40
"""Records to remember: enough that some of them are older than the backup, few enough for one round trip."""

FEWEST_LOOSENED = 3
"""So many of them that were opened again between two sweeps, by whatever means, are no coincidence."""

_BEACONS, _RESTORED = "beacons", "restored"


def remember(ledger: Ledger, snapshot: Snapshot, evidence: Iterable[Evidence]) -> None:
    """Remember the records that `evidence` is about, or that hold the address that it is about."""
    found = {record for e in evidence for record in _records_of(snapshot, e)}
    stands = ledger.note(_BEACONS)
    known: list[list[str]] = json.loads(stands or "[]")
    fresh = [[record.table, record.id] for record in sorted(found)][:MOST]
    if any(beacon not in known for beacon in fresh):
        kept = [*fresh, *(beacon for beacon in known if beacon not in fresh)][:MOST]
        ledger.set_note(_BEACONS, json.dumps(kept), stands)  # where another worker was faster, its own will do


def watch(ledger: Ledger, look: Callable[[Wake], Lesson]) -> None:
    """Look at the remembered records, and note it if they tell of a restored backup."""
    stands = ledger.note(_BEACONS)
    beacons = tuple(RecordRef(table, id_) for table, id_ in json.loads(stands or "[]"))
    if not beacons:
        return
    lesson = look(Wake(records=beacons))
    if lesson.returned or len({at.subject for at in lesson.loosened}) >= FEWEST_LOOSENED:
        say(Event.RESTORED, logging.WARNING, returned=len(lesson.returned), loosened=len(lesson.loosened))
        ledger.set_note(_RESTORED, now().isoformat(), ledger.note(_RESTORED))
        ledger.set_note(_BEACONS, "[]", stands)  # it has been noticed: the same records need not tell it again


def noticed(ledger: Ledger) -> datetime | None:
    """When a restored backup was last noticed: what began to look before that has to look again."""
    stands = ledger.note(_RESTORED)
    return datetime.fromisoformat(stands) if stands else None


def _records_of(snapshot: Snapshot, evidence: Evidence) -> Iterable[RecordRef]:
    subject = evidence.subject
    return (subject,) if isinstance(subject, RecordRef) else snapshot.holders.get(subject, frozenset())


def now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)
