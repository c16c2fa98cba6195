"""The HTTP messages the emulator works on: those of the wire and those inside a `$batch` look the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from .errors import DataverseError, bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON = "application/json; odata.metadata=minimal"


@dataclass(slots=True)
class Request:
    """One request. `path` is relative to the service root and decoded; header names are lower case.

    `root` is the absolute service root (`http://host/api/data/v9.2/`), as the client addressed it.
    """

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    root: str
    query: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.query = dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """A header's value; None if missing or the word `null`, which clients send to mean nothing."""
        value = self.headers.get(name)
        return None if value in (None, "", "null") else value

    @property
    def preferences(self) -> dict[str, str]:
        """The Prefer header as name and value."""
        found = {}
        for part in _split_quoted(self.headers.get("prefer", "")):
            name, _, value = part.strip().partition("=")
            found[name.strip().lower()] = value.strip().strip('"')
        return found

    def json(self) -> dict[str, Any]:
        """The body as a JSON object (`null` and nothing are an empty one). Raises 400."""
        if not self.body.strip():
            return {}
        try:
            found = json.loads(self.body)
        except ValueError as error:
            raise bad_request(f"The body is not JSON: {error}", "0x80048d19") from error
        if b"\\ud" in self.body.lower():
            _check_text(found)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise bad_request("The body must be a JSON object.", "0x80048d19")
        return found


@dataclass(slots=True)
class Response:
    """One response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def _check_text(found: Any) -> None:
    """Raise 400 for half a character: JSON can escape it, UTF-8 has no bytes for it."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise bad_request("The body holds a lone surrogate.", "0x80048d19") from None


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, data, {"Content-Type": _JSON, "OData-Version": "4.0"} | (headers or {}))


def nothing(headers: dict[str, str] | None = None, status: int = 204) -> Response:
    """A response without content."""
    return Response(status, b"", {"OData-Version": "4.0"} | (headers or {}))


def refusal(error: DataverseError, *, details: bool) -> Response:
    """The response to a refused request; `details` when the client asked for annotations (dataverse.md 2.2)."""
    content: dict[str, Any] = {"code": error.code, "message": error.message}
    if details:
        content |= {
            "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus": "0",
            "@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode": "-2146233088",
            "@Microsoft.PowerApps.CDS.HelpLink": f"http://go.microsoft.com/fwlink/?LinkID=398563&error={error.code}",
            "@Microsoft.PowerApps.CDS.TraceText": "",
            "@Microsoft.PowerApps.CDS.InnerError.Message": error.message,
        }
    return answer({"error": content}, error.status, error.headers)


def _split_quoted(text: str) -> list[str]:
    """Split at commas outside double quotes."""
    parts, quoted, start = [], False, 0
    for at, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif sign == "," and not quoted:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def split_url(url: str) -> tuple[str, str]:
    """A relative URL as decoded path and raw query."""
    path, _, query = url.partition("?")
    return unquote(path), query
