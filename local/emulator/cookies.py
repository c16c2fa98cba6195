"""Paging cookies: where a page ended, in the wrapping that Dataverse uses (dataverse.md 2.4)."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, unescape

from .errors import bad_request

_NUMBER = re.compile(r'pagenumber="(\d+)"')
_INNER = re.compile(r'pagingcookie="([^"]*)"')
_LAST = re.compile(r'last="([^"]*)"')
_ENTITIES = {'"': "&quot;"}


class Cookie(NamedTuple):
    """The number of the page to read next, and the order values of the last row of the page before it."""

    page: int
    last: list[Any]

    @property
    def inner(self) -> str:
        """The cookie that FetchXML carries in its `paging-cookie` attribute (before XML escaping)."""
        return f'<cookie page="{self.page - 1}" last="{escape(json.dumps(self.last), _ENTITIES)}" />'

    @property
    def text(self) -> str:
        """The cookie of `$skiptoken` and of the fetchxmlpagingcookie annotation: the inner one, twice encoded."""
        return f'<cookie pagenumber="{self.page}" pagingcookie="{quote(quote(self.inner))}" istracking="False" />'

    @classmethod
    def read(cls, text: str) -> Cookie | None:
        """The cookie in a `$skiptoken`, None if there is none. Raises 400 when it was not made here."""
        if not text:
            return None
        number, inner = _NUMBER.search(text), _INNER.search(text)
        if not number or not inner:
            raise bad_request("Malformed XML in the paging cookie of $skiptoken.", "0x80041129")
        return cls(int(number[1]), last_of(unquote(unquote(inner[1]))))


def last_of(inner: str) -> list[Any]:
    """The order values in an inner cookie. Raises 400 when it was not made here."""
    match = _LAST.search(inner)
    try:
        found = json.loads(unescape(match[1], {"&quot;": '"'})) if match else None
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise bad_request("The paging cookie is malformed.", "0x80041129")
    return found
