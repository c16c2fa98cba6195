"""Rows that changed since last time, by change tracking.

Source: Microsoft's page "Use change tracking to synchronize data with external systems". Tokens live 7 days by default;
new and changed rows come in the order of their versions, deletions after them; a row made and deleted in between is
still a deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import ChangeTrackingOff
from consent_sync.dataverse.odata import with_query
from consent_sync.dataverse.query import relative, rows_of


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page: changed rows, and the lower-case ids of deleted ones.

    `after` says where the next page is; the last page has the `token` for the next time instead.
    """

    rows: list[dict[str, Any]]
    deleted: list[str]
    after: str | None
    token: str | None


def read_changes(
    client: DataverseClient, entity_set: str, *, select: Sequence[str], at: str | None, page_size: int
) -> ChangePage:
    """Read the first page of all rows, or the page that `at` names: where a page ended, or an earlier token.

    `select` matters for the first page only: all that follows remembers it. Raises ChangesExpired if the token is too
    old: start again without. Raises ChangeTrackingOff if the table has none.
    """
    path = at or with_query(entity_set, {"$select": ",".join(select)})
    prefer = f"odata.track-changes,odata.maxpagesize={page_size}"
    operation = Operation("GET", path, headers={"Prefer": prefer})
    body = client.execute(operation).body
    page = rows_of(body, operation)
    link, last = body.get("@odata.nextLink"), body.get("@odata.deltaLink")
    if link is None and last is None:
        raise ChangeTrackingOff("no token for later changes came with the rows", operation=operation.label)
    return ChangePage(
        rows=[row for row in page if not _is_deletion(row)],
        deleted=[str(row["id"]).lower() for row in page if _is_deletion(row)],
        after=relative(client.url, link) if link else None,
        token=None if link else relative(client.url, last),
    )


def _is_deletion(row: dict[str, Any]) -> bool:
    return row.get("reason") == "deleted" and "id" in row
