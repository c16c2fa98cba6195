"""HTTP on a set: reading pages, counting, FetchXML (dataverse.md 2.4 and 2.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import tracking
from .errors import no_message, not_modelled
from .fetchxml import Fetch
from .query import PAGE, Reader, options_of
from .render import TOTAL, TOTAL_EXCEEDED, Annotations
from .web import Response, answer

if TYPE_CHECKING:
    from .cookies import Cookie
    from .schema import Table
    from .security import Rights
    from .store import Store
    from .web import Request

_BOM = b"\xef\xbb\xbf"


def read(store: Store, rights: Rights, request: Request, table: Table) -> Response:
    """GET on a set: one page."""
    if "RetrieveMultiple" not in table.messages:
        raise no_message(table.name, "RetrieveMultiple")
    for name in ("savedQuery", "userQuery", "sql"):
        if name in request.query:
            raise not_modelled(f"the query option {name}")
    if "fetchXml" in request.query:
        return _fetch(store, rights, request, table)
    if tracking.wanted(request):
        return tracking.read(store, rights, request, table, _size(request))
    reader, options = Reader(store, rights, request), options_of(request.query)
    page = reader.page(table, options, _size(request))
    columns = f"({','.join(options.select)})" if options.select else ""
    body: dict[str, Any] = {"@odata.context": f"{request.root}$metadata#{table.set_name}{columns}"}
    body |= reader.totals(page)
    body["value"] = page.rows
    if page.next:
        body["@odata.nextLink"] = _next(request, table, page.next)
    return answer(body, headers=_applied(request))


def count(store: Store, rights: Rights, request: Request, table: Table) -> Response:
    """GET `set/$count`: a number as text, at most 5,000."""
    if "$deltatoken" in request.query:
        number = tracking.changed(store, rights, request, table)
    else:
        number = Reader(store, rights, request).count(table, options_of(request.query))
    return Response(200, _BOM + str(number).encode(), {"Content-Type": "text/plain", "OData-Version": "4.0"})


def _fetch(store: Store, rights: Rights, request: Request, table: Table) -> Response:
    annotations = Annotations(request.preferences.get("odata.include-annotations", ""))
    found = Fetch(store, rights, request.query["fetchXml"], table, annotations).run()
    body: dict[str, Any] = {"@odata.context": f"{request.root}$metadata#{table.set_name}"}
    if annotations.wants(TOTAL):
        body[f"@{TOTAL}"] = -1 if found.total is None else min(found.total, PAGE)
        body[f"@{TOTAL_EXCEEDED}"] = found.total is not None and found.total > PAGE
    if annotations.wants("Microsoft.Dynamics.CRM.morerecords"):
        body["@Microsoft.Dynamics.CRM.morerecords"] = found.next is not None
    body["value"] = found.rows
    if found.next and annotations.wants("Microsoft.Dynamics.CRM.fetchxmlpagingcookie"):
        body["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"] = found.next.text
    return answer(body)


def _size(request: Request) -> int:
    """Rows on a page: what the client prefers, at most 5,000."""
    wanted = request.preferences.get("odata.maxpagesize", "")
    return min(int(wanted), PAGE) if wanted.isdigit() and int(wanted) else PAGE


def _applied(request: Request) -> dict[str, str]:
    wanted = request.preferences.get("odata.maxpagesize")
    return {"Preference-Applied": f"odata.maxpagesize={wanted}"} if wanted else {}


def _next(request: Request, table: Table, cookie: Cookie) -> str:
    kept = [part for part in request.raw_query.split("&") if part and "skiptoken" not in part.lower()]
    kept.append(f"$skiptoken={quote(cookie.text)}")
    return f"{request.root}{table.set_name}?{'&'.join(kept)}"
