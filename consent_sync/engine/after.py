"""What the ledger remembers after writing: each location as we left it, so that our own writes are never news."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from consent_sync.consent import rules
from consent_sync.consent.model import Kind, Reading, Subject
from consent_sync.consent.registers import Entry, Seen
from consent_sync.ports.tenant import Outcome, Result


def remember(
    kept: Mapping[Subject, Entry], before: Mapping[Subject, Entry], results: Iterable[Result]
) -> dict[Subject, Entry]:
    """Give the entries to save: `kept` as the ledger has them, `before` as they were without intents."""
    after = dict(kept)
    for result in results:
        location = result.write.location
        entry, known = after[location.subject], before[location.subject].seen
        if result.outcome is Outcome.DONE:
            seen = _after_write(entry, result)
        else:
            seen = {**entry.seen, location.key: known[location.key]}
        after[location.subject] = replace(entry, seen=seen)
    touched = {result.write.location.subject for result in results}
    return {subject: after[subject] for subject in touched}


def _after_write(entry: Entry, result: Result) -> dict[str, Seen]:
    """Set the written location as we left it, and carry the new version to the others that stand in the same row."""
    write = result.write
    old = write.observed.version
    seen = {
        key: replace(s, version=result.version) if old is not None and s.version == old else s
        for key, s in entry.seen.items()
    }
    restored = seen.pop(write.location.key).restored + (write.rule == rules.RESTORE.id)
    location = replace(write.location, row_id=result.row_id or write.location.row_id)
    present = write.to is Reading.IN if location.kind is Kind.LIST else _present_after(location.kind, write.to)
    seen[location.key] = Seen(write.to, present, result.version, result.at, write.to, restored=restored)
    return seen


def _present_after(kind: Kind, to: Reading) -> bool:
    return to is Reading.OUT if kind is Kind.OPT_OUT_LIST else True
