"""Who inherits whose opt-outs: an address taken on inherits from the person's other addresses, a merged record's go on.

An opt-out made at an address belongs to every record that held it, so it follows each of them to a new address; and an
address that a person left before anybody looked still gets the opt-out that was made while it was held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from consent_sync.consent.model import ContactPoint, FormerPoint, Move, RecordRef, Snapshot, Subject
from consent_sync.consent.registers import Entry


def heirs_of(
    snapshot: Snapshot, entries: Mapping[Subject, Entry], moves: Iterable[Move], key: Callable[[Subject], str]
) -> dict[Subject, tuple[Subject, ...]]:
    """Give, for each heir, the subjects whose opt-outs it inherits; `key` is the ledger's name for a contact point."""
    left: dict[RecordRef, set[ContactPoint]] = defaultdict(set)
    for move in moves:
        left[move.record].add(move.left)
    heirs: dict[Subject, list[Subject]] = defaultdict(list)
    for record, points in snapshot.points_of().items():
        known, now = entries[record].points, {key(point): point for point in points}
        moved = sorted(point for point in left[record] - points if point in snapshot.holders)
        if not known and not moved:
            continue  # seen for the first time: there is nobody to inherit from
        former = [FormerPoint(token) for token in sorted(known - now.keys())]
        kept = [point for token, point in now.items() if token in known]
        for token, point in now.items():
            if token not in known:
                heirs[point] += [*moved, *former, *kept]
        for point in moved:
            heirs[point].append(record)
    for record, master in snapshot.merged.items():
        heirs[master].append(record)
    return {heir: tuple(sources) for heir, sources in heirs.items() if heir in entries}
