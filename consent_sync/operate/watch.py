"""The service looks after its own webhook: whoever changes the registration in Dataverse changes what it hears of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.ledger import Ledger
from consent_sync.telemetry import Event, say

EVERY = timedelta(hours=1)
_LOOKED = "registration looked at"


def watch_registration(ledger: Ledger, differences: Callable[[], list[str]], now: datetime) -> None:
    """Say how the registration differs from what it should be, once an hour, whichever instance comes first.

    Not being able to read it is said too: nobody knows then whether events arrive. Nothing is raised, for this must not
    keep the sweep from beginning, which finds what events do not tell.
    """
    stands = ledger.note(_LOOKED)
    if stands and now - datetime.fromisoformat(stands) < EVERY:
        return
    if not ledger.set_note(_LOOKED, now.isoformat(), stands):
        return
    try:
        found = differences()
    except ConsentSyncError as error:
        found = [f"it cannot be read: {type(error).__name__}"]
    if found:
        say(Event.REGISTRATION_DRIFT, logging.WARNING, count=len(found), first=found[0])
