"""From rows to observations: what each row of Dataverse says in the words of the rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import (
    NEVER,
    Channel,
    ContactPoint,
    Kind,
    Location,
    Observation,
    Reading,
    RecordRef,
    Scope,
    purpose,
    topic,
)
from consent_sync.mapping.facts import Facts
from consent_sync.mapping.schema import MappingFile, Source

from . import tables


@dataclass(frozen=True)
class Lens:
    """What is needed to read rows: the mapping, the tenant's facts, the landscape made of both, and who we are."""

    mapping: MappingFile
    facts: Facts
    landscape: Landscape
    user_id: str

    def address_columns(self, table: str) -> tuple[str, ...]:
        """Columns of `table` that hold contact points."""
        columns: tuple[str, ...] = getattr(self.mapping.contact_points.email, table)
        return columns

    def flag_columns(self, table: str) -> tuple[str, ...]:
        """Flags of the mapping that `table` has: leads lack some that contacts have."""
        return tuple(column for column in self.mapping.flags if column in self.facts.columns[table])

    def lists_of(self, table: str) -> list[tuple[Kind, str]]:
        """Mapped lists whose members are rows of `table`, those that are gone left out."""
        lists = [key for key in self.landscape.meanings if key[0] in {Kind.LIST, Kind.OPT_OUT_LIST}]
        living = [(kind, id_) for kind, id_ in lists if id_ not in self.facts.gone]
        return [(kind, id_) for kind, id_ in living if self.facts.lists[id_].table == table]

    def trusts_members_of(self, list_id: str) -> bool:
        """Whether the customer vouches for everybody who can add members."""
        pairs = (pair for brand in self.mapping.brands.values() for pair in brand.topics)
        return any(pair.trust_membership for pair in pairs if str(pair.list) == list_id)

    def trusted_sources(self, scope: Scope) -> frozenset[Source]:
        """Where an opt-in to `scope` must come from to be believed; of several brands, where all of them believe it."""
        label = self.landscape.meanings[Kind.ROW, str(scope)].brand
        if label is None:
            return frozenset()
        brands = [self.mapping.brands[name] for name in label.split("+")]
        everywhere = self.mapping.policy.trusted_opt_in_sources
        own = (everywhere if b.trusted_opt_in_sources is None else b.trusted_opt_in_sources for b in brands)
        return frozenset.intersection(*own)

    def is_visible(self, scope: Scope, row: Mapping[str, Any]) -> bool:
        """Whether the product finds a consent row: with business unit scoping, only in its purpose's business unit."""
        purpose_id = self.facts.topics[scope.id].purpose_id if scope.kind == "topic" else scope.id
        home = self.facts.purposes[purpose_id].business_unit
        return home is None or row["_owningbusinessunit_value"] == home

    def points_in(self, table: str, row: Mapping[str, Any]) -> frozenset[ContactPoint]:
        """Contact points that `row` carries."""
        found = (ContactPoint.of(Channel.EMAIL, row.get(column)) for column in self.address_columns(table))
        return frozenset(point for point in found if point)


def at_time(text: str | None) -> datetime:
    """Read a time of the Web API."""
    return datetime.fromisoformat(text) if text else NEVER


def flags(lens: Lens, record: RecordRef, row: Mapping[str, Any]) -> Iterator[Observation]:
    """Observe the flags of a record: true is out, false says nothing, for it is the column's default.

    A flag without a value says nothing either, and see :func:`is_unread`.
    """
    for column in lens.flag_columns(record.table):
        yield Observation(
            Location(record, Kind.FLAG, column),
            Reading.OUT if row[column] else Reading.SILENT,
            version=row["@odata.etag"],
            changed=at_time(row["modifiedon"]),
            created=at_time(row["createdon"]),
            by_us=row["_modifiedby_value"] == lens.user_id,
        )


def is_unread(lens: Lens, record: RecordRef, row: Mapping[str, Any]) -> bool:
    """Whether a flag of the record has no value: field security may hide one that is true.

    Source: Microsoft's page "Column-level security with code" (the caller without access is given null).
    """
    return any(row[column] is None for column in lens.flag_columns(record.table))


def memberships(lens: Lens, record: RecordRef, members: Iterable[Mapping[str, Any]]) -> Iterator[Observation]:
    """Observe every mapped list that `record` could be on; `members` are its rows of listmember."""
    by_list = {member["_listid_value"]: member for member in members}
    for kind, list_id in lens.lists_of(record.table):
        location, writable = Location(record, kind, list_id), lens.facts.lists[list_id].writable
        member = by_list.get(list_id)
        if member is None:
            yield Observation(location, Reading.SILENT, present=False, writable=writable)
            continue
        trusted = kind is Kind.LIST and lens.trusts_members_of(list_id)
        joined = at_time(member["createdon"])
        yield Observation(
            location,
            Reading.OUT if kind is Kind.OPT_OUT_LIST else Reading.IN if trusted else Reading.SILENT,
            version=member["listmemberid"],
            changed=joined,
            created=joined,
            trusted=trusted,
            writable=writable,
            by_us=member["_createdby_value"] == lens.user_id,
        )


def consent_rows(lens: Lens, point: ContactPoint, rows: Iterable[Mapping[str, Any]]) -> Iterator[Observation]:
    """Observe the consent rows of a contact point, duplicates and inactive ones too, and the rows that are missing."""
    missing = {name for kind, name in lens.landscape.meanings if kind is Kind.ROW}
    for row in rows:
        scope = scope_of_row(row)
        if scope is None or (Kind.ROW, str(scope)) not in lens.landscape.meanings:
            continue
        if lens.is_visible(scope, row):
            missing.discard(str(scope))
        source = tables.SOURCES.get(row[tables.CONSENT_SOURCE])
        reading = tables.READINGS.get(row[tables.CONSENT_VALUE], Reading.SILENT)
        yield Observation(
            Location(point, Kind.ROW, str(scope), row[tables.ROW_KEY]),
            reading,
            version=row["@odata.etag"],
            changed=at_time(row["modifiedon"]),
            created=at_time(row["createdon"]),
            trusted=reading is Reading.IN and source in lens.trusted_sources(scope),
            source=source.value if source else "",
            restored=row["overriddencreatedon"] is not None,
            by_us=row["_modifiedby_value"] == lens.user_id,
        )
    for name in sorted(missing) if point.reachable else ():  # the product would not take a row for anything else
        yield Observation(Location(point, Kind.ROW, name), Reading.SILENT, present=False)


def scope_of_row(row: Mapping[str, Any]) -> Scope | None:
    """Which scope a consent row is about; None for a row that names nothing.

    The consent type is optional in the metadata, so a row without one counts by the lookups it has. A row about a topic
    that was deleted keeps the lookup of its purpose, and is not about that.
    """
    topic_id, purpose_id = row.get(tables.TOPIC_ID), row.get(tables.PURPOSE_ID)
    if not topic_id and row.get(tables.CONSENT_TYPE) == tables.OF_TOPIC:
        return None
    if topic_id and row.get(tables.CONSENT_TYPE) != tables.OF_PURPOSE:
        return topic(topic_id)
    return purpose(purpose_id) if purpose_id else None
