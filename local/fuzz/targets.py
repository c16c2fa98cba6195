"""What is fuzzed: each target takes any bytes and raises only for a defect; refusals are part of its job."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from consent_sync.dataverse.context import BadEvent, parse
from local.emulator import Emulator
from local.emulator.errors import DataverseError
from local.emulator.web import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CORPUS = Path(__file__).parent / "corpus"
MOST_BYTES = 8192
_ROOT = "http://127.0.0.1/api/data/v9.2/"
_BATCH = "multipart/mixed; boundary=b"


class _Undone(Exception):
    """Ends a transaction whose effects nobody wants."""


@cache
def _emulator() -> Emulator:
    """An organization with a few rows, without a server."""
    emulator = Emulator()
    emulator.store.load(
        [
            *(
                ("contact", {"lastname": f"L{n}", "emailaddress1": f"l{n}@x.org", "donotemail": n > 1})
                for n in range(4)
            ),
            ("msdynmkt_contactpointconsent4", {"msdynmkt_contactpointvalue": "l1@x.org", "msdynmkt_value": 534120001}),
            ("list", {"listname": "News", "createdfromcode": 2}),
        ]
    )
    return emulator


def _send(request: Request) -> None:
    """Answer a request and undo what it did. Raises whatever is no refusal."""
    emulator = _emulator()
    context = emulator.callers.context(request, emulator.records.security.user_of("anything"))
    with suppress(_Undone, DataverseError), emulator.records.unit(context):
        if request.path == "$batch":
            response = emulator.batch.run(request, context)
        else:
            response = emulator.api.handle(request, context)
        raise _Undone(response)


def event(data: bytes) -> None:
    """The body of a webhook call."""
    with suppress(BadEvent):
        parse(data)


def _get(query: str) -> None:
    _send(Request("GET", "contacts", query, {}, b"", _ROOT))


def filter_(data: bytes) -> None:
    """The text of `$filter` on contacts."""
    _get("$filter=" + quote(data.decode("utf-8", "replace")))


def query(data: bytes) -> None:
    """The query string of a read of contacts."""
    _get(data.decode("utf-8", "replace"))


def fetchxml(data: bytes) -> None:
    """The text of `fetchXml` on contacts."""
    _get("fetchXml=" + quote(data.decode("utf-8", "replace")))


def batch(data: bytes) -> None:
    """The body of a batch whose boundary is `b`."""
    _send(Request("POST", "$batch", "", {"content-type": _BATCH}, data, _ROOT))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "event": event,
    "filter": filter_,
    "query": query,
    "fetchxml": fetchxml,
    "batch": batch,
}


def seeds(target: str) -> list[Path]:
    """The files of a target's corpus, in order."""
    return sorted((CORPUS / target).iterdir())
