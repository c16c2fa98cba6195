"""Paging through tables in the order of their keys: a page's end is a key, so a cursor never expires."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.odata import all_of, eq, guid, literal
from consent_sync.ports.runs import Source
from consent_sync.ports.tenant import Page

from . import tables
from .drift.odd import id_of, odd_names
from .observe import Lens

WHOLE_PAGE = 5000

type Row = dict[str, Any]


def read_page(client: DataverseClient, lens: Lens, source: Source, after: str | None, size: int) -> Page:
    """Read the next `size` rows of `source`. Raises DataverseError."""
    if source.table == "listmember":
        return _members(client, source, after, size)
    if source.table == tables.ROW_TABLE:
        return _consent_rows(client, lens, source, after, size)
    key, columns = tables.RECORD_KEYS[source.table], lens.address_columns(source.table)
    condition = _narrowed("modifiedon", key, source)
    rows = _rows(client, tables.RECORD_SETS[source.table], key, columns, condition, after, size)
    covers = None if source.since else frozenset(RecordRef(source.table, row[key]) for row in rows)
    return replace(records_page(lens, source.table, rows), after=_last(rows, key, size), covers=covers)


def records_page(lens: Lens, table: str, rows: Sequence[Row]) -> Page:
    """Give what is to be looked at because of these contacts or leads.

    Where the server may not find a record by what it carries, or too many others with it, it is named itself.
    """
    held = {RecordRef(table, row[tables.RECORD_KEYS[table]]): lens.points_in(table, row) for row in rows}
    odd = odd_names(lens, table, rows)
    by_id = {RecordRef(table, id_of(name)) for name in odd}
    by_id |= {record for record, points in held.items() if not all(point.reachable for point in points)}
    found = {point for points in held.values() for point in points}
    return Page(tuple(sorted(found)), tuple(sorted(by_id)), None, size=len(rows), odd=odd)


def rows_page(lens: Lens, rows: Sequence[Row]) -> Page:
    """Give what is to be looked at because of these consent rows about e-mail."""
    found = {ContactPoint.of(Channel.EMAIL, row[tables.POINT_VALUE]) for row in rows}
    odd = odd_names(lens, tables.ROW_TABLE, rows)
    points = tuple(sorted(point for point in found if point))
    return Page(points, (), None, rows=tuple(map(id_of, odd)), size=len(rows), odd=odd)


def members_page(rows: Sequence[Row]) -> Page:
    """Give the records that are members of a list."""
    tables_of = ((row, tables.MEMBER_TABLES.get(row["entitytype"])) for row in rows)
    records = tuple(RecordRef(table, row["_entityid_value"]) for row, table in tables_of if table in tables.RECORD_SETS)
    return Page((), records, None, size=len(rows))


def _consent_rows(client: DataverseClient, lens: Lens, source: Source, after: str | None, size: int) -> Page:
    """Read consent rows. Of all rows there are, only those that cannot be found from a record's side are looked at."""
    condition = [
        eq(tables.POINT_TYPE, tables.CHANNELS[Channel.EMAIL]),
        *_narrowed("modifiedon", tables.ROW_KEY, source),
    ]
    size = size if source.since else WHOLE_PAGE
    rows = _rows(client, tables.ROW_SET, tables.ROW_KEY, (tables.POINT_VALUE,), condition, after, size)
    page = replace(rows_page(lens, rows), after=_last(rows, tables.ROW_KEY, size))
    return page if source.since else replace(page, points=())


def _members(client: DataverseClient, source: Source, after: str | None, size: int) -> Page:
    condition = [f"_listid_value eq {guid(source.name or '')}", *_narrowed("createdon", "listmemberid", source)]
    rows = _rows(client, "listmembers", "listmemberid", ("_entityid_value", "entitytype"), condition, after, size)
    return replace(members_page(rows), after=_last(rows, "listmemberid", size))


def _narrowed(column: str, key: str, source: Source) -> list[str]:
    """Give the conditions that narrow a source: changed since, by `column`, and a range of keys."""
    return [
        *([f"{column} ge {literal(source.since)}"] if source.since else []),
        *([f"{key} gt {guid(source.above)}"] if source.above else []),
        *([f"{key} le {guid(source.upto)}"] if source.upto else []),
    ]


def _rows(  # noqa: PLR0913  - the parts of one query
    client: DataverseClient,
    entity_set: str,
    key: str,
    columns: Iterable[str],
    conditions: Iterable[str],
    after: str | None,
    size: int,
) -> list[Row]:
    wanted = [*conditions, *([f"{key} gt {guid(after)}"] if after else [])]
    return list(
        client.list_rows(entity_set, select=(key, *columns), filter=all_of(*wanted) or None, order_by=(key,), top=size)
    )


def _last(rows: list[Row], key: str, size: int) -> str | None:
    return rows[-1][key] if len(rows) == size else None
