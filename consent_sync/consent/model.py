"""The words of the project as values: contact points, records, scopes, locations and what they say.

Nothing here knows Dataverse: a location carries the name of the side it lives on, but no rule may compare it with
anything except another location's side.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple


class Channel(StrEnum):
    """The way a message travels. Consent never crosses channels."""

    __hash__ = str.__hash__  # an enumeration's own is slow, and decisions look things up all the time

    EMAIL = "email"
    TEXT = "text"
    VOICE = "voice"
    CUSTOM = "custom"


class Reading(StrEnum):
    """What one location says now. Silence is not consent."""

    OUT = "out"
    IN = "in"
    SILENT = "silent"


class PurposeType(StrEnum):
    """The three kinds of purposes (table msdynmkt_purpose, column msdynmkt_type)."""

    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"
    TRACKING = "tracking"


@dataclass(frozen=True, slots=True, order=True)
class ContactPoint:
    """One address in its normalised form: the key of everything.

    Build it with :meth:`of`; the constructor takes the value as it is.
    """

    channel: Channel
    value: str

    def __hash__(self) -> int:
        """Hash by what tells nearly all apart: this is the key of most of what a decision looks up."""
        return hash(self.value)

    @classmethod
    def of(cls, channel: Channel, raw: str | None) -> ContactPoint | None:
        """Normalise `raw`, or give None where nothing is left to write to.

        Case, surrounding space and the way an accent is encoded do not tell two mailboxes apart here, "+tags" and dots
        do: folding them would merge people, leaving them apart at worst asks twice. An address that no mail can reach
        is a contact point too: consent may stand under it on both sides.
        """
        value = unicodedata.normalize("NFC", raw or "").strip().lower()
        return cls(channel, value) if value and len(value) <= _LONGEST_POINT else None

    @property
    def reachable(self) -> bool:
        """Whether the value has the form of an e-mail address."""
        local, at, domain = self.value.rpartition("@")
        return bool(local and at and "." in domain and not any(c.isspace() for c in self.value))


_LONGEST_POINT = 400  # msdynmkt_contactpointvalue, table msdynmkt_contactpointconsent4


@dataclass(frozen=True, slots=True, order=True)
class RecordRef:
    """A contact or lead row, by table name and lower-case id."""

    table: str
    id: str

    def __hash__(self) -> int:
        """Hash by what tells all apart."""
        return hash(self.id)


Subject = ContactPoint | RecordRef
"""Whom an act of consent belongs to: the address it was made at, or the person's record it was made on."""


class Scope(NamedTuple):
    """What consent is about: ``tenant:commercial``, ``purpose:<id>`` or ``topic:<id>``.

    A tuple, since decisions look registers up by it all the time, and no other key is hashed as fast.
    """

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read what :meth:`__str__` wrote."""
        kind, _, id_ = text.partition(":")
        return cls(kind, id_)


def tenant(purpose_type: PurposeType) -> Scope:
    """All purposes of one type in the tenant."""
    return Scope("tenant", purpose_type.value)


def purpose(id_: str) -> Scope:
    """One purpose."""
    return Scope("purpose", id_)


def topic(id_: str) -> Scope:
    """One topic."""
    return Scope("topic", id_)


NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""Earlier than every act: the register of something that never happened."""


class Kind(StrEnum):
    """The kinds of locations. Adapters read and write by it; no rule looks at it."""

    __hash__ = str.__hash__

    FLAG = "flag"
    LIST = "list"
    OPT_OUT_LIST = "opt_out_list"
    ROW = "row"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """One place that holds consent of `subject`: a flag on a record, a list membership, a consent row.

    `name` is the column, the list id, or the scope of the consent row; `row_id` tells duplicate rows apart and is None
    for a row that does not exist (yet).
    """

    subject: Subject
    kind: Kind
    name: str
    row_id: str | None = None

    def __hash__(self) -> int:
        """Hash without the kind, which hardly tells any apart."""
        return hash((self.subject, self.name, self.row_id))

    @property
    def key(self) -> str:
        """Its name within its subject's ledger entry: stable, and free of personal data."""
        return f"{self.kind.value}/{self.name}" + (f"/{self.row_id}" if self.row_id else "")


@dataclass(frozen=True, slots=True)
class Observation:
    """What one location says now.

    `trusted` says whether an opt-in found here proves a person's act (the mapping's policy knows the sources); without
    it an opt-in is no evidence. `present` is false where there is no row or membership; `version` is the server's token
    for "unchanged since", None where there is none; `changed` and `created` are the server's times of the row's last
    change and of its creation; `source` says where the row claims to come from, for the history; `writable` is false
    where the server would refuse a write; `by_us` says whether the last change was made by our own user, None where the
    server does not tell; `restored` that the row was brought back with an older date, so what it says is no news.
    """

    location: Location
    reading: Reading
    present: bool = True
    version: str | None = None
    changed: datetime = NEVER
    created: datetime = NEVER
    trusted: bool = False
    source: str = ""
    writable: bool = True
    by_us: bool | None = None
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What an event tells: `location` was given `reading` at the server's time `at`.

    An event alone may restrict, but never loosen: an opt-in counts only where reading the location again confirms it.
    """

    location: Location
    reading: Reading
    at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """What an event tells of an address that changed: `record` no longer carries `left`."""

    record: RecordRef
    left: ContactPoint


@dataclass(frozen=True)
class Snapshot:
    """Everything read for some contact points at one moment.

    The observations of one subject stand together. `records` are all that were read, with or without a contact point;
    `holders` says which of them carry which one; `inactive` and `minors` are never opened, `merged` says into which
    record another one was merged. `complete` holds the contact points for which every holder and every other contact
    point of these holders was read: only those may ever be loosened. The server read everything between `read_from` and
    `read_until` (its own clock, whole seconds): what is not seen here happened after the first, what is seen happened
    before the second ended.
    """

    read_from: datetime
    read_until: datetime
    observations: tuple[Observation, ...]
    records: frozenset[RecordRef]
    holders: dict[ContactPoint, frozenset[RecordRef]]
    complete: frozenset[ContactPoint] = field(default_factory=frozenset)
    merged: dict[RecordRef, RecordRef] = field(default_factory=dict)
    inactive: frozenset[RecordRef] = frozenset()
    minors: frozenset[RecordRef] = frozenset()

    @cached_property
    def points_of(self) -> dict[RecordRef, frozenset[ContactPoint]]:
        """The same as `holders`, asked from the record's end."""
        found: dict[RecordRef, set[ContactPoint]] = {record: set() for record in self.records}
        for point, records in self.holders.items():
            for record in records:
                found.setdefault(record, set()).add(point)
        return {record: frozenset(points) for record, points in found.items()}
