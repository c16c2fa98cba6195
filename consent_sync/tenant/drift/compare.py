"""The same contradictions, found in rows that were read on both sides: what a drift rule means. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import product

from consent_sync.consent.model import ContactPoint, Kind, Reading, RecordRef
from consent_sync.ports.drift import Finding
from consent_sync.tenant import tables

from .model import DriftRule, MemberFact, RecordFact, RecordTest, RowFact, RowTest, finding


@dataclass(frozen=True, slots=True)
class Sides:
    """What was read of both sides, by contact point; memberships by record and list."""

    records: dict[ContactPoint, list[RecordFact]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[ContactPoint, list[RowFact]] = field(default_factory=lambda: defaultdict(list))
    members: dict[RecordRef, dict[str, MemberFact]] = field(default_factory=lambda: defaultdict(dict))


def contradictions(rules: Iterable[DriftRule], sides: Sides) -> Iterator[Finding]:
    """Give every finding of these rules."""
    rules = tuple(rules)
    opening = [rule for rule in rules if rule.opening]
    closing = [rule for rule in rules if not rule.opening]
    held = [rule.record.membership for rule in closing if rule.record and rule.record.membership]
    stops = {membership.list_id for membership in held if membership.on and membership.kind is Kind.OPT_OUT_LIST}
    for point in sides.records.keys() | sides.rows.keys():
        if point.reachable:
            asked = closing if _anybody_stopped(point, sides, stops) else ()
            for rule in (*asked, *opening):
                yield from _by(rule, point, sides)


def _anybody_stopped(point: ContactPoint, sides: Sides, stops: AbstractSet[str]) -> bool:
    """Whether anybody said stop: most people never did, and nothing contradicts them."""
    return any(row.reading is Reading.OUT for row in sides.rows.get(point, ())) or any(
        record.flags or not stops.isdisjoint(sides.members.get(record.ref, ()))
        for record in sides.records.get(point, ())
    )


def _by(rule: DriftRule, point: ContactPoint, sides: Sides) -> Iterator[Finding]:
    rows = sides.rows.get(point, ())
    wanted = [[row for row in rows if _row_fits(test, row)] for test in rule.rows if not test.absent]
    if not all(wanted) or any(_row_fits(test, row) for test in rule.rows if test.absent for row in rows):
        return
    for record in _records(rule.record, point, sides):
        for other in _records(rule.other, point, sides):
            if record and other and record.ref == other.ref:
                continue
            member = _member(rule.record, record, sides)
            for chosen in product(*wanted):
                yield finding(rule, point, record, chosen, member, other)


def _records(test: RecordTest | None, point: ContactPoint, sides: Sides) -> list[RecordFact] | list[None]:
    if test is None:
        return [None]
    return [record for record in sides.records.get(point, ()) if _record_fits(test, record, sides)]


def _member(test: RecordTest | None, record: RecordFact | None, sides: Sides) -> MemberFact | None:
    if test is None or record is None or test.membership is None:
        return None
    return sides.members.get(record.ref, {}).get(test.membership.list_id)


def _record_fits(test: RecordTest, record: RecordFact, sides: Sides) -> bool:
    if (record.ref.table, record.column) != (test.table, test.column) or not record.flags.isdisjoint(test.clear):
        return False
    if any(record.flags.isdisjoint(group) for group in test.flagged) or (test.active and not record.active):
        return False
    if test.membership is None:
        return True
    member = _member(test, record, sides)
    if member is None or not test.membership.on:
        return (member is None) is not test.membership.on
    since = test.membership.since
    return since is None or member.joined >= since.strftime(_STAMP)


def _row_fits(test: RowTest, row: RowFact) -> bool:
    return (
        row.scope in test.scopes
        and test.says.fits(row.reading)
        and (test.home is None or row.home == test.home)
        and (not test.sources or tables.SOURCES.get(row.source or -1) in test.sources)
        and (test.since is None or row.changed >= test.since.strftime(_STAMP))
    )


_STAMP = "%Y-%m-%dT%H:%M:%SZ"
"""Times of the Web API, whole seconds in UTC, which compare as texts."""
