"""Purposes whose enforcement was changed: what an opt-out, or no word at all, is worth there changed with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consent_sync.mapping.facts import Enforcement, PurposeFacts
from consent_sync.ports.ledger import Ledger

_NOTE = "enforcement changes"
_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class EnforcementChange:
    """A purpose, by its id, whose enforcement for e-mail was another one at the look before."""

    purpose: str
    before: Enforcement
    after: Enforcement
    seen: datetime


def note_changes(
    ledger: Ledger, before: Mapping[str, PurposeFacts], after: Mapping[str, PurposeFacts], now: datetime
) -> None:
    """Remember which purposes are enforced otherwise than before."""
    changed = [
        [id_, before[id_].enforcement.value, after[id_].enforcement.value, now.isoformat()]
        for id_ in sorted(before.keys() & after.keys())
        if before[id_].enforcement is not after[id_].enforcement
    ]
    while changed:
        stands = ledger.note(_NOTE)
        if ledger.set_note(_NOTE, json.dumps([*json.loads(stands or "[]"), *changed][-_REMEMBERED:]), stands):
            return


def changes(ledger: Ledger) -> list[EnforcementChange]:
    """Give the latest changes, oldest first."""
    return [
        EnforcementChange(id_, Enforcement(before), Enforcement(after), datetime.fromisoformat(seen))
        for id_, before, after, seen in json.loads(ledger.note(_NOTE) or "[]")
    ]
