"""SQL that `$filter` and FetchXML share: aliases, joins, comparisons with Dataverse's rules for null and text."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import schema
from .clock import moment
from .errors import bad_request, no_property
from .payload import guid
from .schema.model import OPTION_KINDS, TEXT_KINDS
from .store import fold, operand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .schema import Column, Navigation, Table
    from .security import Rights

_NUMBERS = frozenset({"int", "bigint", "decimal", "money"}) | OPTION_KINDS
COMPARISONS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


@dataclass(slots=True)
class Names:
    """Lets the tables of one statement in, which the caller must be allowed to read, each under an alias of its own."""

    rights: Rights
    counter: Iterator[int] = field(default_factory=itertools.count)

    def alias(self, table: Table) -> str:
        """The next alias, for this table. Raises 403."""
        self.rights.require("Read", table)
        return f"t{next(self.counter)}"

    def source(self, table: Table, alias: str) -> str:
        """What stands after FROM or JOIN: the table, or what the caller sees of it."""
        if self.rights.owned_only(table) and "owninguser" in table.columns:
            return f"(SELECT * FROM \"{table.name}\" WHERE owninguser = '{self.rights.user}') {alias}"  # noqa: S608
        return f'"{table.name}" {alias}'


@dataclass(slots=True)
class Scope:
    """A table under an alias, with the joins that paths through single-valued navigation properties need."""

    table: Table
    names: Names
    alias: str = ""
    joins: list[str] = field(default_factory=list)
    _joined: dict[tuple[str, str], tuple[str, Table]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.alias = self.alias or self.names.alias(self.table)

    @property
    def source(self) -> str:
        """What stands after FROM."""
        return f"{self.names.source(self.table, self.alias)} {' '.join(self.joins)}"

    def column(self, path: Sequence[str]) -> tuple[Column, str]:
        """A column by its Web API name, maybe behind navigation properties, and the alias it is under. Raises 400."""
        alias, table = self.alias, self.table
        for name in path[:-1]:
            alias, table = self._join(alias, table, name)
        column = table.by_api_name.get(path[-1])
        if column is None or not column.readable:
            raise no_property(table.name, path[-1])
        return column, alias

    def _join(self, alias: str, table: Table, name: str) -> tuple[str, Table]:
        found = self._joined.get((alias, name))
        if found:
            return found
        nav = table.navigations.get(name)
        if nav is None or nav.many:
            raise no_property(table.name, name)
        target = schema.BY_NAME[nav.target]
        new = self.names.alias(target)
        kind = table.columns[nav.local]
        typed = f""" AND {alias}."{kind.type_name}" = '{target.name}'""" if kind.polymorphic else ""
        joined = self.names.source(target, new)
        self.joins.append(f'LEFT JOIN {joined} ON {new}."{nav.remote}" = {alias}."{nav.local}"{typed}')
        self._joined[alias, name] = new, target
        return new, target


def linked(nav: Navigation, owner_alias: str, alias: str) -> str:
    """SQL condition: the row under `alias` belongs to the collection `nav` of the row under `owner_alias`."""
    if nav.through:
        return (
            f'{alias}."{nav.remote}" IN (SELECT "{nav.far}" FROM "{nav.through}"'  # noqa: S608  - schema names
            f' WHERE "{nav.near}" = {owner_alias}."{nav.local}")'
        )
    return f'{alias}."{nav.remote}" = {owner_alias}."{nav.local}"'


def literal(column: Column, value: Any) -> Any:
    """A value to compare the column with, as it is stored; numbers and flags may come as text (FetchXML, `In`)."""
    if column.kind in TEXT_KINDS:
        return fold(str(value))
    try:
        if column.kind == "datetime":
            return moment(str(value))
        if column.kind == "boolean":
            return (
                int(value) if isinstance(value, bool) else {"true": 1, "false": 0, "1": 1, "0": 0}[str(value).lower()]
            )
        if column.kind in _NUMBERS:
            return float(value) if column.kind in {"decimal", "money"} else _int64(value)
    except (ValueError, KeyError):
        raise bad_request(f"'{value}' is no value for column '{column.name}'.", "0x80040203") from None
    return guid(value)


def _int64(value: Any) -> int:
    """A whole number that a column can hold. Raises ValueError."""
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("out of range")
    return number


def compare(name: str, column: Column, alias: str, value: Any, values: list[Any]) -> str:
    """SQL of `column <eq|ne|gt|ge|lt|le> value`; like Dataverse, `ne` also finds rows that have no value."""
    left = operand(column, alias)
    if value is None:
        return f"{left} IS {'NOT ' if name == 'ne' else ''}NULL"
    values.append(literal(column, value))
    sql = f"{left} {COMPARISONS[name]} ?"
    return f"({sql} OR {left} IS NULL)" if name == "ne" else sql


def within(column: Column, alias: str, wanted: Sequence[Any], values: list[Any], *, negated: bool = False) -> str:
    """SQL of `column in (...)`, or not; rows without a value are not in any set."""
    if not wanted:
        raise bad_request(f"A list of values is needed for column '{column.name}'.", "0x80040203")
    left = operand(column, alias)
    values.extend(literal(column, value) for value in wanted)
    marks = ",".join("?" * len(wanted))
    return f"({left} NOT IN ({marks}) OR {left} IS NULL)" if negated else f"{left} IN ({marks})"


def between(column: Column, alias: str, bounds: Sequence[Any], values: list[Any], *, negated: bool = False) -> str:
    """SQL of `column between low and high`, ends included, or not."""
    if len(bounds) != 2:  # noqa: PLR2004  - a low and a high end
        raise bad_request(f"Two values are needed for column '{column.name}'.", "0x80040203")
    low, high = bounds
    values += [literal(column, low), literal(column, high)]
    return f"{operand(column, alias)} {'NOT ' if negated else ''}BETWEEN ? AND ?"


def on_day(name: str, column: Column, alias: str, value: Any, values: list[Any]) -> str:
    """SQL of `on`, `on-or-after`, `on-or-before`: whole days (UTC), whatever time of day the value names."""
    day = str(literal(column, value))[:10]
    first, last = f"{day}T00:00:00Z", f"{day}T23:59:59Z"
    left = operand(column, alias)
    if name == "on":
        values += [first, last]
        return f"{left} BETWEEN ? AND ?"
    values.append(first if name == "on-or-after" else last)
    return f"{left} {'>=' if name == 'on-or-after' else '<='} ?"
