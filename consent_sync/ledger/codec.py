"""Entries as they are stored: keyed hashes instead of addresses, and compact JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from consent_sync.consent.hold import Hold
from consent_sync.consent.model import NEVER, ContactPoint, Reading, Scope, Subject
from consent_sync.consent.registers import Entry, Registers, Seen
from consent_sync.ports.ledger import StoredHold


class SubjectKeys:
    """Turns subjects into the keys they are stored under.

    A contact point becomes a keyed hash (HMAC-SHA256): without the key nobody can test a guessed address against the
    ledger. A record is known by its table and id, which say nothing about the person.
    """

    def __init__(self, hash_key: str) -> None:
        self._key = hash_key.encode()

    def of(self, subject: Subject) -> str:
        """Give the key of `subject`."""
        if isinstance(subject, ContactPoint):
            text = f"{subject.channel.value}\n{subject.value}"
            return "point:" + hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
        return f"record:{subject.table}:{subject.id}"


def encode(entry: Entry) -> str:
    """Give the stored form of `entry`, without its subject and revision."""
    return json.dumps(
        {
            "registers": {str(s): [_stamp(r.latest_in), _stamp(r.latest_out)] for s, r in entry.registers.items()},
            "seen": {
                key: [
                    s.reading.value,
                    s.present,
                    s.version,
                    _stamp(s.at),
                    s.wrote and s.wrote.value,
                    s.pending,
                    s.restored,
                ]
                for key, s in entry.seen.items()
            },
            "looked": _stamp(entry.looked),
            "points": {key: _stamp(since) for key, since in entry.points.items()},
        },
        separators=(",", ":"),
    )


def decode(subject: Subject, revision: int, body: str) -> Entry:
    """Read what :func:`encode` wrote."""
    stored = json.loads(body)
    return Entry(
        subject,
        _registers(stored),
        {
            key: Seen(
                Reading(reading), present, version, _time(at), Reading(wrote) if wrote else None, pending, restored
            )
            for key, (reading, present, version, at, wrote, pending, restored) in stored["seen"].items()
        },
        _time(stored["looked"]),
        {key: _time(since) for key, since in stored["points"].items()},
        revision,
    )


def decode_registers(body: str) -> dict[Scope, Registers]:
    """Read only the registers of what :func:`encode` wrote."""
    return _registers(json.loads(body))


def joined(body: str, learnt: Mapping[Scope, Registers]) -> str:
    """Join registers into what :func:`encode` wrote."""
    entry = json.loads(body)
    known = _registers(entry)
    for scope, registers in learnt.items():
        known[scope] = known.get(scope, Registers()).join(registers)
    entry["registers"] = {str(s): [_stamp(r.latest_in), _stamp(r.latest_out)] for s, r in known.items()}
    return json.dumps(entry, separators=(",", ":"))


def stored(key: str, hold: Hold, opened: datetime) -> StoredHold:
    """Give the form in which a new hold is kept; its id is the same however often it is found."""
    occurrence = f"{key}\n{hold.location.key}\n{hold.rule}\n{_stamp(hold.since)}"
    id_ = hashlib.sha256(occurrence.encode()).hexdigest()[:24]
    says, stands = hold.reading.value, hold.stands.value
    return StoredHold(id_, key, hold.location.key, hold.rule, says, stands, hold.source, opened)


def _registers(stored: dict[str, Any]) -> dict[Scope, Registers]:
    return {Scope.parse(s): Registers(_time(in_), _time(out)) for s, (in_, out) in stored["registers"].items()}


def _stamp(at: datetime) -> int | None:
    return None if at == NEVER else int(at.timestamp())


def _time(stamp: int | None) -> datetime:
    return NEVER if stamp is None else datetime.fromtimestamp(stamp, UTC)
