"""HTTP on one row: retrieve, create, upsert, delete, one column, one reference (dataverse.md 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from . import schema
from .actions import Link
from .errors import DataverseError, bad_request, no_message, no_row, no_segment
from .payload import read, reference, resolve_key
from .query import PAGE, Options, Reader, options_of
from .records import etag
from .render import formatted
from .web import Response, answer, nothing

if TYPE_CHECKING:
    from .actions import Actions
    from .context import Context
    from .records import Records
    from .schema import Navigation, Table
    from .store import Row, Store
    from .web import Request

_REPRESENTATION = {"Preference-Applied": "return=representation"}


class Target(NamedTuple):
    """The row a URL names. `id` is None when an alternate key finds nothing; `key` holds that key's values."""

    table: Table
    id: str | None
    key: Row
    text: str


def find(store: Store, table: Table, key: str) -> Target:
    """The row that `set(key)` names. Raises 400 for an undefined key."""
    row_id, values = resolve_key(store, table, key)
    return Target(table, row_id, values, key)


class Rows:
    """Handlers for URLs that name one row, and for creating one."""

    def __init__(self, records: Records, actions: Actions) -> None:
        self._records = records
        self._store = records.store
        self._actions = actions

    def create(self, request: Request, context: Context, table: Table) -> Response:
        """POST on a set."""
        if "Create" not in table.messages:
            raise no_message(table.name, "Create")
        with self._records.unit(context):
            fields = read(self._store, table, request.json(), creating=True)
            return self._created(request, context, table, self._records.create(context, table, fields))

    def retrieve(self, request: Request, context: Context, target: Target) -> Response:
        """GET of a row; 304 when `If-None-Match` holds its ETag and neither expansion nor annotations are asked for."""
        table, row = target.table, self._row(context, target)
        tag = etag(row["versionnumber"])
        options = options_of(request.query)
        plain = not options.expand and "odata.include-annotations" not in request.preferences
        if plain and request.header("if-none-match") == tag:
            return nothing({"ETag": tag}, 304)
        found = Reader(self._store, context.rights, request).one(table, row, options)
        return answer({"@odata.context": _context(request, table, options), **found}, headers={"ETag": tag})

    def change(self, request: Request, context: Context, target: Target) -> Response:
        """PATCH: update, or create what is missing, as If-Match and If-None-Match allow."""
        table = target.table
        if "Update" not in table.messages:
            raise no_message(table.name, "Update", 405)
        match, none_match = request.header("if-match"), request.header("if-none-match")
        with self._records.unit(context):
            exists = target.id is not None and self._store.get(table, target.id) is not None
            if exists and none_match == "*":
                raise DataverseError(412, "0x80040237", "A record with matching key values already exists.")
            if not exists and match:
                raise self._missing(target)
            if not exists:
                fields = target.key | read(self._store, table, request.json(), creating=True)
                if target.id:
                    fields[table.id] = target.id
                row_id = self._records.create(context, table, fields)
                return self._created(request, context, table, row_id, target.text if target.key else "")
            fields = read(self._store, table, request.json(), creating=False)
            fields = {name: value for name, value in fields.items() if name not in target.key}
            row_id = str(target.id)
            self._records.update(context, table, row_id, fields, match)
            if request.preferences.get("return") == "representation":
                return answer(self._representation(request, context, table, row_id), headers=_REPRESENTATION)
            return nothing({"OData-EntityId": _url(request, table, target.text if target.key else row_id)})

    def remove(self, request: Request, context: Context, target: Target) -> Response:
        """DELETE of a row."""
        if "Delete" not in target.table.messages:
            raise no_message(target.table.name, "Delete", 405)
        if target.id is None:
            raise self._missing(target)
        self._records.delete(context, target.table, target.id, request.header("if-match"))
        return nothing()

    def column(self, request: Request, context: Context, target: Target, name: str) -> Response:
        """GET, PUT or DELETE of one column of a row."""
        table = target.table
        column = table.by_api_name.get(name)
        if column is None or not column.readable:
            raise no_segment(name)
        row = self._row(context, target)
        if request.method == "GET":
            if row[column.name] is None:
                return nothing()
            value = bool(row[column.name]) if column.kind == "boolean" else row[column.name]
            root = f"{request.root}$metadata#{table.set_name}({row[table.id]})/{name}"
            return answer({"@odata.context": root, "value": value})
        if request.method not in {"PUT", "DELETE"}:
            raise bad_request(f"{request.method} is not allowed on a column.")
        value = request.json().get("value") if request.method == "PUT" else None
        with self._records.unit(context):
            fields = read(self._store, table, {name: value}, creating=False)
            self._records.update(context, table, row[table.id], fields, request.header("if-match"))
        return nothing()

    def raw(self, context: Context, target: Target, name: str) -> Response:
        """GET of a column's `$value` as text."""
        column = target.table.by_api_name.get(name)
        row = self._row(context, target)
        if column is None or not column.readable or row[column.name] is None:
            raise no_segment(name)
        text = formatted(column, row[column.name]) if column.kind == "boolean" else str(row[column.name])
        return Response(200, str(text).encode(), {"Content-Type": "text/plain; charset=utf-8"})

    def related(
        self, request: Request, context: Context, target: Target, nav: Navigation, *, counting: bool
    ) -> Response:
        """GET of what a navigation property leads to: one row, a collection, or how many it holds."""
        row = self._row(context, target)
        reader, options = Reader(self._store, context.rights, request), options_of(request.query)
        table = schema.BY_NAME[nav.target]
        address = _context(request, table, options)
        if nav.many:
            within = (nav, row[nav.local])
            if counting:
                return Response(200, str(reader.count(table, options, within)).encode(), {"Content-Type": "text/plain"})
            page = reader.page(table, options, PAGE, within)
            if page.next:
                raise bad_request("Collections of more than 5000 rows: read the set with $filter instead.")
            return answer(
                {"@odata.context": address.removesuffix("/$entity"), **reader.totals(page), "value": page.rows}
            )
        column = target.table.columns[nav.local]
        fits = not column.polymorphic or row[column.type_name] == nav.target
        found = self._store.get(table, row[nav.local]) if row[nav.local] and fits else None
        if found is None:
            return nothing()
        return answer({"@odata.context": address, **reader.one(table, found, options)})

    def link(self, request: Request, context: Context, target: Target, nav: Navigation, key: str | None) -> Response:
        """`$ref`: POST/DELETE on a collection, PUT/DELETE on a single-valued navigation property."""
        row = self._row(context, target)
        address = request.query.get("$id") or request.json().get("@odata.id")
        other = (
            reference(self._store, address or f"{schema.BY_NAME[nav.target].set_name}({key})")
            if (address or key)
            else None
        )
        if other and (other.table.name != nav.target or self._store.get(other.table, other.id) is None):
            raise no_row(nav.target, other.id)
        if request.method not in ({"POST", "DELETE"} if nav.many else {"PUT", "DELETE"}):
            raise bad_request(f"{request.method} is not allowed on {nav.name}/$ref.")
        adding = request.method != "DELETE"
        if (adding or nav.many) and other is None:
            raise bad_request("The other row is missing: give it as @odata.id, as $id or as a key.", "0x80048d19")
        with self._records.unit(context):
            if nav.many:
                self._actions.associate(context, Link(target.table, row, nav, str(other and other.id)), adding=adding)
            else:
                body = {f"{nav.name}@odata.bind": address if adding else None}
                fields = read(self._store, target.table, body, creating=False)
                self._records.update(context, target.table, row[target.table.id], fields)
        return nothing()

    def _row(self, context: Context, target: Target) -> Row:
        """The row, for reading. Raises 400, 403, 404."""
        if "Retrieve" not in target.table.messages:
            raise no_message(target.table.name, "Retrieve")
        context.rights.require("Read", target.table)
        row = self._store.get(target.table, target.id) if target.id else None
        if row is None:
            raise self._missing(target)
        context.rights.require("Read", target.table, row)
        return row

    def _missing(self, target: Target) -> DataverseError:
        if target.id is None:
            keys = ",".join(f"{name}={value}" for name, value in target.key.items())
            return DataverseError(404, "0x80060891", f"A record with the specified key values does not exist: {keys}")
        return no_row(target.table.name, target.id)

    def _created(self, request: Request, context: Context, table: Table, row_id: str, key: str = "") -> Response:
        if request.preferences.get("return") == "representation":
            return answer(self._representation(request, context, table, row_id), 201, _REPRESENTATION)
        return nothing({"OData-EntityId": _url(request, table, key or row_id)})

    def _representation(self, request: Request, context: Context, table: Table, row_id: str) -> dict[str, Any]:
        options = options_of(request.query)
        found = Reader(self._store, context.rights, request).one(table, self._records.require(table, row_id), options)
        return {"@odata.context": _context(request, table, options), **found}


def _context(request: Request, table: Table, options: Options) -> str:
    columns = f"({','.join(options.select)})" if options.select else ""
    return f"{request.root}$metadata#{table.set_name}{columns}/$entity"


def _url(request: Request, table: Table, key: str) -> str:
    return f"{request.root}{table.set_name}({quote(key, safe="'=,-@")})"
