"""Tells of every reconcile: in the log, and in the figures of the last day."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.ledger import Ledger
from consent_sync.telemetry import Event, say

from .report import Arrival, Report
from .stats import Figures, add


@dataclass(slots=True)
class Asked:
    """Requests to the tenant so far, and how many of their answers asked to wait."""

    requests: int = 0
    throttled: int = 0


@dataclass(slots=True)
class Reporter:
    """Takes the reports of one process; safe to use from many threads. `asked` counts for the whole process."""

    ledger: Ledger
    asked: Callable[[], Asked]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _told: Asked = field(default_factory=Asked)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, report: Report) -> None:
        """Tell of a reconcile. Figures that cannot be kept are left out: the work itself is done."""
        arrivals = [a for a in report.arrivals if a.made >= self.ledger.born()]  # older ones were found, not made
        self._log(report, arrivals)
        with suppress(ConsentSyncError):
            add(self.ledger, self._figures(report, arrivals))

    def _log(self, report: Report, arrivals: list[Arrival]) -> None:
        correlation, run, tally = report.asked.correlation_id, report.run_id, report.tally
        say(
            Event.RECONCILED,
            logging.WARNING if report.error else logging.INFO,
            correlation=correlation,
            run=run,
            points=tally.decided,
            written=tally.written,
            skipped=tally.skipped,
            held=tally.held,
            failed=tally.failed,
            requests=tally.requests,
            retries=report.asked.retries,
            throttled=report.asked.throttled,
            seconds=round(report.seconds, 3),
            error=type(report.error).__name__ if report.error else None,
        )
        for arrival in arrivals:
            took = round(arrival.took.total_seconds(), 1)
            say(Event.ARRIVED, correlation=correlation, run=run, seconds=took, writes=arrival.writes)

    def _figures(self, report: Report, arrivals: list[Arrival]) -> Figures:
        now, asked = self.now(), self._since_told()
        event = now if report.run_id is None and report.error is None else None
        written = report.tally.written
        figures = Figures(now, asked.requests, asked.throttled, reconciled=1, written=written, event=event)
        for arrival in arrivals:
            figures = figures.arrival(arrival.took.total_seconds())
        return figures

    def _since_told(self) -> Asked:
        """Give what was asked since the last time, reading pages and facts included."""
        with self._lock:
            asked, told = self.asked(), self._told
            self._told = asked
        return Asked(asked.requests - told.requests, asked.throttled - told.throttled)
