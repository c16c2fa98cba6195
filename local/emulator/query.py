"""Reads: `$select`, `$filter`, `$orderby`, `$top`, `$count`, `$expand` and paging over a set or a collection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from . import schema
from .cookies import Cookie, Edge, Position
from .errors import bad_request, no_property, not_modelled
from .odata import to_sql
from .render import TOTAL, TOTAL_EXCEEDED, Annotations, Renderer, readable
from .schema.model import OPTION_KINDS
from .sql import Names, Scope
from .store import operand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .schema import Column, Navigation, Table
    from .security import Rights
    from .store import Row, Store
    from .web import Request

PAGE = 5000
COUNT_LIMIT = 5000
_EXPAND_LIMIT = 15
_NUMBERS = frozenset({"boolean", "int", "bigint", "decimal", "money"}) | OPTION_KINDS
_OPTIONS = frozenset({"select", "filter", "orderby", "top", "count", "expand", "skiptoken"})
_NUMBER = re.compile(r"[0-9]{1,9}")
_ORDER = re.compile(r"^\s*([\w/]+)(?:\s+(asc|desc))?\s*$", re.IGNORECASE)
_EXPAND = re.compile(r"^\s*([\w.]+)\s*(?:\((.*)\))?\s*$", re.DOTALL)


@dataclass(slots=True)
class Options:
    """The query options of a read, of the URL or of one `$expand`."""

    select: list[str] = field(default_factory=list)
    filter: str = ""
    orderby: list[tuple[list[str], bool]] = field(default_factory=list)
    top: int | None = None
    count: bool = False
    expand: list[tuple[str, Options]] = field(default_factory=list)
    skiptoken: str = ""


def options_of(texts: dict[str, str]) -> Options:
    """Query options from their texts, names with `$`. Raises 400 for what Dataverse does not know."""
    found = {name.removeprefix("$"): value for name, value in texts.items() if name.startswith("$")}
    if "skip" in found:
        raise bad_request("The query parameter $skip is not supported. Follow @odata.nextLink instead.", "0x80060888")
    if "apply" in found:
        raise not_modelled("$apply; use FetchXML aggregates")
    unknown = found.keys() - _OPTIONS
    if unknown:
        raise bad_request(f"The query parameter ${min(unknown)} is not supported.", "0x80060888")
    orderby = []
    for part in split(found.get("orderby", "")):
        match = _ORDER.match(part)
        if not match:
            raise bad_request(f"Syntax error in $orderby: '{part}'.")
        orderby.append((match[1].split("/"), (match[2] or "").lower() == "desc"))
    top = found.get("top")
    if top is not None and not _NUMBER.fullmatch(top):
        raise bad_request(f"Invalid value '{top}' for $top query option found.")
    return Options(
        select=[part.strip() for part in split(found.get("select", "")) if part.strip()],
        filter=found.get("filter", ""),
        orderby=orderby,
        top=int(top) if top is not None else None,
        count=found.get("count", "").lower() == "true",
        expand=_expansions(found.get("expand", "")),
        skiptoken=found.get("skiptoken", ""),
    )


def _expansions(text: str) -> list[tuple[str, Options]]:
    parts = split(text)
    if len(parts) > _EXPAND_LIMIT:
        raise bad_request(f"The number of $expand expressions must not exceed {_EXPAND_LIMIT}.")
    found = []
    for part in parts:
        match = _EXPAND.match(part)
        if not match:
            raise bad_request(f"Syntax error in $expand: '{part}'.")
        inner = (item.partition("=") for item in split(match[2] or "", ";") if item.strip())
        found.append((match[1], options_of({name.strip(): value for name, _, value in inner})))
    return found


def split(text: str, separator: str = ",") -> list[str]:
    """Split outside parentheses and single quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, sign in enumerate(text):
        if sign == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == separator and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


class Page(NamedTuple):
    """Some rows, how many there are in all (None: not asked), and where the next page starts (None: last page)."""

    rows: list[dict[str, Any]]
    total: int | None
    next: Cookie | None


class Reader:
    """Answers reads of one request; `aliases` are its `@p1=...` parameters."""

    def __init__(self, store: Store, rights: Rights, request: Request) -> None:
        self.store = store
        self.rights = rights
        self.annotations = Annotations(request.preferences.get("odata.include-annotations", ""))
        self._aliases = {name: value for name, value in request.query.items() if name.startswith("@")}
        self._root = request.root

    def columns(self, table: Table, options: Options) -> list[Column]:
        """The columns to return: those selected and always the key. Raises 400 for unknown names."""
        if not options.select:
            return readable(table)
        chosen = {}
        for name in options.select:
            column = table.by_api_name.get(name)
            if column is None or not column.readable:
                raise no_property(table.name, name)
            chosen[name] = column
        return list((chosen | {table.id: table.columns[table.id]}).values())

    def one(self, table: Table, row: Row, options: Options) -> dict[str, Any]:
        """A single row with its expansions. Raises 403."""
        self.rights.require("Read", table, row)
        found = Renderer(self.store, table, self.columns(table, options), self.annotations).row(row)
        for name, inner in options.expand:
            self._expand(table, row, found, name, inner)
        return found

    def page(self, table: Table, options: Options, size: int, within: tuple[Navigation, str] | None = None) -> Page:
        """Up to `size` rows of a table, or of the collection `within` (navigation, id of its owner)."""
        scope = Scope(table, Names(self.rights))
        where, values = self._where(scope, options, within)
        paths = {tuple(path): descending for path, descending in reversed(options.orderby)}  # the first one counts
        orders = [(*scope.column(path), descending) for path, descending in reversed(paths.items())]
        orders.append((table.columns[table.id], scope.alias, False))
        total = None
        if options.count:
            total = self._count(scope, where, values)
        position = Position.read(options.skiptoken)
        if position:
            behind, more = after(orders, position.last)
            where, values = f"({where}) AND ({behind})", [*values, *more]
        columns = self.columns(table, options)
        fields = _fields(table, columns, options)
        selected = [f'{scope.alias}."{name}"' for name in fields] + [operand(column, at) for column, at, _ in orders]
        limit = size if options.top is None else min(options.top, PAGE)  # $top overrules a preferred page size
        sql = (
            f"SELECT {', '.join(selected)} FROM {scope.source} WHERE {where} "  # noqa: S608  - schema names
            f"ORDER BY {', '.join(sort(column, at, descending=down) for column, at, down in orders)} LIMIT ?"
        )
        found = self.store.select(sql, [*values, limit + 1])
        renderer = Renderer(self.store, table, columns, self.annotations)
        rows = []
        for record in found[:limit]:
            row = dict(zip(fields, record, strict=False))
            out = renderer.row(row)
            for name, inner in options.expand:
                self._expand(table, row, out, name, inner)
            rows.append(out)
        more_left = len(found) > limit and options.top is None
        number = position.page + 1 if position else 2
        return Page(rows, total, Cookie(number, edges(orders, found[0], found[limit - 1])) if more_left else None)

    def count(self, table: Table, options: Options, within: tuple[Navigation, str] | None = None) -> int:
        """The number of rows, at most 5,000 (dataverse.md 2.4)."""
        scope = Scope(table, Names(self.rights))
        where, values = self._where(scope, options, within)
        return min(self._count(scope, where, values), COUNT_LIMIT)

    def totals(self, page: Page) -> dict[str, Any]:
        """`@odata.count` and its annotations for a page."""
        out: dict[str, Any] = {}
        if page.total is not None:
            out["@odata.count"] = min(page.total, COUNT_LIMIT)
        if self.annotations.wants(TOTAL):
            out[f"@{TOTAL}"] = -1 if page.total is None else min(page.total, COUNT_LIMIT)
            out[f"@{TOTAL_EXCEEDED}"] = page.total is not None and page.total > COUNT_LIMIT
        return out

    def _count(self, scope: Scope, where: str, values: list[Any]) -> int:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {scope.source} WHERE {where} LIMIT {COUNT_LIMIT + 1})"  # noqa: S608
        number: int = self.store.select(sql, values)[0][0]
        return number

    def _where(self, scope: Scope, options: Options, within: tuple[Navigation, str] | None) -> tuple[str, list[Any]]:
        where = "1"
        values: list[Any] = []
        if options.filter:
            where, values = to_sql(options.filter, scope, self.store.clock, self._aliases)
        if within:
            nav, owner = within
            source = schema.BY_NAME[nav.through or nav.target]
            inner = nav.far if nav.through else source.id
            near = nav.near if nav.through else nav.remote
            where += f' AND {scope.alias}."{nav.remote if nav.through else source.id}" IN '
            where += f'(SELECT "{inner}" FROM "{source.name}" WHERE "{near}" = ?)'  # noqa: S608  - schema names
            values = [*values, owner]
        return where, values

    def _expand(self, table: Table, row: Row, out: dict[str, Any], name: str, options: Options) -> None:
        nav = table.navigations.get(name)
        if nav is None:
            raise no_property(table.name, name)
        target = schema.BY_NAME[nav.target]
        if nav.many:
            if nav.through and options.expand:
                raise bad_request("$expand inside a many-to-many $expand is not supported.")
            page = self.page(target, options, PAGE, (nav, row[nav.local]))
            out[name] = page.rows
            out[f"{name}@odata.nextLink"] = f"{self._root}{table.set_name}({row[table.id]})/{name}{_again(options)}"
            return
        linked_id = row[nav.local]
        column = table.columns[nav.local]
        if linked_id is None or (column.polymorphic and row[column.type_name] != nav.target):
            out[name] = None
            return
        found = self.store.get(target, linked_id)
        out[name] = self.one(target, found, options) if found else None


def _again(options: Options) -> str:
    return f"?$select={','.join(options.select)}" if options.select else ""


def _fields(table: Table, columns: list[Column], options: Options) -> list[str]:
    """Stored fields that rendering these columns and expansions needs."""
    names = [table.id, *(["versionnumber"] if "versionnumber" in table.columns else [])]
    wanted = list(columns)
    for name, _ in options.expand:
        nav = table.navigations.get(name)
        if nav:
            wanted.append(table.columns[nav.local])
    for column in wanted:
        names.append(column.name)
        if column.polymorphic:
            names.append(column.type_name)
    return list(dict.fromkeys(names))


def sort(column: Column, alias: str, *, descending: bool) -> str:
    """SQL of one part of ORDER BY."""
    return f"{operand(column, alias)} {'DESC' if descending else 'ASC'}"


type Order = tuple[Column, str, bool]


def edges(orders: list[Order], first: tuple[Any, ...], last: tuple[Any, ...]) -> tuple[Edge, ...]:
    """The edges of a page whose first and last record end in the values of the order."""
    width = len(orders)
    pairs = zip(orders, first[-width:], last[-width:], strict=True)
    return tuple(Edge(column.name, low, high) for (column, _, _), low, high in pairs)


def after(orders: list[Order], texts: list[str | None]) -> tuple[str, list[Any]]:
    """SQL for: behind the row whose order values are these (SQLite sorts null lowest, and so does this)."""
    if len(texts) != len(orders):
        raise bad_request("The paging cookie does not belong to this query.", "0x80041129")
    last = [_stored(column, text) for (column, _, _), text in zip(orders, texts, strict=True)]
    parts: list[str] = []
    values: list[Any] = []
    for depth, (column, alias, descending) in enumerate(orders):
        same = list(_same(orders[:depth], last, values))
        here, value = operand(column, alias), last[depth]
        if value is None:
            step = "0" if descending else f"{here} IS NOT NULL"
        else:
            step = f"({here} < ? OR {here} IS NULL)" if descending else f"{here} > ?"
            values.append(value)
        parts.append(" AND ".join([*same, step]))
    return " OR ".join(f"({part})" for part in parts), values


def _stored(column: Column, text: str | None) -> Any:
    """The value of a cookie as the column stores it."""
    if text is None or column.kind not in _NUMBERS:
        return text
    try:
        return float(text) if column.kind in {"decimal", "money"} else int(text)
    except ValueError:
        raise bad_request("The paging cookie does not belong to this query.", "0x80041129") from None


def _same(orders: list[Order], last: list[Any], values: list[Any]) -> Iterator[str]:
    for (column, alias, _), value in zip(orders, last, strict=False):
        if value is None:
            yield f"{operand(column, alias)} IS NULL"
        else:
            values.append(value)
            yield f"{operand(column, alias)} = ?"
