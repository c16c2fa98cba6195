"""The drift sweep: it asks for contradictions, and looks at those that are news.

Three steps, one after the other: ask the server by queries; compare the addresses that servers compare in different
ways; and, for queries that the server refused lately, read both sides range by range.

A contradiction may be right: a narrow opt-in that waits for a person under a wider flag, a list that nobody can write.
It was looked at before, and the ledger remembers every location as it was left. As long as what contradicts is still in
that very state, looking again would decide the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consent_sync.consent.model import ContactPoint, Kind, Subject
from consent_sync.consent.registers import Entry
from consent_sync.ports.drift import Drift, DriftPage, Finding, Sight
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Run, State, state_of
from consent_sync.ports.tenant import Page

from .emptied import frozen_names
from .odd import BUCKETS, odd_names

DRIFT = "drift"
"""The source that is no table: whatever contradicts."""

PATIENCE = timedelta(days=1)
"""How long a query that the server refused is not tried again."""
_ODD_TOGETHER = 5000
_REFUSED, _RUNS = "refused drift queries", "drift runs"
_ASK, _ODD, _COMPARE = "ask", "odd", "compare"
_MORE = "more"
"""Asking goes on, and the odd addresses were compared already."""
_ODD_NEXT = f"{_ODD} 0"


@dataclass(frozen=True, slots=True)
class DriftPages:
    """Reads the pages of a drift sweep."""

    drift: Drift
    ledger: Ledger

    def read(self, after: str | None, trusted: datetime | None) -> Page:
        """Give what to look at next, up to the next news or the next range; looks up to `trusted` count."""
        size = 0
        while True:
            step, _, at = (after or f"{_ASK} ").partition(" ")
            found, after = self._next(step, at)
            size += len(found.findings)
            news, odd = self._news(found.findings, trusted), tuple[Finding, ...]()
            if step == _ODD:
                news, odd = odd, news
            elif any(_is_of_a_row_missing(finding) for finding in news):
                exact, compared = self._compared()
                news = tuple(finding for finding in news if finding.point not in compared or finding in exact)
                if step == _ASK and after:  # so that the next step is done as well
                    odd, after = self._news(exact, trusted), self._without_odd(after)
                    size += len(exact)
            if news or odd or after is None or step == _COMPARE:
                return _page(news, odd, after, size)

    def _next(self, step: str, at: str) -> tuple[DriftPage, str | None]:
        born, frozen = self.ledger.born(), frozen_names(self.ledger)
        if step in {_ASK, _MORE}:
            found = self.drift.scan(born, frozen, self._refused(), at or None)
            self._note_refused(found.refused)
            last = _ODD_NEXT if step == _ASK else self._behind_odd()
            return found, f"{step} {found.after}" if found.after else last
        if step == _ODD:
            names, bucket = self._odd(int(at))
            found = self.drift.compare_odd(born, frozen, names) if names else DriftPage(())
            return found, f"{_ODD} {bucket}" if bucket < BUCKETS else self._behind_odd()
        found = self.drift.compare(born, frozen, self._refused(), at or None)
        return found, f"{_COMPARE} {found.after}" if found.after else None

    def _without_odd(self, after: str) -> str | None:
        return self._behind_odd() if after == _ODD_NEXT else _MORE + after.removeprefix(_ASK)

    def _behind_odd(self) -> str | None:
        return f"{_COMPARE} " if self._refused() else None

    def _odd(self, bucket: int) -> tuple[list[str], int]:
        """Give the names from `bucket` on that are worth one look, and the first bucket that is not among them."""
        names: list[str] = []
        while bucket < BUCKETS and len(names) < _ODD_TOGETHER:
            names += odd_names(self.ledger, bucket)
            bucket += 1
        return names, bucket

    def _news(self, findings: Collection[Finding], trusted: datetime | None) -> tuple[Finding, ...]:
        if trusted is None:
            return tuple(findings)
        entries = self.ledger.load({sight.location.subject for finding in findings for sight in finding.sights})
        return tuple(finding for finding in findings if is_news(finding, entries, trusted))

    def _compared(self) -> tuple[frozenset[Finding], frozenset[ContactPoint]]:
        """Give all that is found at odd addresses, and the contact points at which nothing else contradicts.

        What is missing for the server may only be written in another way.
        """
        exact: set[Finding] = set()
        compared: set[ContactPoint] = set()
        bucket = 0
        while bucket < BUCKETS:
            names, bucket = self._odd(bucket)
            if names:
                page = self.drift.compare_odd(self.ledger.born(), frozen_names(self.ledger), names)
                exact.update(page.findings)
                compared |= page.compared
        return frozenset(exact), frozenset(compared)

    def _refused(self) -> dict[str, str]:
        """Give the rules whose queries the server refused lately, each with the time until which it is left alone."""
        known: dict[str, str] = json.loads(self.ledger.note(_REFUSED) or "{}")
        return {rule: until for rule, until in known.items() if until > _now().isoformat()}

    def _note_refused(self, refused: Iterable[str]) -> None:
        until = (_now() + PATIENCE).isoformat()
        while added := dict.fromkeys(refused, until):
            stands = self.ledger.note(_REFUSED)
            if self.ledger.set_note(_REFUSED, json.dumps(self._refused() | added, sort_keys=True), stands):
                return


def _is_of_a_row_missing(finding: Finding) -> bool:
    return any(sight.version is None and sight.location.kind is Kind.ROW for sight in finding.sights)


def is_news(finding: Finding, entries: Mapping[Subject, Entry], trusted: datetime) -> bool:
    """Whether any location that contradicts is not as it was left by a look up to `trusted`."""
    return not all(_is_as_left(sight, entries[sight.location.subject], trusted) for sight in finding.sights)


def _is_as_left(sight: Sight, entry: Entry, trusted: datetime) -> bool:
    seen = entry.seen.get(sight.location.key)
    if seen is None or seen.pending or entry.looked > trusted:
        return False
    return not seen.present if sight.version is None else seen.present and seen.version == sight.version


def _page(plain: Iterable[Finding], odd: Iterable[Finding], after: str | None, size: int) -> Page:
    """Name the contact points; where they are odd, name too what the server may not find by them."""
    points = {finding.point for findings in (plain, odd) for finding in findings}
    sights = (sight.location for finding in odd for sight in finding.sights)
    rows = {at.row_id for at in sights if at.kind is Kind.ROW and at.row_id}
    records = {record for finding in odd for record in finding.records}
    return Page(tuple(sorted(points)), tuple(sorted(records)), after, rows=tuple(sorted(rows)), size=size)


# -- which looks to trust --


def trusted_until(ledger: Ledger, run: Run) -> datetime | None:
    """Give the time up to which looks count for the drift sweep `run`, None where it looks at whatever it finds.

    It is the end of the latest complete drift sweep with the same mapping, and in no lower mode: what was left then was
    left by the rules of today, and whatever was looked at since may have been looked at in a lower mode.
    """
    while True:
        stands = ledger.note(_RUNS)
        good, latest = json.loads(stands) if stands else ("", "")
        if latest and state_of(ledger.parts(latest)) is State.DONE:
            good = latest
        if ledger.set_note(_RUNS, json.dumps([good, run.id]), stands):
            before = ledger.run(good) if good else None
            same = before and before.fingerprint == run.fingerprint and before.mode.step >= run.mode.step
            return max(part.finished for part in ledger.parts(good) if part.finished) if same else None


def _now() -> datetime:
    return datetime.now(UTC)
