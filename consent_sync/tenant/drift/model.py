"""What one kind of contradiction looks like, in terms that a query and a comparison of rows can both be made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from consent_sync.consent.model import ContactPoint, Kind, Location, Reading, RecordRef, Scope
from consent_sync.mapping.schema import Source
from consent_sync.ports.drift import Finding, Sight


class Says(StrEnum):
    """What a consent row must say to fit; `open` is anything but out, `silent` neither out nor in."""

    ANY = "any"
    OUT = "out"
    OPEN = "open"
    SILENT = "silent"
    IN = "in"

    def fits(self, reading: Reading) -> bool:
        """Whether a row that reads so fits."""
        return self is Says.ANY or self == reading.value or (self is Says.OPEN and reading is not Reading.OUT)


@dataclass(frozen=True, slots=True)
class RowTest:
    """There is a consent row about one of `scopes` that says so; with `absent`, there is none.

    `home` is the business unit that a row must be in to be found by the product, `sources` where it must come from,
    `since` when it must have changed last.
    """

    scopes: tuple[Scope, ...]
    says: Says
    absent: bool = False
    home: str | None = None
    sources: frozenset[Source] = frozenset()
    since: datetime | None = None

    @property
    def missing(self) -> bool:
        """Whether this asks for a location without any row."""
        return self.absent and self.says is Says.ANY


@dataclass(frozen=True, slots=True)
class Membership:
    """The record is `on` the list, or not; `since` is when it must have joined at the earliest."""

    kind: Kind
    list_id: str
    on: bool
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordTest:
    """A record that carries the address in `column`, with a true flag in each group of `flagged` and none in `clear`.

    `witness` is a flag whose version in the ledger is the record's own, None where the table has no flags.
    """

    table: str
    column: str
    witness: str | None
    flagged: tuple[tuple[str, ...], ...] = ()
    clear: tuple[str, ...] = ()
    membership: Membership | None = None

    @property
    def active(self) -> bool:
        """Memberships of inactive records are left alone."""
        return self.membership is not None


@dataclass(frozen=True, slots=True)
class DriftRule:
    """One contradiction at one address: between a record, the consent rows, and maybe an `other` record.

    With `opening` it begins with an opt-in; every other one begins with an opt-out.
    """

    id: str
    record: RecordTest | None
    rows: tuple[RowTest, ...] = ()
    other: RecordTest | None = None
    opening: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Names of all locations that the rule speaks of: none of them may be frozen."""
        found = {str(scope) for test in self.rows for scope in test.scopes}
        for test in (self.record, self.other):
            if test:
                found |= {*test.clear, *(flag for group in test.flagged for flag in group)}
                found |= {test.membership.list_id} if test.membership else set()
        return frozenset(found)


class RowFact(NamedTuple):
    """What a rule asks of a consent row."""

    id: str
    version: str
    scope: Scope
    reading: Reading
    home: str | None = None
    source: int | None = None
    changed: str = ""


class RecordFact(NamedTuple):
    """What a rule asks of a record; `flags` are those that are true, `column` where it carries the address."""

    ref: RecordRef
    column: str
    version: str
    flags: frozenset[str] = frozenset()
    active: bool = True


class MemberFact(NamedTuple):
    """A membership: its id and when it began."""

    id: str
    joined: str = ""


def finding(  # noqa: PLR0913  - the parts of a contradiction
    rule: DriftRule,
    point: ContactPoint,
    record: RecordFact | None,
    rows: tuple[RowFact, ...],
    member: MemberFact | None,
    other: RecordFact | None,
) -> Finding:
    """Put a finding together; `rows` are those that fit the tests that ask for a row, in their order."""
    sights = [Sight(Location(point, Kind.ROW, str(row.scope), row.id), row.version) for row in rows]
    absent = (str(test.scopes[0]) for test in rule.rows if test.missing)
    sights += [Sight(Location(point, Kind.ROW, name), None) for name in absent]
    for test, fact in ((rule.record, record), (rule.other, other)):
        if test and fact and test.witness:
            sights.append(Sight(Location(fact.ref, Kind.FLAG, test.witness), fact.version))
        if test and fact and test.membership:
            at = Location(fact.ref, test.membership.kind, test.membership.list_id)
            sights.append(Sight(at, member.id if member else None))
    records = tuple(fact.ref for fact in (record, other) if fact)
    return Finding(rule.id, point, records, frozenset(sights))
