"""From a Dataverse event to a wake: which contact points to look at, and what the event says happened when.

Needs only the mapping file, no round trip, so that the webhook answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from consent_sync.consent.model import Act, Channel, ContactPoint, Kind, Location, Move, Reading, RecordRef
from consent_sync.dataverse.context import EventContext
from consent_sync.dataverse.endpoint import Step
from consent_sync.mapping.schema import MappingFile
from consent_sync.ports.wake import Wake

from . import tables
from .observe import scope_of_row

_ROW_IMAGE = (
    tables.POINT_VALUE,
    tables.POINT_TYPE,
    tables.CONSENT_TYPE,
    tables.CONSENT_VALUE,
    tables.CONSENT_SOURCE,
    "msdynmkt_purposeid",
    "msdynmkt_topicid",
)
_MEMBER_IMAGE = ("listid", "entityid", "entitytype")
_LIST_MESSAGES = (
    "AddMemberList",
    "AddListMembersList",
    "AddMembersBatchList",
    "RemoveMemberList",
    "RemoveListMembersList",
)


def steps(mapping: MappingFile) -> list[Step]:
    """Give the webhook steps that the mapping needs. Where it names lists, both ways in which memberships show count.

    A change of state reaches a step on Update through `statecode`, so the older message SetState needs none. A deleted
    record can end the sharing of an address, which no search for changed rows finds.
    """
    wanted: list[Step] = []
    for table in tables.RECORD_SETS:
        addresses: tuple[str, ...] = getattr(mapping.contact_points.email, table)
        columns = (*addresses, *mapping.flags)
        wanted += [
            Step("Create", table),
            Step("Update", table, columns=(*columns, "statecode"), pre_image=columns, post_image=addresses),
            Step("Delete", table, pre_image=columns),
            Step("Merge", table),
        ]
    wanted += [
        Step("Create", tables.ROW_TABLE),
        Step("Update", tables.ROW_TABLE, columns=(tables.CONSENT_VALUE, tables.POINT_VALUE), post_image=_ROW_IMAGE),
        Step("Delete", tables.ROW_TABLE, pre_image=_ROW_IMAGE),
    ]
    if _list_kinds(mapping):
        wanted += [
            Step("Create", "listmember"),
            Step("Delete", "listmember", pre_image=_MEMBER_IMAGE),
            *(Step(message, "list") for message in _LIST_MESSAGES),
        ]
    return wanted


def wake_for(event: EventContext, mapping: MappingFile) -> Wake | None:
    """Give the wake that `event` asks for, None where it concerns nothing that the mapping names."""
    at = _time_of(event)
    if event.table in tables.RECORD_SETS and event.record_id:
        return _from_record(event, RecordRef(event.table, event.record_id), mapping, at)
    if event.table == tables.ROW_TABLE:
        return _from_row(event, at)
    if event.table == "listmember":
        return _from_membership(event, mapping, at)
    if event.table == "list" and event.message in _LIST_MESSAGES:
        records = tuple(RecordRef("contact", id_) for id_ in event.member_ids)
        return Wake(records=records) if event.list_id in _list_kinds(mapping) and records else None
    return None


def _time_of(event: EventContext) -> datetime | None:
    """When the row was changed, on the server's clock: its own stamp where the event has it, else the event's."""
    stamp = event.target.get("modifiedon")
    return stamp if isinstance(stamp, datetime) else event.occurred_at


def _from_record(event: EventContext, record: RecordRef, mapping: MappingFile, at: datetime | None) -> Wake:
    rows = (event.target, *event.pre_images.values(), *event.post_images.values())
    columns: tuple[str, ...] = getattr(mapping.contact_points.email, record.table)
    points = {ContactPoint.of(Channel.EMAIL, row.get(column)) for row in rows for column in columns}
    told = [column for column in mapping.flags if event.target.get(column) is True]
    acts = [Act(Location(record, Kind.FLAG, column), Reading.OUT, at) for column in told if at]
    merged = [RecordRef(record.table, event.subordinate_id)] if event.subordinate_id else []
    moves = _moves(event, record, columns)
    return Wake(tuple(sorted(p for p in points if p)), (record, *merged), acts=tuple(acts), moves=moves)


def _moves(event: EventContext, record: RecordRef, columns: tuple[str, ...]) -> tuple[Move, ...]:
    """Give the addresses that an update took from the record: its image before, less what it carries after."""
    before = {column: row[column] for row in event.pre_images.values() for column in columns if column in row}
    after = before | {column: event.target[column] for column in columns if column in event.target}
    left, kept = ({ContactPoint.of(Channel.EMAIL, v) for v in row.values()} for row in (before, after))
    return tuple(Move(record, point) for point in sorted(p for p in left - kept if p))


def _from_row(event: EventContext, at: datetime | None) -> Wake | None:
    """Follow a consent row, by its address or, where the event does not tell it, by its id."""
    row: dict[str, Any] = {}
    for seen in (*event.pre_images.values(), *event.post_images.values(), event.target):
        row |= seen
    values = (seen.get(tables.POINT_VALUE) for seen in (row, *event.pre_images.values()))
    points = sorted({p for value in values if (p := ContactPoint.of(Channel.EMAIL, value))})
    email = tables.CHANNELS[Channel.EMAIL]
    if row.get(tables.POINT_TYPE, email) != email:
        return None
    if not points:
        return Wake(rows=(event.record_id,)) if event.record_id and event.message != "Delete" else None
    lookups = {tables.PURPOSE_ID: row.get("msdynmkt_purposeid"), tables.TOPIC_ID: row.get("msdynmkt_topicid")}
    scope = scope_of_row(lookups | {tables.CONSENT_TYPE: row.get(tables.CONSENT_TYPE)})
    reading = tables.READINGS.get(event.target.get(tables.CONSENT_VALUE, 0), Reading.SILENT)
    restored = event.target.get("overriddencreatedon") is not None and reading is Reading.IN
    if scope is None or at is None or reading is Reading.SILENT or restored:
        return Wake(tuple(points))
    point = ContactPoint.of(Channel.EMAIL, row[tables.POINT_VALUE]) or points[0]
    return Wake(tuple(points), acts=(Act(Location(point, Kind.ROW, str(scope), event.record_id), reading, at),))


def _from_membership(event: EventContext, mapping: MappingFile, at: datetime | None) -> Wake | None:
    row: Mapping[str, Any] = next(iter(event.pre_images.values()), event.target)
    kind = _list_kinds(mapping).get(str(row.get("listid")))
    table = tables.MEMBER_TABLES.get(row.get("entitytype", 2))
    if kind is None or table not in tables.RECORD_SETS or not row.get("entityid"):
        return None
    record = RecordRef(table, str(row["entityid"]))
    joined = event.message == "Create"
    reading = Reading.OUT if joined == (kind is Kind.OPT_OUT_LIST) else Reading.IN
    telling = joined or kind is Kind.LIST  # leaving an opt-out list says nothing
    acts = [Act(Location(record, kind, str(row["listid"])), reading, at)] if telling and at else []
    return Wake(records=(record,), acts=tuple(acts))


def _list_kinds(mapping: MappingFile) -> dict[str, Kind]:
    kinds = {str(id_): Kind.OPT_OUT_LIST for brand in mapping.brands.values() for id_ in brand.opt_out_lists}
    for brand in mapping.brands.values():
        for pair in brand.topics:
            kinds[str(pair.list)] = Kind.LIST if pair.members == "subscribed" else Kind.OPT_OUT_LIST
    return kinds
