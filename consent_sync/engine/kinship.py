"""Who inherits whose opt-outs: an address taken on inherits from the person's other addresses, a merged record's go on.

An opt-out made at an address belongs to every record that held it, so it follows each of them to a new address; and an
address that a person left before anybody looked still gets the opt-out that was made while it was held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from consent_sync.consent.model import ContactPoint, Move, RecordRef, Snapshot, Subject
from consent_sync.consent.registers import Entry
from consent_sync.ports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Kinship:
    """For each heir, the subjects read with it, and the ledger's keys of contact points, that it inherits from."""

    heirs: dict[Subject, list[Subject]] = field(default_factory=lambda: defaultdict(list))
    former: dict[Subject, list[str]] = field(default_factory=lambda: defaultdict(list))


def kinship(snapshot: Snapshot, entries: Mapping[Subject, Entry], moves: Iterable[Move], ledger: Ledger) -> Kinship:
    """Find who inherits from whom, from what records carried when last seen, and from what events tell of `moves`."""
    left: dict[RecordRef, set[ContactPoint]] = defaultdict(set)
    for move in moves:
        left[move.record].add(move.left)
    found = Kinship()
    for record, points in snapshot.points_of().items():
        known, now = entries[record].points, {ledger.key(point): point for point in points}
        moved = sorted(point for point in left[record] - points if point in snapshot.holders)
        if not known and not moved:
            continue  # seen for the first time: there is nobody to inherit from
        kept = [point for key, point in now.items() if key in known]
        for key, point in now.items():
            if key not in known:
                found.heirs[point] += [*moved, *kept]
                found.former[point] += sorted(known - now.keys())
        for point in moved:
            found.heirs[point].append(record)
    for record, master in snapshot.merged.items():
        if master in entries:
            found.heirs[master].append(record)
    return found
