"""The <condition> elements of FetchXML, as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import DataverseError, bad_request, not_modelled
from .sql import COMPARISONS, between, compare, on_day, within
from .store import fold, operand

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from .schema import Column, Table

# Operator -> what stands before and after the value in the pattern.
_PATTERNS = {"like": ("", ""), "not-like": ("", ""), "begins-with": ("", "*"), "ends-with": ("*", "")}


def column_of(table: Table, name: str | None) -> Column:
    """The column of this logical name. Raises 400."""
    column = table.columns.get(name or "")
    if column is None or not column.readable:
        raise DataverseError(
            400, "0x80041103", f"'{table.name}' entity doesn't contain attribute with Name = '{name}'."
        )
    return column


def condition(column: Column, alias: str, element: ET.Element, listed: list[str], values: list[Any]) -> str:
    """SQL of one <condition>; `listed` are its <value> elements, its values go to the end of `values`.

    Raises 501 for an operator that the emulator does not model.
    """
    name, value = element.get("operator", "eq"), element.get("value")
    value = listed[0] if value is None and listed else value
    match name:
        case "null" | "not-null":
            return f"{operand(column, alias)} IS {'NOT ' if name == 'not-null' else ''}NULL"
        case "in" | "not-in":
            return within(column, alias, listed or [value], values, negated=name == "not-in")
        case "between" | "not-between":
            return between(column, alias, listed, values, negated=name == "not-between")
        case "on" | "on-or-after" | "on-or-before":
            return on_day(name, column, alias, value, values)
    name = "ne" if name == "neq" else name
    if name not in COMPARISONS and name not in _PATTERNS:
        raise not_modelled(f"the FetchXML operator '{name}'")
    if value is None:
        raise bad_request(f"The condition operator '{name}' needs a value.", "0x80041104")
    if name in _PATTERNS:
        return _like(name, operand(column, alias), value, values)
    return compare(name, column, alias, value, values)


def _like(name: str, left: str, value: str, values: list[Any]) -> str:
    before, after = _PATTERNS[name]
    values.append(fold(f"{before}{_glob(value, wild='like' in name)}{after}"))
    sql = f"{left} GLOB ?"
    return f"({left} IS NULL OR NOT {sql})" if name.startswith("not-") else sql


def _glob(text: str, *, wild: bool = True) -> str:
    """A LIKE pattern as GLOB pattern: `%` and `_` are wild, and `[a-z]` means the same in both."""
    out = []
    for sign in text:
        if sign in "*?":
            out.append(f"[{sign}]")
        elif wild and sign in "%_":
            out.append("*" if sign == "%" else "?")
        elif sign == "[" and not wild:
            out.append("[[]")
        else:
            out.append(sign)
    return "".join(out)
