"""Rows that changed since last time, by change tracking.

Source: Microsoft's page "Use change tracking to synchronize data with external systems". Tokens live 7 days by default;
new and changed rows come in the order of their versions, deletions after them; a row made and deleted in between is
still a deletion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import ChangeTrackingOff
from consent_sync.dataverse.odata import with_query
from consent_sync.dataverse.query import relative, rows_of


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page: changed rows, lower-case ids of deleted rows, and on the last page the token for the next time."""

    rows: list[dict[str, Any]]
    deleted: list[str]
    token: str | None


def list_changes(
    client: DataverseClient,
    entity_set: str,
    *,
    select: Sequence[str],
    token: str | None = None,
    page_size: int | None = None,
) -> Iterator[ChangePage]:
    """Give all rows (no `token`) or what changed since the `token` of an earlier last page.

    `select` matters for the first call only: the token remembers it. Save the token after its page was dealt with.
    Raises ChangesExpired if the token is too old: start again without. Raises ChangeTrackingOff if the table has none.
    """
    prefer = "odata.track-changes" + (f",odata.maxpagesize={page_size}" if page_size else "")
    path: str | None = token or with_query(entity_set, {"$select": ",".join(select)})
    while path is not None:
        operation = Operation("GET", path, headers={"Prefer": prefer})
        body = client.execute(operation).body
        page = rows_of(body, operation)
        link, last = body.get("@odata.nextLink"), body.get("@odata.deltaLink")
        if link is None and last is None:
            raise ChangeTrackingOff("no token for later changes came with the rows", operation=operation.label)
        path = relative(client.url, link) if link else None
        yield ChangePage(
            rows=[row for row in page if not _is_deletion(row)],
            deleted=[str(row["id"]).lower() for row in page if _is_deletion(row)],
            token=None if link else relative(client.url, last),
        )


def _is_deletion(row: dict[str, Any]) -> bool:
    return row.get("reason") == "deleted" and "id" in row
