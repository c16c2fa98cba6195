"""The brake on events: so many opt-ins within an hour are an import, not people who changed their minds.

A run knows how many opt-ins it found before it writes any; events come one by one, so they are counted by the hour.
"""

from __future__ import annotations

import json
from datetime import datetime

from consent_sync.consent import rules
from consent_sync.consent.landscape import Policy
from consent_sync.ports.ledger import Ledger

from .gates import hold_service

_COUNT = "opt-ins of the hour"


def admits(ledger: Ledger, policy: Policy, openings: int, now: datetime) -> bool:
    """Count `openings` opt-ins about to be written for events, and say whether they may be.

    Beyond the brake they are left to the next run, whose plan shows all of them, unless a person lets them through.
    """
    hour = now.strftime("%Y-%m-%dT%H")
    while True:
        stands = ledger.note(_COUNT)
        counted, before = json.loads(stands) if stands else (hour, 0)
        total = openings + (before if counted == hour else 0)
        if ledger.set_note(_COUNT, json.dumps([hour, total]), stands):
            break
    if total <= policy.brake_count:
        return True
    hold = hold_service(ledger, rules.HOLD_BRAKE.id, f"events-of-{hour}", now)
    return hold.state == "applied"
