"""FetchXML as elements, so that every value is escaped by the XML library.

Source: Microsoft's pages "Query data using FetchXml" and "Page results using FetchXml".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

COOKIE = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
MORE = "@Microsoft.Dynamics.CRM.morerecords"


def element(name: str, /, *children: ET.Element, **attributes: str | int | bool) -> ET.Element:
    """Build an element; in attribute names `link_type` means `link-type` and `from_` means `from`."""
    texts = {
        key.rstrip("_").replace("_", "-"): str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in attributes.items()
    }
    made = ET.Element(name, texts)
    made.extend(children)
    return made


def attributes(*columns: str) -> list[ET.Element]:
    """Build the `attribute` elements for columns."""
    return [element("attribute", name=column) for column in columns]


def condition(attribute: str, operator: str, *values: str | int, **more: str) -> ET.Element:
    """Build a condition: no value (`null`), one (`eq`) or several (`in`), which become child elements."""
    made = element("condition", attribute=attribute, operator=operator, **more)
    if operator in {"in", "not-in", "between", "not-between"}:
        for value in values:
            ET.SubElement(made, "value").text = str(value)
    elif values:
        (value,) = values
        made.set("value", str(value))
    return made


def text(fetch: ET.Element) -> str:
    """Write the query as the value of the `fetchXml` parameter."""
    return ET.tostring(fetch, encoding="unicode")


def read(fetch_xml: str) -> ET.Element:
    """Read a query of ours; raises ValueError if it is not FetchXML."""
    try:
        fetch = ET.fromstring(fetch_xml)  # noqa: S314  - written by our own code, never received
    except ET.ParseError:
        raise ValueError("not XML") from None
    if fetch.tag != "fetch":
        raise ValueError("the root of FetchXML is `fetch`")
    return fetch


def page(fetch_xml: str, number: int, *, size: int | None = None, cookie: str | None = None) -> str:
    """Ask for one page of a query: `number` from 1, `size` in rows, `cookie` as `paging_cookie` gave it."""
    fetch = read(fetch_xml)
    fetch.set("page", str(number))
    if size is not None:
        fetch.set("count", str(size))
    if cookie is not None:
        fetch.set("paging-cookie", cookie)
    return text(fetch)


def paging_cookie(body: Mapping[str, Any]) -> str | None:
    """Give the cookie for the next page out of an answer; the server encodes it twice. None if the query has none."""
    try:
        annotation = ET.fromstring(body[COOKIE])  # noqa: S314  - one short element, from the server we authenticate
    except (KeyError, TypeError, ET.ParseError):
        return None
    value = annotation.get("pagingcookie")
    return unquote(unquote(value)) if value else None
