r"""Text of the Web API's URLs: literals, filters and keys, so that no value is ever pasted into a query unquoted.

Source: Microsoft's page "Query data using the Web API". Nothing is addressed by an alternate key: keys do not take
values with `/ < > * % & : \ ? +`, which e-mail addresses and phone numbers have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

_VALUES = 150
_ROOM = 54 * 1024  # of the 64 KB: the rest is for names and operators
_AROUND = 60  # bytes of an encoded FetchXML value around what it says
_SAFE_IN_QUERY = "(),'*:@/$;"

type Value = str | bool | int | float | UUID | datetime | None


def guid(text: str | UUID) -> UUID:
    """Read a row id; raises ValueError for anything that is no GUID. A GUID in a filter is a literal without quotes."""
    return text if isinstance(text, UUID) else UUID(text)


def literal(value: Value) -> str:
    """Write a value for a filter or key; `datetime` must be aware."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime():
            if value.tzinfo is None:
                raise ValueError("a time without time zone")
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case _:
            return str(value)


def eq(column: str, value: Value) -> str:
    """Filter: the column has this value (strings: case does not count)."""
    return f"{column} eq {literal(value)}"


def is_in(column: str, values: Iterable[Value]) -> str:
    """Filter: the column has one of these values (the query function `In`). Raises ValueError for no values at all."""
    texts = [literal(_text(value)) for value in values]
    if not texts:
        raise ValueError("`In` needs at least one value")
    return f"Microsoft.Dynamics.CRM.In(PropertyName={literal(column)},PropertyValues=[{','.join(texts)}])"


def _text(value: Value) -> str:
    """The parameter PropertyValues is a collection of strings, whatever the column's type."""
    return value if isinstance(value, str) else literal(value)


def packed(values: Iterable[str], *, columns: int = 1) -> Iterator[tuple[str, ...]]:
    """Cut values into groups that fit into the address of one query each, which looks for them in so many columns.

    An address inside a batch holds 64 KB, and a character of a value takes up to twelve bytes of it.
    """
    group: list[str] = []
    room = most = _ROOM // max(1, columns)
    for value in values:
        needed = len(quote(value)) + _AROUND
        if group and (len(group) == _VALUES or needed > room):
            yield tuple(group)
            group, room = [], most
        group.append(value)
        room -= needed
    if group:
        yield tuple(group)


def all_of(*conditions: str) -> str:
    """Join filters with `and`."""
    return " and ".join(f"({condition})" for condition in conditions)


def any_of(*conditions: str) -> str:
    """Join filters with `or`."""
    return " or ".join(f"({condition})" for condition in conditions)


def key(entity_set: str, row_id: str | UUID) -> str:
    """Path of one row by its id: `contacts(6d81597f-...)`."""
    return f"{entity_set}({guid(row_id)})"


def bind(entity_set: str, row_id: str | UUID) -> str:
    """Value of an `@odata.bind` property: the row a lookup points at."""
    return "/" + key(entity_set, row_id)


def with_query(path: str, options: Mapping[str, str]) -> str:
    """Add query options to a path, percent-encoded (also `+`, which a server would read as a space)."""
    text = "&".join(f"{name}={quote(value, safe=_SAFE_IN_QUERY)}" for name, value in options.items())
    return f"{path}{'&' if '?' in path else '?'}{text}" if text else path
