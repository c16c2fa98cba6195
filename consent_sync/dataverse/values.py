"""Values of the .NET serializer that event bodies use, as plain Python values.

Source: Microsoft's page "Use webhooks" (sample body) and the data contracts behind it: collections are lists of
`{"key": ..., "value": ...}`, dates are `/Date(milliseconds+offset)/`, objects carry `__type` where their place leaves
it open.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NET_DATE = re.compile(r"/Date\((-?\d{1,18})([+-]\d{4})?\)/")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
_ZERO = UUID(int=0)


class Reference(str):
    """The lower-case id a lookup points at, with the logical name of its `table`."""

    __slots__ = ("table",)

    def __new__(cls, row_id: str, table: str) -> Self:
        """Make an id that knows its table."""
        made = super().__new__(cls, row_id)
        made.table = table
        return made

    table: str


def row_id(value: object) -> str | None:
    """Give a GUID in lower case; None for the zero GUID and for anything else."""
    try:
        read = UUID(value) if isinstance(value, str) else _ZERO
    except ValueError:
        return None
    return None if read == _ZERO else str(read)


def moment(value: object) -> datetime | None:
    """Read a date of either notation as UTC; None for anything else. The offset of `/Date()/` only informs."""
    if not isinstance(value, str):
        return None
    try:
        if found := _NET_DATE.fullmatch(value):
            return _EPOCH + timedelta(milliseconds=int(found[1]))
        if _ISO_DATE.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None


def pairs(value: object) -> dict[str, Any]:
    """Give a collection of keys and values as a dict; what has another shape is left out."""
    items = value if isinstance(value, list) else []
    return {
        item["key"]: item.get("value") for item in items if isinstance(item, dict) and isinstance(item.get("key"), str)
    }


def plain(value: Any) -> Any:
    """Give the plain value: option -> int, money -> number, lookup -> Reference, date -> UTC, row -> dict."""
    match value:
        case str():
            return moment(value) or value
        case list():
            return [plain(item) for item in value]
        case dict():
            return _plain_object(value)
        case _:
            return value


def _plain_object(value: dict[str, Any]) -> Any:
    match value:
        case {"Attributes": _}:
            return columns(value)
        case {"Entities": list(rows)}:
            return [columns(row) for row in rows]
        case {"LogicalName": str(table), "Id": identifier}:
            found = row_id(identifier)
            return None if found is None else Reference(found, table)
        case {"Value": inner}:
            return plain(inner)
        case _:
            return {key: plain(inner) for key, inner in value.items() if key != "__type"}


def columns(row: object) -> dict[str, Any]:
    """Give the columns of a row in plain values. A cleared column is there with None; an untouched one is absent."""
    attributes = row.get("Attributes") if isinstance(row, dict) else None
    return {name: plain(value) for name, value in pairs(attributes).items()}


def id_of(value: object) -> str | None:
    """Give the id of a row, a lookup or a bare GUID."""
    return row_id(value.get("Id")) if isinstance(value, dict) else row_id(value)
