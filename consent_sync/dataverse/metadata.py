"""What tables of this environment can do: columns, messages, alternate keys, change tracking. Probed, never assumed.

Source: Microsoft's pages "Query table definitions using the Web API" and "Use bulk operation messages" (availability
per table is in `sdkmessagefilter`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consent_sync.dataverse.batch import Operation, Response
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import NotFound, ProtocolError
from consent_sync.dataverse.odata import eq, literal, with_query
from consent_sync.dataverse.query import Query, rows_of

_DEFINITION = {
    "$select": "LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled,IsAuditEnabled",
    "$expand": "Attributes($select=LogicalName),Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)",
}


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """One table, in logical names. `keys` holds the columns of each alternate key whose index is active."""

    name: str
    entity_set: str
    primary_id: str
    columns: frozenset[str]
    messages: frozenset[str]
    keys: Mapping[str, tuple[str, ...]]
    change_tracking: bool
    audited: bool


class Metadata:
    """The tables of one environment, asked once per table and remembered for the life of this object. Thread-safe."""

    def __init__(self, client: DataverseClient) -> None:
        self._client = client
        self._tables: dict[str, TableMetadata | None] = {}
        self._lock = threading.Lock()

    def table(self, name: str) -> TableMetadata | None:
        """Give a table by logical name, None if this environment has no such table."""
        return self.tables([name])[name]

    def tables(self, names: Sequence[str]) -> dict[str, TableMetadata | None]:
        """Give several tables with one round trip for all that are not known yet."""
        with self._lock:
            unknown = [name for name in dict.fromkeys(names) if name not in self._tables]
            self._tables |= self._read(unknown)  # sends nothing for no names
            return {name: self._tables[name] for name in names}

    def _read(self, names: Sequence[str]) -> dict[str, TableMetadata | None]:
        paths = [with_query(f"EntityDefinitions(LogicalName={literal(name)})", _DEFINITION) for name in names]
        filters = [_messages(name).first() for name in names]  # some dozens for a table: one page
        answers = self._client.batch([*(Operation("GET", path) for path in paths), *filters])
        definitions, messages = answers[: len(names)], answers[len(names) :]
        return {
            name: _table(definition, _rows(answer, operation))
            for name, definition, answer, operation in zip(names, definitions, messages, filters, strict=True)
        }


def _rows(answer: Response, operation: Operation) -> Sequence[Mapping[str, Any]]:
    if answer.error is not None:
        raise answer.error
    return rows_of(answer.body, operation)


def _messages(table: str) -> Query:
    return Query(
        "sdkmessagefilters",
        select=("sdkmessagefilterid",),
        filter=eq("primaryobjecttypecode", table),
        expand="sdkmessageid($select=name)",
    )


def _table(answer: Response, messages: Sequence[Mapping[str, Any]]) -> TableMetadata | None:
    if isinstance(answer.error, NotFound):
        return None
    if answer.error is not None:
        raise answer.error
    body = answer.body
    try:
        return TableMetadata(
            name=body["LogicalName"],
            entity_set=body["EntitySetName"],
            primary_id=body["PrimaryIdAttribute"],
            columns=frozenset(column["LogicalName"] for column in body["Attributes"]),
            messages=frozenset(row["sdkmessageid"]["name"] for row in messages),
            keys={
                key["LogicalName"]: tuple(key["KeyAttributes"])
                for key in body["Keys"]
                if key["EntityKeyIndexStatus"] == "Active"
            },
            change_tracking=bool(body["ChangeTrackingEnabled"]),
            audited=bool(body["IsAuditEnabled"]["Value"]),
        )
    except (KeyError, TypeError):
        raise ProtocolError("the definition of a table lacks members", operation="GET EntityDefinitions") from None
