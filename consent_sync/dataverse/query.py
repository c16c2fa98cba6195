"""One read, page by page, without I/O: what to ask first, and what to ask after an answer.

Source: Microsoft's pages "Query data using the Web API" (next links are followed verbatim with the same preferences)
and "Page results using FetchXml" (cookie, or page numbers where the query has no cookie).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from consent_sync.dataverse import fetchxml
from consent_sync.dataverse.batch import API_PATH, Operation
from consent_sync.dataverse.errors import ProtocolError
from consent_sync.dataverse.odata import with_query

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGING = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie,Microsoft.Dynamics.CRM.morerecords"


@dataclass(frozen=True, slots=True)
class Query:
    """A read of rows. `path` is an entity set or a collection below a row; the rest are the options of those names.

    `filter`, `order_by` and `expand` are OData text (see `odata`); `fetch_xml` excludes them. `page_size` is rows in a
    page (at most 5,000, the default), `top` the rows in all. `annotations` names the annotations wanted, `*` for all.
    """

    path: str
    _: KW_ONLY
    select: tuple[str, ...] = ()
    filter: str | None = None
    order_by: tuple[str, ...] = ()
    expand: str | None = None
    top: int | None = None
    fetch_xml: str | None = None
    page_size: int | None = None
    annotations: str | None = None

    def __post_init__(self) -> None:
        if self.top is not None and self.page_size is not None:
            raise ValueError("`top` and `page_size` can not be combined")
        if self.fetch_xml is not None:
            if self.select or self.filter or self.order_by or self.expand or self.top is not None:
                raise ValueError("FetchXML holds the whole query: no other options")
            fetchxml.read(self.fetch_xml)

    def first(self) -> Operation:
        """Ask for the first page."""
        if self.fetch_xml is not None:
            paged = fetchxml.read(self.fetch_xml).get("top") is None
            return self._fetch(fetchxml.page(self.fetch_xml, 1, size=self.page_size) if paged else self.fetch_xml)
        options = {
            "$select": ",".join(self.select),
            "$filter": self.filter or "",
            "$orderby": ",".join(self.order_by),
            "$expand": self.expand or "",
            "$top": "" if self.top is None else str(self.top),
        }
        path = with_query(self.path, {name: value for name, value in options.items() if value})
        return Operation("GET", path, headers=self._prefer())

    def following(self, answered: Operation, body: Mapping[str, Any], number: int, url: str) -> Operation | None:
        """Ask for the page after page `number` (from 1), or None after the last. `url` is the environment's address."""
        if link := body.get("@odata.nextLink"):
            following = Operation("GET", relative(url, str(link)), headers=self._prefer())
            if following.path == answered.path:
                raise ProtocolError("the next page is the same page", operation=answered.label)
            return following
        if self.fetch_xml is None or body.get(fetchxml.MORE) is not True:
            return None
        cookie = fetchxml.paging_cookie(body)
        return self._fetch(fetchxml.page(self.fetch_xml, number + 1, size=self.page_size, cookie=cookie))

    def _fetch(self, fetch_xml: str) -> Operation:
        return Operation("GET", with_query(self.path, {"fetchXml": fetch_xml}), headers=self._prefer())

    def _prefer(self) -> dict[str, str]:
        wanted = []
        if self.page_size is not None and self.fetch_xml is None:
            wanted.append(f"odata.maxpagesize={self.page_size}")
        annotations = [name for name in (self.annotations, _PAGING if self.fetch_xml else None) if name]
        if annotations:
            wanted.append(f'odata.include-annotations="{"*" if "*" in annotations else ",".join(annotations)}"')
        return {"Prefer": ",".join(wanted)} if wanted else {}


def rows_of(body: object, operation: Operation) -> list[dict[str, Any]]:
    """Give the rows of a page; raises ProtocolError if it is no page, so that nonsense never looks like no rows."""
    rows = body.get("value") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProtocolError("the answer to a query has no list of rows", operation=operation.label)
    return rows


def relative(url: str, link: str) -> str:
    """Give a link relative to the Web API; raises ProtocolError if it leads elsewhere, where no token may go."""
    home, there = urlsplit(url), urlsplit(link)
    same = (there.scheme, there.hostname, there.port) == (home.scheme, home.hostname, home.port)
    if not same or not there.path.lower().startswith(API_PATH):
        raise ProtocolError("a link leads outside the environment", operation="GET next page")
    return link[link.lower().index(API_PATH) + len(API_PATH) :]
