"""Paging cookies: where a page ended, in the wrapping that Dataverse uses (dataverse.md 2.4).

The inner cookie names each column of the order with its value in the first and the last row of the page:
`<cookie page="1"><lastname last="Roe" first="Doe" /><contactid last="{...}" first="{...}" /></cookie>`.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, unescape

from .errors import bad_request

_NUMBER = re.compile(r'pagenumber="(\d{1,9})"')
_INNER = re.compile(r'pagingcookie="([^"]*)"')
_COOKIE = re.compile(r'^\s*<cookie page="\d{1,9}">(.*)</cookie>\s*$', re.DOTALL)
_EDGE = re.compile(r'<([\w.]+)((?:\s+\w+="[^"]*")*)\s*/>')
_VALUE = re.compile(r'\s(last|lastnull)="([^"]*)"')
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ENTITIES = {'"': "&quot;"}


class Edge(NamedTuple):
    """A column of the order, and its values in the first and the last row of a page."""

    name: str
    first: Any
    last: Any

    @property
    def text(self) -> str:
        """The element that stands for it."""
        return f"<{self.name}{_attribute('last', self.last)}{_attribute('first', self.first)} />"


def _attribute(name: str, value: Any) -> str:
    if value is None:
        return f' {name}null="1"'
    text = f"{{{value.upper()}}}" if isinstance(value, str) and _GUID.fullmatch(value) else str(value)
    return f' {name}="{escape(text, _ENTITIES)}"'


class Cookie(NamedTuple):
    """The number of the page to read next, and the edges of the page before it."""

    page: int
    edges: tuple[Edge, ...]

    @property
    def inner(self) -> str:
        """The cookie that FetchXML carries in its `paging-cookie` attribute (before XML escaping)."""
        return f'<cookie page="{self.page - 1}">{"".join(edge.text for edge in self.edges)}</cookie>'

    @property
    def text(self) -> str:
        """The cookie of `$skiptoken` and of the fetchxmlpagingcookie annotation: the inner one, twice encoded."""
        return f'<cookie pagenumber="{self.page}" pagingcookie="{quote(quote(self.inner))}" istracking="False" />'


class Position(NamedTuple):
    """What a cookie sent back says: the page to read, and the order's values in the last row before it, as text."""

    page: int
    last: list[str | None]

    @classmethod
    def read(cls, text: str) -> Position | None:
        """The position in a `$skiptoken`, None if there is none. Raises 400 when it was not made here."""
        if not text:
            return None
        number, inner = _NUMBER.search(text), _INNER.search(text)
        if not number or not inner:
            raise bad_request("Malformed XML in the paging cookie of $skiptoken.", "0x80041129")
        return cls(int(number[1]), last_of(unquote(unquote(inner[1]))))


def last_of(inner: str) -> list[str | None]:
    """The order's values in an inner cookie, as text. Raises 400 when it was not made here."""
    body = _COOKIE.match(inner)
    if not body:
        raise bad_request("The paging cookie is malformed.", "0x80041129")
    values: list[str | None] = []
    for _, attributes in _EDGE.findall(body[1]):
        found = dict(_VALUE.findall(attributes))
        if not found:
            raise bad_request("The paging cookie is malformed.", "0x80041129")
        text = unescape(found.get("last", ""), {"&quot;": '"'})
        bare = text[1:-1] if text.startswith("{") and _GUID.fullmatch(text[1:-1]) else None
        values.append(None if "lastnull" in found else bare.lower() if bare else text)
    return values
