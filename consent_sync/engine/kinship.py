"""Who inherits whose opt-outs: an address taken on inherits from the person's other addresses, a merged record's go on.

An opt-out made at an address belongs to every record that held it, so it follows each of them to a new address; and an
address that a person left before anybody looked still gets the opt-out that was made while it was held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consent_sync.consent.evidence import Repeat
from consent_sync.consent.model import NEVER, ContactPoint, Kind, Move, RecordRef, Snapshot, Subject
from consent_sync.consent.registers import Entry
from consent_sync.ports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Kinship:
    """For each heir, what it inherits from, and since when: subjects read with it, and contact points by their key."""

    heirs: dict[Subject, list[tuple[Subject, datetime]]] = field(default_factory=lambda: defaultdict(list))
    former: dict[Subject, list[tuple[str, datetime]]] = field(default_factory=lambda: defaultdict(list))


def kinship(snapshot: Snapshot, entries: Mapping[Subject, Entry], moves: Iterable[Move], ledger: Ledger) -> Kinship:
    """Find who inherits from whom, from what records carried when last seen, and from what events tell of `moves`."""
    left: dict[RecordRef, set[ContactPoint]] = defaultdict(set)
    for move in moves:
        left[move.record].add(move.left)
    found = Kinship()
    for record, points in snapshot.points_of.items():
        known, now = entries[record].points, {ledger.key(point): point for point in points}
        moved = sorted(point for point in left[record] - points if point in snapshot.holders)
        if not known and not moved:
            continue  # seen for the first time: there is nobody to inherit from
        carried = [(point, known.get(ledger.key(point), NEVER)) for point in moved]
        carried += [(point, known[key]) for key, point in now.items() if key in known]
        for key, point in now.items():
            if key not in known:
                found.heirs[point] += carried
                found.former[point] += sorted((key, since) for key, since in known.items() if key not in now)
        for point in moved:
            found.heirs[point].append((record, NEVER))
    for record, master in snapshot.merged.items():
        if master in entries:
            found.heirs[master].append((record, NEVER))
    return found


def carried_since(
    snapshot: Snapshot, before: Mapping[Subject, Entry], repeated: Mapping[Subject, Repeat], ledger: Ledger
) -> dict[RecordRef, dict[str, datetime]]:
    """Give since when at the latest each record carries its contact points, by the ledger's key.

    A contact point that is new on a record may have been there since the last look; a record that is new has carried
    what it carries since it was created. An edit that may have `repeated` an older opt-out does not make it one that
    was made while those held the contact point who came after it.
    """
    created = {o.location.subject: o.created for o in snapshot.observations if o.location.kind is Kind.FLAG}
    found: dict[RecordRef, dict[str, datetime]] = {}
    for record, points in snapshot.points_of.items():
        entry = before[record]
        first = entry.looked if entry.looked > NEVER else created.get(record, NEVER)
        carried = {point: entry.points.get(ledger.key(point), first) for point in points}
        found[record] = {ledger.key(point): _after(repeated.get(point), since) for point, since in carried.items()}
    return found


def _after(repeat: Repeat | None, since: datetime) -> datetime:
    return repeat.edited + timedelta(seconds=1) if repeat and repeat.made < since <= repeat.edited else since
