"""Change tracking: `Prefer: odata.track-changes`, delta links and delta pages (dataverse.md 2.7)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import schema
from .cookies import Cookie, Edge, Position
from .errors import DataverseError, bad_request
from .query import Options, Page, Reader, options_of
from .render import Renderer
from .web import Response, answer

if TYPE_CHECKING:
    from .schema import Table
    from .security import Rights
    from .store import Store
    from .web import Request

_DAY = 86400
_APPLIED = {"Preference-Applied": "odata.track-changes"}
_FORBIDDEN = ("$filter", "$orderby", "$expand", "$top")
_VERSION = re.compile(r"trackingcookie=(\d+!\S+ \S+)")
_FORMAT = "%m/%d/%Y %H:%M:%S"


def wanted(request: Request) -> bool:
    """True for a read that starts or continues change tracking."""
    return "$deltatoken" in request.query or "odata.track-changes" in request.preferences


def read(store: Store, rights: Rights, request: Request, table: Table, size: int) -> Response:
    """A page of the first synchronisation, or of the changes since a delta token.

    Raises 400 when the table is not tracked, a query option does not go with tracking, or the token has expired; 403
    unless the caller reads the rows of the whole organization.
    """
    rights.require_everywhere("Read", table)
    if table.name not in store.tracked:
        raise bad_request(f"Change tracking is not enabled for entity '{table.name}'.", "0x80072491")
    for name in _FORBIDDEN:
        if name in request.query:
            raise bad_request(f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.')
    options = options_of({name: value for name, value in request.query.items() if name != "$deltatoken"})
    token = request.query.get("$deltatoken")
    if token is None:
        return _first(Reader(store, rights, request), request, table, options, size)
    return _delta(Reader(store, rights, request), request, table, options, (_version_of(store, token), size))


def changed(store: Store, rights: Rights, request: Request, table: Table) -> int:
    """The number of rows changed or deleted since the delta token. Raises 403 like `read`."""
    rights.require_everywhere("Read", table)
    version = _version_of(store, request.query["$deltatoken"])
    sql = f'SELECT count(*) FROM "{table.name}" WHERE versionnumber > ?'  # noqa: S608  - schema name
    return int(store.select(sql, [version])[0][0]) + len(store.deleted_since(table, version))


def _token(store: Store, version: int) -> str:
    return f"{version}!{datetime.fromtimestamp(store.clock.time(), UTC).strftime(_FORMAT)}"


def _version_of(store: Store, token: str) -> int:
    """The version in a delta token. Raises ExpiredVersionStamp once it is older than the organization keeps them."""
    number, _, moment = token.partition("!")
    try:
        made = datetime.strptime(moment, _FORMAT).replace(tzinfo=UTC)
        version = int(number)
    except ValueError:
        raise bad_request(f"The delta token '{token}' is malformed.") from None
    days = store.find(schema.BY_NAME["organization"])[0]["expirechangetrackingindays"]
    if store.clock.time() - made.timestamp() > days * _DAY:
        raise DataverseError(
            400,
            "0x80044352",
            "Version stamp associated with the client has expired. Please perform a full sync.",
        )
    return version


def _first(reader: Reader, request: Request, table: Table, options: Options, size: int) -> Response:
    """All rows; the delta link of the last page counts from the moment the first page was read."""
    match = _VERSION.search(options.skiptoken)
    token = match[1] if match else _token(reader.store, reader.store.version)
    page = reader.page(table, options, size)
    body = {"@odata.context": f"{request.root}$metadata#{table.set_name}{_columns(options)}", "value": page.rows}
    return _page(request, table, body, page, token)


def _delta(reader: Reader, request: Request, table: Table, options: Options, since: tuple[int, int]) -> Response:
    """Rows changed since a version, in the order of their changes, and then the deleted ones."""
    store = reader.store
    version, size = since
    position = _position(options.skiptoken)
    match = _VERSION.search(options.skiptoken)
    token = match[1] if match else _token(store, store.version)
    upto = int(token.partition("!")[0])
    last_changed, last_deleted = position[1:] if position else (version, version)
    renderer = Renderer(store, table, reader.columns(table, options), reader.annotations)
    sql = f'SELECT * FROM "{table.name}" WHERE versionnumber > ? AND versionnumber <= ? ORDER BY versionnumber LIMIT ?'  # noqa: S608
    found = [dict(zip(table.fields, row, strict=True)) for row in store.select(sql, [last_changed, upto, size + 1])]
    gone = [pair for pair in store.deleted_since(table, last_deleted) if pair[1] <= upto]
    rows: list[dict[str, Any]] = [renderer.row(row) for row in found[:size]]
    room = size - len(rows)
    context = f"{request.root}$metadata#{table.set_name}"
    rows += [
        {"@odata.context": f"{context}/$deletedEntity", "id": row_id, "reason": "deleted"} for row_id, _ in gone[:room]
    ]
    more = len(found) > size or len(gone) > room
    changed_to = found[:size][-1]["versionnumber"] if found else last_changed
    deleted_to = gone[:room][-1][1] if gone[:room] else last_deleted
    ends = (Edge("changed", last_changed, changed_to), Edge("deleted", last_deleted, deleted_to))
    page = Page(rows, None, Cookie(position[0] + 1 if position else 2, ends) if more else None)
    body = {"@odata.context": f"{context}{_columns(options)}/$delta", "value": rows}
    return _page(request, table, body, page, token)


def _position(skiptoken: str) -> tuple[int, int, int] | None:
    """The page to read, and the versions of the last changed and the last deleted row before it. Raises 400."""
    position = Position.read(skiptoken)
    if position is None:
        return None
    try:
        changed_to, deleted_to = (int(text or "") for text in position.last)
    except ValueError:
        raise bad_request("The paging cookie does not belong to this query.", "0x80041129") from None
    return position.page, changed_to, deleted_to


def _page(request: Request, table: Table, body: dict[str, Any], page: Page, token: str) -> Response:
    """The body with a link to the next page, or on the last page the delta link."""
    kept = [part for part in request.raw_query.split("&") if part and "skiptoken" not in part.lower()]
    base = f"{request.root}{table.set_name}?"
    if page.next:
        text = page.next.text.replace(' istracking="False" />', f' istracking="True" trackingcookie={token} />')
        kept.append(f"$skiptoken={quote(text)}")
        body["@odata.nextLink"] = base + "&".join(kept)
    else:
        kept = [part for part in kept if "deltatoken" not in part.lower()]
        kept.append(f"$deltatoken={quote(token, safe='')}")
        body["@odata.deltaLink"] = base + "&".join(kept)
    return answer(body, headers=_APPLIED)


def _columns(options: Options) -> str:
    return f"({','.join(options.select)})" if options.select else ""
