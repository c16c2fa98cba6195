"""What the frequent timer measures of the whole, for the log and the alerts that read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from consent_sync.engine.census import take_census
from consent_sync.engine.passes import Passes
from consent_sync.ports.queue import WorkQueue
from consent_sync.telemetry import Event, say

from .status import late_of


def measure(passes: Passes, queues: Mapping[str, WorkQueue]) -> None:
    """Say how old the oldest opt-out under way is, and how much waits for a person."""
    ledger, now = passes.ledger, datetime.now(UTC)
    take_census(ledger)
    late, holds = late_of(ledger, now), ledger.holds()
    say(
        Event.MEASURED,
        oldest_opt_out=late.seconds,
        late=late.count,
        oldest_hold=round((now - holds[0].opened).total_seconds()) if holds else 0,
        holds=len(holds),
        parked=sum(queue.count_parked() for queue in queues.values()),
        mode=passes.reconcile.mode().value,
    )
