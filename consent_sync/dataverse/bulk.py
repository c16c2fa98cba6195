"""Many rows in one message, with the outcome of each row.

Source: Microsoft's page "Use bulk operation messages": on standard tables CreateMultiple, UpdateMultiple and
UpsertMultiple are all or nothing, and not every table has them. They take no ETag: only for rows that nobody else can
have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from consent_sync.dataverse.batch import Operation, Response
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import BadRequest, ConcurrencyConflict, DataverseError, NotFound, ProtocolError
from consent_sync.dataverse.metadata import TableMetadata
from consent_sync.dataverse.odata import key

type Kind = Literal["CreateMultiple", "UpdateMultiple", "UpsertMultiple"]

_ABOUT_A_ROW = (BadRequest, NotFound, ConcurrencyConflict)  # what another row of the same message need not suffer from


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: the id of a created row where the message tells it, and the error, None for success."""

    entity_id: str | None
    error: DataverseError | None


def write_rows(  # noqa: PLR0913  - what to write, and two sizes in keywords
    client: DataverseClient,
    table: TableMetadata,
    kind: Kind,
    rows: Sequence[Mapping[str, Any]],
    *,
    size: int = 100,
    at_once: int = 5,
) -> list[Outcome]:
    """Write rows, `size` in a message and `at_once` messages in a request, and give their outcomes in order.

    A message that fails because of a row is halved until the row stands alone, so that one bad row costs no other.
    Without the message on this table, single operations in batches do the same. Rows of UpdateMultiple and
    UpsertMultiple need the primary id column. Raises only what ends the whole call: connection, sign-in, a refused
    batch.
    """
    outcomes: dict[int, Outcome] = {}
    most = size if kind in table.messages else 1
    pending = [range(start, min(start + most, len(rows))) for start in range(0, len(rows), most)]
    together = at_once if most > 1 else len(pending)
    while pending:
        now, pending = pending[:together], pending[together:]
        responses = client.batch([_operation(table, kind, [rows[index] for index in part], most) for part in now])
        for part, response in zip(now, responses, strict=True):
            if len(part) > 1 and isinstance(response.error, _ABOUT_A_ROW):
                middle = part.start + len(part) // 2
                pending += [range(part.start, middle), range(middle, part.stop)]
            else:
                outcomes |= zip(part, _outcomes(response, len(part), kind), strict=True)
    return [outcomes[index] for index in range(len(rows))]


def _operation(table: TableMetadata, kind: Kind, rows: Sequence[Mapping[str, Any]], most: int) -> Operation:
    if most > 1:
        targets = [{"@odata.type": f"Microsoft.Dynamics.CRM.{table.name}", **row} for row in rows]
        return Operation("POST", f"{table.entity_set}/Microsoft.Dynamics.CRM.{kind}", {"Targets": targets})
    (row,) = rows
    if kind == "CreateMultiple":
        return Operation("POST", table.entity_set, row)
    body = {name: value for name, value in row.items() if name != table.primary_id}
    path = key(table.entity_set, row[table.primary_id])
    return Operation("PATCH", path, body, if_match="*" if kind == "UpdateMultiple" else None)


def _outcomes(response: Response, count: int, kind: Kind) -> list[Outcome]:
    if response.error is not None:
        return [Outcome(None, response.error)] * count
    if kind != "CreateMultiple" or not isinstance(response.body, dict):
        return [Outcome(response.entity_id, None)] * count
    ids = response.body.get("Ids")
    if not isinstance(ids, list) or len(ids) != count:
        raise ProtocolError("CreateMultiple answered another number of ids", operation=f"POST {kind}")
    return [Outcome(str(created).lower(), None) for created in ids]
