"""A list that loses half of its members at once was emptied by somebody, not left by so many people.

Such a list is frozen: it is neither read as evidence nor written, until a person says what happened. So is, until it is
back, what the mapping names and the tenant no longer has.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from consent_sync.consent import rules
from consent_sync.consent.model import Kind, Reading, Snapshot
from consent_sync.consent.registers import Entry, Evidence
from consent_sync.ports.ledger import Ledger

from .gates import hold_service

WINDOW = timedelta(minutes=1)
FEWEST = 20
"""Fewer people than this may well leave a small list in a minute."""

_FROZEN, _LOST = "frozen lists", "lost"


def frozen_names(ledger: Ledger) -> frozenset[str]:
    """Give the names of the locations that are left alone: emptied lists that wait for a person, and what is gone."""
    known: dict[str, str] = json.loads(ledger.note(_FROZEN) or "{}")
    holds = {list_id: ledger.hold(hold_id) for list_id, hold_id in known.items()}
    emptied = (list_id for list_id, hold in holds.items() if hold and hold.state == "open")
    return frozenset([*emptied, *json.loads(ledger.note(_LOST) or "[]")])


def note_lost(ledger: Ledger, names: frozenset[str]) -> None:
    """Freeze the locations of these names, and no others that were lost before."""
    stands, lost = ledger.note(_LOST), json.dumps(sorted(names))
    if lost != (stands or "[]") and not ledger.set_note(_LOST, lost, stands):
        note_lost(ledger, names)


def without(snapshot: Snapshot, frozen: frozenset[str]) -> Snapshot:
    """Give `snapshot` without what is frozen."""
    kept = (o for o in snapshot.observations if o.location.name not in frozen)
    return replace(snapshot, observations=tuple(kept)) if frozen else snapshot


def with_memory_of(frozen: frozenset[str], before: Entry, after: Entry) -> Entry:
    """Keep what was last seen of frozen locations, so that it can still be settled either way."""
    kept = {key: seen for key, seen in before.seen.items() if key.split("/")[1] in frozen}
    return replace(after, seen={**after.seen, **kept}) if kept else after


def freeze_emptied(ledger: Ledger, evidence: Iterable[Evidence], now: datetime) -> bool:
    """Freeze the lists that too many people leave at once, counting those who just left; true if any was frozen."""
    leaving = Counter(
        e.location.name
        for e in evidence
        if e.location.kind is Kind.LIST and e.says is Reading.OUT and e.why != "inherited"
    )
    frozen = [list_id for list_id, count in leaving.items() if _freeze_if_emptied(ledger, list_id, count, now)]
    return bool(frozen)


def _freeze_if_emptied(ledger: Ledger, list_id: str, count: int, now: datetime) -> bool:
    left = _count_leaving(ledger, list_id, count, now)
    half = left + count  # of these, `count` are still remembered as members, and the others of the window no longer
    if left < FEWEST or ledger.count_members(list_id, at_most=half + 1) > half:
        return False
    hold = hold_service(ledger, rules.HOLD_EMPTIED.id, f"{list_id}-{now:%Y%m%dT%H%M}", now)
    stands = ledger.note(_FROZEN)
    frozen = json.dumps({**json.loads(stands or "{}"), list_id: hold.id})
    return ledger.set_note(_FROZEN, frozen, stands) or _freeze_if_emptied(ledger, list_id, 0, now)


def _count_leaving(ledger: Ledger, list_id: str, count: int, now: datetime) -> int:
    """Add to the number of people who left within the window, and give it."""
    name = f"left {list_id}"
    while True:
        stands = ledger.note(name)
        began, left = json.loads(stands) if stands else (now.isoformat(), 0)
        if now - datetime.fromisoformat(began) > WINDOW:
            began, left = now.isoformat(), 0
        if ledger.set_note(name, json.dumps([began, left + count]), stands):
            return int(left) + count
