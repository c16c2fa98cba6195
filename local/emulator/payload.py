"""From the JSON of a write to stored fields: names, types, lengths, options and lookups are checked here."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from . import schema
from .clock import moment
from .errors import DataverseError, bad_request, invalid, no_row, no_segment, not_modelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from .schema import Column, Table
    from .store import Row, Store

_BIND = "@odata.bind"
_REFERENCE = re.compile(r"^(?:https?://[^/]+/api/data/v9\.[012])?/?(?P<set>\w+)\((?P<key>.+)\)$", re.IGNORECASE)
_INT32 = 2**31


class Reference(NamedTuple):
    """A row named by table and id."""

    table: Table
    id: str


def guid(value: Any) -> str:
    """A guid in its canonical form: lower case, no braces. Raises 400 when it is none."""
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise bad_request(f"Guid should contain 32 digits with 4 dashes: '{value}'.", "0x80040203") from None


def _wrong_type(column: Column, value: Any, expected: str) -> DataverseError:
    return bad_request(
        "An error occurred while validating input parameters: Microsoft.OData.ODataException: "
        f"Cannot convert the literal '{value}' to the expected type '{expected}' (column '{column.name}').",
        "0x80048d19",
    )


def _text(table: Table, column: Column, value: Any) -> Any:
    if not isinstance(value, str):
        raise _wrong_type(column, value, "Edm.String")
    if column.length and len(value) > column.length:
        raise invalid(
            f"A validation error occurred. The length of the '{column.name}' attribute of the '{table.name}' entity "
            f"exceeded the maximum allowed length of '{column.length}'.",
            "0x80044331",
        )
    return value or None  # Dataverse keeps no empty strings


def _flag(_: Table, column: Column, value: Any) -> Any:
    if not isinstance(value, bool):
        raise _wrong_type(column, value, "Edm.Boolean")
    return value


def _whole(_: Table, column: Column, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT32 <= value < _INT32:
        raise _wrong_type(column, value, "Edm.Int32")
    return value


def _real(_: Table, column: Column, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(column, value, "Edm.Decimal")
    return value


def _option(table: Table, column: Column, value: Any) -> Any:
    if _whole(table, column, value) not in column.options:
        accepted = ",".join(str(option) for option in column.options)
        raise invalid(
            f"A validation error occurred. The value {value} of '{column.name}' on record of type '{table.name}' "
            f"is outside the valid range. Accepted Values: {accepted}"
        )
    return value


def _moment(_: Table, column: Column, value: Any) -> Any:
    try:
        return moment(value)[:20]
    except (ValueError, TypeError):
        raise _wrong_type(column, value, "Edm.DateTimeOffset") from None


_READERS: dict[str, Callable[[Table, Column, Any], Any]] = {
    "string": _text,
    "memo": _text,
    "boolean": _flag,
    "int": _whole,
    "bigint": _whole,
    "decimal": _real,
    "money": _real,
    "datetime": _moment,
    "guid": lambda _table, _column, value: guid(value),
    "picklist": _option,
    "state": _option,
    "status": _option,
}


def read(store: Store, table: Table, body: dict[str, Any], *, creating: bool) -> Row:
    """The fields a caller wants written. Read-only columns are ignored, as Dataverse does.

    Raises 400 for unknown names, wrong types, options and lengths, 404 for a lookup to a row that is not there.
    """
    fields: Row = {}
    for name, value in body.items():
        if name.endswith(_BIND):
            _bind(store, table, name.removesuffix(_BIND), value, fields)
        elif "@" in name:
            continue
        elif (column := table.columns.get(name)) and column.kind != "lookup":
            if column.on_create if creating else column.on_update:
                fields[name] = None if value is None else _READERS[column.kind](table, column, value)
        else:
            _navigation(table, name, value, fields)
    return fields


def _navigation(table: Table, name: str, value: Any, fields: Row) -> None:
    """A property that is no plain column: null clears a lookup, anything else is refused."""
    nav = table.navigations.get(name)
    if nav and not nav.many and value is None:
        _set_lookup(table.columns[nav.local], None, fields)
    elif nav:
        raise not_modelled(f"writing through the navigation property '{name}' (deep insert)")
    elif name in table.by_api_name:
        raise bad_request(
            "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.",
            "0x80048d19",
        )
    else:
        raise bad_request(
            f"Error identified in Payload provided by the user for Entity :'{table.set_name}', InnerException : "
            f"Microsoft.OData.ODataException: The property '{name}' does not exist on type "
            f"'Microsoft.Dynamics.CRM.{table.name}'. Make sure to only use property names that are defined by the "
            "type.",
            "0x80048d19",
        )


def _bind(store: Store, table: Table, name: str, value: Any, fields: Row) -> None:
    nav = table.navigations.get(name)
    if nav is None or nav.many:
        raise bad_request(
            f"An undeclared property '{name}' which only has property annotations in the payload but no property value "
            "was found in the payload. In OData, only declared navigation properties and declared named streams can be "
            "represented as properties without values.",
            "0x80048d19",
        )
    column = table.columns[nav.local]
    if value is None:
        _set_lookup(column, None, fields)
        return
    target = reference(store, value)
    if target.table.name != nav.target:
        raise invalid(f"'{name}' points at '{nav.target}', not at '{target.table.name}'.", "0x80048d19")
    if store.get(target.table, target.id) is None:
        raise no_row(target.table.name, target.id)
    _set_lookup(column, target, fields)


def _set_lookup(column: Column, target: Reference | None, fields: Row) -> None:
    fields[column.name] = target.id if target else None
    if column.polymorphic:
        fields[column.type_name] = target.table.name if target else None


def reference(store: Store, value: Any) -> Reference:
    """The row that an `@odata.bind` or `@odata.id` value names: absolute or relative URL, by id or alternate key."""
    match = _REFERENCE.match(value) if isinstance(value, str) else None
    if not match:
        raise bad_request(f"Invalid URI: '{value}' is not the address of a row.", "0x80048d19")
    table = schema.BY_SET.get(match["set"])
    if table is None:
        raise no_segment(match["set"])
    found, equal = resolve_key(store, table, match["key"])
    if found is None:
        raise DataverseError(404, "0x80060891", f"A record with the specified key values does not exist: {equal}")
    return Reference(table, found)


_KEY_PART = re.compile(r"(\w+)=('(?:[^']|'')*'|[^,']*)(?:,|$)")
_KEY_FORBIDDEN = frozenset("/<>*%&:\\?+")


def resolve_key(store: Store, table: Table, key: str) -> tuple[str | None, Row]:
    r"""Where the parentheses of `set(...)` lead: an id, and for an alternate key its column values.

    The id is None when no row has that alternate key. Raises 400 for a key that is not defined, or whose value holds
    a character that Dataverse cannot address (dataverse.md 2.3: `/ < > * % & : ? + \`).
    """
    if "=" not in key:
        return guid(key.strip("'")), {}
    parts = dict(_KEY_PART.findall(key))
    if list(parts) == [table.id]:
        return guid(parts[table.id].strip("'")), {}
    values: Row = {}
    for name, raw in parts.items():
        column = table.by_api_name.get(name)
        if column is None:
            raise _bad_key(table)
        values[column.name] = _key_value(table, column, raw)
    if not any(set(values) == set(columns) for columns in store.keys.get(table.name, {}).values()):
        raise _bad_key(table)
    found = store.find(table, **values)
    return (found[0][table.id] if found else None), values


def _key_value(table: Table, column: Column, raw: str) -> Any:
    if column.kind in {"string", "memo"}:
        value = raw[1:-1].replace("''", "'")
        if not _KEY_FORBIDDEN.isdisjoint(value):
            raise bad_request(f"The value of key column '{column.name}' holds a character that a URL key cannot carry.")
        return value
    if column.kind in {"guid", "lookup"}:
        return guid(raw.strip("'"))
    if column.kind == "datetime":
        return _moment(table, column, raw)
    try:
        return int(raw)
    except ValueError:
        raise _bad_key(table) from None


def _bad_key(table: Table) -> DataverseError:
    return DataverseError(
        400,
        "0x80060888",
        "The key in the request URI is not valid for resource "
        f"'Microsoft.Dynamics.CRM.{table.name}'. Ensure that the names and number of key properties match the declared "
        f"or alternate key properties for the resource 'Microsoft.Dynamics.CRM.{table.name}'.",
    )
