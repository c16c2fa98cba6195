"""Entries as they are stored: keyed hashes instead of addresses, and compact JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from consent_sync.consent.model import NEVER, ContactPoint, Kind, Reading, RecordRef, Scope, Subject
from consent_sync.consent.registers import Entry, Registers, Seen
from consent_sync.ports.ledger import HistoryLine, RecordedLine, StoredHold

from .store import Line

NOBODY = RecordRef("", "")
"""Stands where a subject is asked for and what is written is stored under a key anyway."""

_RECORD = "record:"
_LISTS = (f"{Kind.LIST.value}/", f"{Kind.OPT_OUT_LIST.value}/")


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
            return "point:" + self._mac(f"{subject.channel.value}\n{subject.value}").hex()
        return f"{_RECORD}{subject.table}:{subject.id}"

    def derived(self, purpose: str) -> bytes:
        """Give a key for another purpose than hashing contact points."""
        return self._mac(f"\n{purpose}")

    def _mac(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), hashlib.sha256)


def record_under(key: str) -> RecordRef | None:
    """Give the record that is kept under `key`, None where it is not a record's."""
    if not key.startswith(_RECORD):
        return None
    table, _, id_ = key.removeprefix(_RECORD).partition(":")
    return RecordRef(table, id_)


def encode(entry: Entry) -> str:
    """Give the stored form of `entry`, without its subject, version and revision."""
    return _packed(
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
            "erased": _stamp(entry.erased),
            **({} if entry.late == NEVER else {"late": _stamp(entry.late)}),
        }
    )


def decode(subject: Subject, body: str) -> Entry:
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
        _time(stored.get("erased")),
        _time(stored.get("late")),
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
    return _packed(entry)


def lists_in(body: str) -> frozenset[str]:
    """Give the lists on which the record of this body was last seen."""
    seen = json.loads(body)["seen"]
    return frozenset(key.split("/", 1)[1] for key, (_, present, *_) in seen.items() if present and _is_list(key))


def late_in(body: str) -> datetime | None:
    """Give since when the subject of this body is late, None where it is not."""
    stamp = json.loads(body).get("late")
    return None if stamp is None else _time(stamp)


def lateness(since: datetime) -> str:
    """Give the list on which whoever is late since then stands in the index: the oldest has the first name."""
    return f"{LATE}{int(since.timestamp()):012}"


def since_of(lateness: str) -> datetime:
    """Give back what :func:`lateness` took."""
    return datetime.fromtimestamp(int(lateness.removeprefix(LATE)), UTC)


LATE = "late:"
"""Begins the names of these lists; no list of the tenant has such a name, for those are ids."""


def without_list(body: str, list_id: str) -> str:
    """Take a list out of what was last seen."""
    entry = json.loads(body)
    for kind in _LISTS:
        entry["seen"].pop(f"{kind}{list_id}", None)
    return _packed(entry)


def points_in(body: str) -> tuple[str, ...]:
    """Give the keys of the contact points that the record of this body carries."""
    return tuple(json.loads(body)["points"])


def suppression(kept: Mapping[Scope, Registers], now: datetime) -> str:
    """Give the body of a subject that is erased now, except for these opt-outs."""
    return encode(Entry(NOBODY, dict(kept), erased=now))


def text_of(line: HistoryLine) -> str:
    """Give the stored form of a line, without its subject: what it leaves empty is left out."""
    body = {
        "at": line.at.isoformat(),
        "what": line.what,
        "scope": line.scope,
        "location": line.location,
        "says": line.says,
        "rule": line.rule,
        "because": line.because,
        "run": line.run,
        "by": line.by,
    }
    return _packed({name: value for name, value in body.items() if value})


def line_of_hold(hold: StoredHold, what: str) -> str:
    """Give the stored form of the line that says what became of a hold."""
    at, says = (hold.opened, hold.says) if what == "held" else (hold.settled or hold.opened, hold.state)
    body = {
        "at": at.isoformat(),
        "what": what,
        "location": hold.location,
        "says": says,
        "rule": hold.rule,
        "because": hold.why or hold.source,
        "by": hold.by,
    }
    return _packed({name: value for name, value in body.items() if value})


def read_line(key: str, line: Line) -> RecordedLine:
    """Read what :func:`text_of` and :func:`line_of_hold` wrote."""
    body = json.loads(line.body)
    at, recorded = datetime.fromisoformat(body.pop("at")), datetime.fromisoformat(line.recorded)
    empty = dict.fromkeys(("what", "scope", "location", "says", "rule", "because", "run", "by"), "")
    return RecordedLine(key, line.number, recorded, at, **(empty | body), digest=line.digest)


def _is_list(location: str) -> bool:
    return location.startswith(_LISTS)


def _packed(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _registers(stored: dict[str, Any]) -> dict[Scope, Registers]:
    return {Scope.parse(s): Registers(_time(in_), _time(out)) for s, (in_, out) in stored["registers"].items()}


def _stamp(at: datetime) -> int | None:
    return None if at == NEVER else int(at.timestamp())


def _time(stamp: int | None) -> datetime:
    return NEVER if stamp is None else datetime.fromtimestamp(stamp, UTC)
