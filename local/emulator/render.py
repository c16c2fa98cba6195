"""From stored rows to Web API JSON: names, types, ETags, annotations."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from . import schema
from .clock import seconds_of
from .records import etag
from .schema.model import OPTION_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .schema import Column, Table
    from .store import Row, Store

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
TOTAL = "Microsoft.Dynamics.CRM.totalrecordcount"
TOTAL_EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"


class Annotations:
    """Which annotations the client asked for (`odata.include-annotations`): patterns, a minus in front excludes."""

    def __init__(self, wanted: str) -> None:
        patterns = [part.strip() for part in wanted.split(",") if part.strip()]
        self._without = [part[1:] for part in patterns if part.startswith("-")]
        self._with = [part for part in patterns if not part.startswith("-")]
        self.everything = "*" in self._with
        self.formatted = self.wants(FORMATTED)
        self.logical_name = self.wants(LOGICAL_NAME)
        self.navigation = self.wants(NAVIGATION)
        self.any = self.formatted or self.logical_name or self.navigation

    def wants(self, name: str) -> bool:
        """True if this annotation is asked for."""
        asked = any(fnmatchcase(name, pattern) for pattern in self._with)
        return asked and not any(fnmatchcase(name, pattern) for pattern in self._without)


class Renderer:
    """Turns rows of one table into JSON objects with the chosen columns."""

    def __init__(self, store: Store, table: Table, columns: Iterable[Column], annotations: Annotations) -> None:
        self._store = store
        self._table = table
        self._columns = [(column, column.name, column.api_name, _CONVERT.get(column.kind)) for column in columns]
        self._annotations = annotations
        self._names: dict[tuple[str, str], str | None] = {}

    def row(self, row: Row) -> dict[str, Any]:
        """The JSON object of a row."""
        out: dict[str, Any] = {}
        if (version := row.get("versionnumber")) is not None:
            out["@odata.etag"] = etag(version)
        annotate = self._annotations.any
        for column, name, api_name, convert in self._columns:
            value = row[name]
            if annotate and value is not None:
                self._annotate(out, column, api_name, row)
            out[api_name] = convert(value) if convert and value is not None else value
        return out

    def _annotate(self, out: dict[str, Any], column: Column, name: str, row: Row) -> None:
        if column.kind == "lookup":
            target = row[column.type_name] if column.polymorphic else next(iter(column.navs))
            if self._annotations.navigation and name.startswith("_"):
                out[f"{name}@{NAVIGATION}"] = column.navs[target]
            if self._annotations.logical_name:
                out[f"{name}@{LOGICAL_NAME}"] = target
            label = self._title(target, row[column.name])
        else:
            label = formatted(column, row[column.name])
        if self._annotations.formatted and label is not None:
            out[f"{name}@{FORMATTED}"] = label

    def _title(self, target: str, row_id: str) -> str | None:
        """The primary name of the row a lookup points at."""
        key = (target, row_id)
        if key not in self._names:
            table = schema.BY_NAME.get(target)
            row = self._store.get(table, row_id) if table and self._annotations.formatted else None
            self._names[key] = row[table.title] if row and table and table.title else None
        return self._names[key]


def formatted(column: Column, value: Any) -> str | None:
    """The display text of a value that is no lookup, in English; None where the value is its own display."""
    match column.kind:
        case "boolean":
            return column.labels[bool(value)]
        case kind if kind in OPTION_KINDS:
            return column.options.get(value)
        case "datetime":
            return _american(value)
        case "int" | "bigint":
            return f"{value:,}"
        case "money":
            return f"${value:,.2f}"
    return None


def _american(stamp: str) -> str:
    """`1/31/2026 2:05 PM`."""
    year, month, day = (int(part) for part in stamp[:10].split("-"))
    minutes = seconds_of(stamp) // 60 % 1440
    hour = minutes // 60
    return f"{month}/{day}/{year} {hour % 12 or 12}:{minutes % 60:02d} {'PM' if hour > 11 else 'AM'}"  # noqa: PLR2004


_CONVERT: dict[str, Callable[[Any], Any]] = {"boolean": bool}


def readable(table: Table) -> list[Column]:
    """All columns that may be read."""
    return [column for column in table.columns.values() if column.readable]
