"""What the tenant no longer has although the mapping names it, and what it has that the mapping cannot place.

Both wait for a person, and neither stops the rest: what is gone is frozen, and it comes back by itself.
"""

from __future__ import annotations

import json
from datetime import datetime

from consent_sync.consent import rules
from consent_sync.mapping.facts import Facts
from consent_sync.mapping.memory import from_json, lost_names, named_facts, to_json, with_memory
from consent_sync.mapping.schema import MappingFile
from consent_sync.ports.ledger import Ledger

from .emptied import note_lost
from .enforcement import note_changes
from .gates import hold_service

_FACTS, _REPORTED = "facts", "reported facts"


def vet(ledger: Ledger, mapping: MappingFile, facts: Facts, now: datetime) -> Facts:
    """Give the tenant's `facts` with what the mapping names and is gone, freeze that, and report what needs a person.

    What was never there stays missing: that is a mistake in the mapping.
    """
    stands = ledger.note(_FACTS)
    before = from_json(stands) if stands else None
    whole = with_memory(mapping, facts, before) if before else facts
    kept = to_json(named_facts(mapping, whole))
    if kept != stands and not ledger.set_note(_FACTS, kept, stands):
        return vet(ledger, mapping, facts, now)  # another worker looked at the same moment
    if before:
        note_changes(ledger, before.purposes, facts.purposes, now)
    note_lost(ledger, lost_names(mapping, whole) if whole.gone else frozenset())
    troubles = dict.fromkeys(whole.gone, rules.HOLD_GONE.id) | dict.fromkeys(whole.stray, rules.HOLD_NO_BRAND.id)
    _report(ledger, troubles, now)
    return whole


def _report(ledger: Ledger, troubles: dict[str, str], now: datetime) -> None:
    """Open one hold for each trouble, and another one only if it comes back after it was over."""
    stands = ledger.note(_REPORTED)
    known: dict[str, str] = json.loads(stands or "{}")
    for id_ in sorted(troubles.keys() - known.keys()):
        hold_service(ledger, troubles[id_], f"{id_}-{now:%Y%m%dT%H%M}", now)
    if not ledger.set_note(_REPORTED, json.dumps(troubles, sort_keys=True), stands):
        _report(ledger, troubles, now)
