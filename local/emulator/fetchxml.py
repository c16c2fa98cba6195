"""FetchXML to SQL: `GET set?fetchXml=...` (dataverse.md 2.10)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from . import schema
from .cookies import Cookie, last_of
from .errors import bad_request, not_modelled
from .fetch_conditions import column_of, condition
from .query import PAGE, after, edges, sort
from .render import Annotations, Renderer, readable
from .sql import Names
from .store import operand

if TYPE_CHECKING:
    from .schema import Column, Table
    from .security import Rights
    from .store import Store

_NUMBER = re.compile(r"[0-9]{1,9}")
_ALIAS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LINK_LIMIT = 15
_CONDITION_LIMIT = 500
_JOINS = {"inner": "JOIN", "outer": "LEFT JOIN"}
_SUBQUERIES = frozenset({"exists", "in"})
_FILTER_LINKS = {"any": "EXISTS", "not any": "NOT EXISTS", "all": "all", "not all": "EXISTS"}
_COUNTS = frozenset({"count", "countcolumn"})
_FETCH_OPTIONS = frozenset(
    {
        *("version", "mapping", "output-format", "no-lock", "distinct", "top", "count", "page", "paging-cookie"),
        *("returntotalrecordcount", "aggregate", "aggregatelimit", "latematerialize", "options", "datasource"),
    }
)


class _Output(NamedTuple):
    """A column to return: where it is, and under which name if it is not plain."""

    column: Column
    alias: str
    name: str


class _Source(NamedTuple):
    """A table in the statement: its FetchXML name (alias or entity name) and its SQL alias."""

    table: Table
    name: str
    alias: str


@dataclass(slots=True)
class _Statement:
    joins: list[str] = field(default_factory=list)
    join_values: list[Any] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    where_values: list[Any] = field(default_factory=list)
    outputs: list[_Output] = field(default_factory=list)
    aggregates: list[tuple[str, str]] = field(default_factory=list)
    groups: list[tuple[str, str]] = field(default_factory=list)
    orders: list[tuple[Column, str, bool]] = field(default_factory=list)
    sources: dict[str, _Source] = field(default_factory=dict)
    joined: list[_Source] = field(default_factory=list)


class Result(NamedTuple):
    """Rows as JSON objects, the cookie of the next page (None: last page), the total if it was asked for."""

    rows: list[dict[str, Any]]
    next: Cookie | None
    total: int | None


class Fetch:
    """One FetchXML query. Raises 400 for what is wrong in it, 501 for what the emulator does not model."""

    def __init__(self, store: Store, rights: Rights, text: str, table: Table, annotations: Annotations) -> None:
        self._store = store
        self._annotations = annotations
        self._names = Names(rights)
        self._statement = _Statement()
        self._root, entity = _parse(text)
        if entity.get("name") != table.name:
            raise bad_request(f"The entity of the fetch is not '{table.name}', the set of the URL.", "0x80041102")
        self._aggregate = self._root.get("aggregate") == "true"
        self._main = _Source(table, table.name, self._names.alias(table))
        self._statement.sources[table.name] = self._main
        self._read_entity(entity, self._main)

    def run(self, size: int = PAGE) -> Result:
        """The rows; a page holds `count` of the fetch, at most `size`."""
        if self._aggregate:
            return self._run_aggregate()
        statement, table, alias = self._statement, self._main.table, self._main.alias
        keyed = [self._main] if self._distinct() else [self._main, *statement.joined]
        statement.orders += [(source.table.columns[source.table.id], source.alias, False) for source in keyed]
        where, values = self._where()
        page = _number(self._root, "page", 1)
        cookie = self._root.get("paging-cookie")
        top = _number(self._root, "top", 0)
        size = min(size, _number(self._root, "count", PAGE))
        limit, skipped = (min(top, PAGE), 0) if top else (size, 0 if cookie else (page - 1) * size)
        total = self._total(where, values) if self._root.get("returntotalrecordcount") == "true" else None
        if cookie:
            behind, more = after(statement.orders, last_of(cookie))
            where, values = f"({where}) AND ({behind})", values + more
        selected = [f'{output.alias}."{name}"' for output in statement.outputs for name in _stored(output.column)]
        selected += [f'{alias}."{table.id}"', f'{alias}."versionnumber"']
        selected += [operand(column, at) for column, at, _ in statement.orders]
        order = ", ".join(sort(column, at, descending=down) for column, at, down in statement.orders)
        distinct = "DISTINCT " if self._distinct() else ""
        sql = f"SELECT {distinct}{', '.join(selected)} FROM {self._from()} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608, E501  - schema names
        found = self._store.select(sql, [*statement.join_values, *values, limit + 1, skipped])
        rows = [self._render(record) for record in found[:limit]]
        more_left = len(found) > limit and not top
        ends = edges(statement.orders, found[0], found[limit - 1]) if more_left else ()
        return Result(rows, Cookie(page + 1, ends) if more_left else None, total)

    def _distinct(self) -> bool:
        if self._root.get("distinct") != "true":
            return False
        names = {output.column.name for output in self._statement.outputs if not output.name}
        if self._main.table.id not in names:
            raise not_modelled("distinct without the key column among the attributes")
        return True

    def _from(self) -> str:
        return f"{self._names.source(self._main.table, self._main.alias)} {' '.join(self._statement.joins)}"

    def _where(self) -> tuple[str, list[Any]]:
        return " AND ".join(self._statement.where) or "1", list(self._statement.where_values)

    def _total(self, where: str, values: list[Any]) -> int:
        sql = f"SELECT count(*) FROM {self._from()} WHERE {where}"  # noqa: S608  - schema names
        number: int = self._store.select(sql, [*self._statement.join_values, *values])[0][0]
        return number

    def _render(self, record: tuple[Any, ...]) -> dict[str, Any]:
        table, out, position = self._main.table, {}, 0
        main: dict[str, Any] = {}
        others: list[tuple[_Output, dict[str, Any]]] = []
        for output in self._statement.outputs:
            names = _stored(output.column)
            values = dict(zip(names, record[position:], strict=False))
            position += len(names)
            if output.name:
                others.append((output, values))
            else:
                main |= values
        main |= {table.id: record[position], "versionnumber": record[position + 1]}
        columns = {output.column.name: output.column for output in self._statement.outputs if not output.name}
        columns[table.id] = table.columns[table.id]
        out = Renderer(self._store, table, columns.values(), self._annotations).row(main)
        for output, values in others:
            if values[output.column.name] is None:
                continue  # like Dataverse, a linked column without a value is left out
            rendered = Renderer(self._store, table, [output.column], self._annotations).row(values)
            for name, value in rendered.items():
                _, mark, annotation = name.partition("@")
                out[output.name + mark + annotation] = value
        return out

    def _run_aggregate(self) -> Result:
        where, values = self._where()
        parts = [*self._statement.groups, *self._statement.aggregates]
        if not self._statement.aggregates:
            raise bad_request("An aggregate fetch needs an attribute with an aggregate function.")
        selected = ", ".join(f'{sql} AS "{name}"' for name, sql in parts)
        sql = f"SELECT {selected} FROM {self._from()} WHERE {where}"  # noqa: S608  - schema names
        if self._statement.groups:
            sql += " GROUP BY " + ", ".join(text for _, text in self._statement.groups)
        found = self._store.select(sql, [*self._statement.join_values, *values])
        names = [name for name, _ in parts]
        return Result([dict(zip(names, record, strict=True)) for record in found], None, None)

    def _read_entity(self, element: ET.Element, source: _Source) -> None:
        self._read_columns(element, source)
        for child in element.iterfind("link-entity"):  # first: filters may name their aliases
            self._link(child, source)
        for child in element:
            if child.tag == "filter":
                self._statement.where.append(self._filter(child, source, self._statement.where_values))
            elif child.tag == "order":
                self._order(child, source)
            elif child.tag not in {"attribute", "all-attributes", "link-entity"}:
                raise not_modelled(f"the FetchXML element <{child.tag}>")

    def _order(self, element: ET.Element, source: _Source) -> None:
        if self._aggregate:
            raise not_modelled("order in an aggregate fetch")
        where = self._statement.sources.get(element.get("entityname") or source.name, source)
        column = column_of(where.table, element.get("attribute"))
        self._statement.orders.append((column, where.alias, element.get("descending") == "true"))

    def _read_columns(self, element: ET.Element, source: _Source) -> None:
        main = source.alias == self._main.alias
        columns: list[tuple[Column, str | None]] = []
        if element.find("all-attributes") is not None or (main and not self._aggregate and not _has_columns(element)):
            columns += [(column, None) for column in readable(source.table)]
        for child in element.iterfind("attribute"):
            column = column_of(source.table, child.get("name"))
            if not _ALIAS.fullmatch(child.get("alias") or "alias"):
                raise bad_request(f"The alias '{child.get('alias')}' is not valid.", "0x80041103")
            if self._aggregate:
                self._aggregate_column(child, column, source)
            else:
                columns.append((column, child.get("alias")))
        for column, alias in columns:
            plain = column.api_name if main else f"{source.name}.{column.name}"
            self._statement.outputs.append(_Output(column, source.alias, alias or ("" if main else plain)))

    def _aggregate_column(self, element: ET.Element, column: Column, source: _Source) -> None:
        alias, kind = element.get("alias"), element.get("aggregate")
        if not alias:
            raise bad_request("Every attribute of an aggregate fetch needs an alias.", "0x8004E024")
        name = f'{source.alias}."{column.name}"'
        if element.get("groupby") == "true":
            self._statement.groups.append((alias, name))
        elif kind in _COUNTS:
            distinct = "DISTINCT " if element.get("distinct") == "true" else ""
            sql = "count(*)" if kind == "count" else f"count({distinct}{operand(column, source.alias)})"
            self._statement.aggregates.append((alias, sql))
        else:
            raise not_modelled(f"the FetchXML aggregate '{kind}'")

    def _link(self, element: ET.Element, parent: _Source) -> None:
        kind = element.get("link-type", "inner")
        if kind in _SUBQUERIES:
            condition = self._exists(element, parent, self._statement.where_values)
            self._statement.where.append(condition)
            return
        if kind not in _JOINS:
            raise not_modelled(f"the FetchXML link type '{kind}' of an entity")
        source = self._linked(element)
        self._statement.sources[source.name] = source
        self._statement.joined.append(source)
        conditions = [self._on(element, source, parent)]
        conditions += [
            self._filter(child, source, self._statement.join_values) for child in element if child.tag == "filter"
        ]
        on = " AND ".join(conditions)
        self._statement.joins.append(f"{_JOINS[kind]} {self._names.source(source.table, source.alias)} ON {on}")
        self._read_columns(element, source)
        for child in element:
            if child.tag == "link-entity":
                self._link(child, source)
            elif child.tag == "order":
                self._order(child, source)

    def _linked(self, element: ET.Element) -> _Source:
        name = element.get("name", "")
        table = schema.BY_NAME.get(name)
        if table is None:
            raise bad_request(f"The entity with a name = '{name}' was not found.", "0x80041102")
        alias = self._names.alias(table)
        return _Source(table, element.get("alias") or f"{name}{alias[1:]}", alias)

    def _on(self, element: ET.Element, source: _Source, parent: _Source) -> str:
        """`from` of the linked table equals `to` of its parent: any two columns of the same type."""
        near = column_of(source.table, element.get("from") or source.table.id)
        far = column_of(parent.table, element.get("to") or source.table.id)
        if _family(near) != _family(far):
            raise bad_request(f"Link from '{near.name}' to '{far.name}': the columns differ in type.", "0x80041103")
        return f"{operand(near, source.alias)} = {operand(far, parent.alias)}"

    def _exists(self, element: ET.Element, parent: _Source, values: list[Any]) -> str:
        """A linked table as a condition: no columns of it, the parent row at most once."""
        kind = _FILTER_LINKS.get(element.get("link-type", ""), "EXISTS")
        source = self._linked(element)
        on = self._on(element, source, parent)
        conditions = [self._part(child, source, values) for child in element if child.tag in {"filter", "link-entity"}]
        inner = f"SELECT 1 FROM {self._names.source(source.table, source.alias)} WHERE {on}"  # noqa: S608
        test = " AND ".join(conditions) or "1"
        if kind == "all":  # some linked row, and none of them satisfies the filter (dataverse.md 2.10)
            return f"(EXISTS ({inner}) AND NOT EXISTS ({inner} AND {test}))"
        return f"{kind} ({inner} AND {test})"

    def _part(self, element: ET.Element, source: _Source, values: list[Any]) -> str:
        if element.tag == "filter":
            return self._filter(element, source, values)
        return self._exists(element, source, values)

    def _filter(self, element: ET.Element, source: _Source, values: list[Any]) -> str:
        word = " OR " if element.get("type") == "or" else " AND "
        parts = []
        for child in element:
            if child.tag == "condition":
                parts.append(self._condition_of(child, source, values))
            elif child.tag == "filter":
                parts.append(self._filter(child, source, values))
            elif child.tag == "link-entity" and child.get("link-type") in _FILTER_LINKS:
                parts.append(self._exists(child, source, values))
            else:
                raise not_modelled(f"<{child.tag} link-type='{child.get('link-type')}'> inside a FetchXML filter")
        return f"({word.join(parts)})" if parts else "1"

    def _condition_of(self, element: ET.Element, source: _Source, values: list[Any]) -> str:
        entity_name = element.get("entityname")
        if entity_name:
            found = self._statement.sources.get(entity_name)
            if found is None:
                raise bad_request(f"No link-entity has the alias '{entity_name}'.", "0x80041103")
            source = found
        if element.get("valueof"):
            raise not_modelled("comparing two columns in FetchXML (valueof)")
        column = column_of(source.table, element.get("attribute"))
        listed = [value.text or "" for value in element.iterfind("value")]
        return condition(column, source.alias, element, listed, values)


def _parse(text: str) -> tuple[ET.Element, ET.Element]:
    try:
        root = ET.fromstring(text)  # noqa: S314  - loopback test server
    except ET.ParseError as error:
        raise bad_request(f"Invalid XML in fetchXml: {error}", "0x80040201") from error
    entity = root.find("entity")
    if root.tag != "fetch" or entity is None:
        raise bad_request("A fetch holds one entity element.", "0x80040201")
    unknown = set(root.keys()) - _FETCH_OPTIONS
    if unknown:
        raise bad_request(f"Unknown attribute '{min(unknown)}' of <fetch>.", "0x80040201")
    links = len(list(root.iter("link-entity")))
    if links > _LINK_LIMIT:
        raise bad_request(f"Number of link entities in query exceeded maximum limit {_LINK_LIMIT}.", "0x8004430D")
    if links + len(list(root.iter("condition"))) > _CONDITION_LIMIT:
        raise bad_request(f"Number of conditions in query exceeded maximum limit {_CONDITION_LIMIT}.", "0x8004430C")
    return root, entity


def _has_columns(element: ET.Element) -> bool:
    return any(child.tag in {"attribute", "all-attributes"} for child in element.iter() if child.tag != "filter")


def _stored(column: Column) -> list[str]:
    return [column.name, column.type_name] if column.polymorphic else [column.name]


def _family(column: Column) -> str:
    return {"memo": "string", "lookup": "guid", "state": "picklist", "status": "picklist"}.get(column.kind, column.kind)


def _number(element: ET.Element, name: str, default: int) -> int:
    text = element.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise bad_request(f"Attribute '{name}' of <fetch> must be a positive number, not '{text}'.", "0x80040201")
    return int(text)
