"""What changed in a table since a token, whatever its times say; deletions are counted.

Where the token does not hold, or change tracking cannot be had at all, the page has no token: then the table has to be
read by its times.
"""

from __future__ import annotations

from dataclasses import replace

from consent_sync.consent.model import Channel
from consent_sync.dataverse.changes import ChangePage, read_changes
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import BadRequest, ChangesExpired, ChangeTrackingOff, NotFound, PrivilegeMissing
from consent_sync.ports.runs import Source
from consent_sync.ports.tenant import Page

from . import tables
from .observe import Lens
from .pages import WHOLE_PAGE, members_page, records_page, rows_page

_LOST = (ChangesExpired, ChangeTrackingOff, PrivilegeMissing, BadRequest, NotFound)
_MEMBER = ("listmemberid", "_listid_value", "_entityid_value", "entitytype")


def read_feed(client: DataverseClient, lens: Lens, source: Source, after: str | None, size: int) -> Page:
    """Read the next changes of `source`, at most `size` rows of them. Raises DataverseError.

    With an empty token nothing is looked at: all rows are passed over, for the token behind them.
    """
    columns, first = _columns(lens, source.table), not source.token
    try:
        changes = read_changes(
            client,
            tables.FEEDS[source.table],
            select=columns,
            at=after or source.token or None,
            page_size=WHOLE_PAGE if first else size,
        )
    except _LOST:
        return Page((), (), None)
    if any(not row.keys() >= set(columns) for row in changes.rows):
        return Page((), (), None)  # a token remembers the columns of its time, and the mapping has changed
    count = len(changes.rows) + len(changes.deleted)
    if first:
        return Page((), (), changes.after, size=count, token=changes.token)
    return _page(lens, source.table, changes, count)


def _page(lens: Lens, table: str, changes: ChangePage, count: int) -> Page:
    if table in tables.RECORD_SETS:
        page = records_page(lens, table, changes.rows)
    elif table == tables.ROW_TABLE:
        page = rows_page(
            lens, [row for row in changes.rows if row[tables.POINT_TYPE] == tables.CHANNELS[Channel.EMAIL]]
        )
    else:
        lists = {id_ for each in tables.RECORD_SETS for _, id_ in lens.lists_of(each)}
        page = members_page([row for row in changes.rows if row["_listid_value"] in lists])
    return replace(page, after=changes.after, size=count, token=changes.token, deleted=len(changes.deleted))


def _columns(lens: Lens, table: str) -> tuple[str, ...]:
    if table == tables.ROW_TABLE:
        return tables.ROW_KEY, tables.POINT_VALUE, tables.POINT_TYPE
    return (tables.RECORD_KEYS[table], *lens.address_columns(table)) if table in tables.RECORD_SETS else _MEMBER
