"""`python -m local.bench client`: HTTP requests of three clients that do the same work against the same emulator.

Requests are what Dataverse limits; the seconds are those of this machine, emulator included.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import batched
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import requests
from azure.core.credentials import AccessToken
from dataverse_api.dataverse import DataverseClient as PublicClient  # type: ignore[import-untyped]
from PowerPlatform.Dataverse.client import DataverseClient as MicrosoftClient

from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.bulk import write_rows
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.metadata import Metadata
from consent_sync.dataverse.odata import is_in, key, packed
from consent_sync.dataverse.query import Query
from local.emulator import Emulator
from local.emulator.tls import write_certificate

CONTACTS, CHANGED, POINTS, WRITES = 100_000, 10_000, 1_000, 100
_PAGE, _BATCH, _VALUES = 5_000, 1_000, 150
_DOC = Path(__file__).parents[2] / "docs" / "bench-client.md"
_CONSENT = "msdynmkt_contactpointconsent4"
_READ = (
    ("contact", "contacts", "emailaddress1"),
    ("lead", "leads", "emailaddress1"),
    (_CONSENT, f"{_CONSENT}s", "msdynmkt_contactpointvalue"),
)
_OUT = {"msdynmkt_value": 534120002}


_HEAD = """# Requests of the Dataverse client, beside others

Written by `python3 dev.py bench client --write`. Three clients, each new for each piece of work, do the same work
against the same emulator over HTTPS in one run. Requests are what Dataverse limits (6,000 in five minutes for a user);
they include what a client asks about tables before. The seconds are those of one small machine, busy with
other work, and include the emulator's own.
"""
_FOOT = """
*Least*: pages of 5,000 rows to read; one request to ask what the table can do and one batch of bulk messages, 1,000
rows each, to update; one batch to read and one to write for the reconciliation. Bulk messages take no ETag: the service
itself writes each row only if it is still as it was read, up to 1,000 rows in a request, so that 10,000 rows take 10
requests.
"""


class Contestant(Protocol):
    """A client doing the three pieces of work; each gives how many rows it read or wrote."""

    def read(self) -> int:
        """Read id, address and flag of all contacts."""

    def change(self, ids: Sequence[str]) -> int:
        """Set the flag of these contacts, whatever their version."""

    def reconcile(self, points: Sequence[str], contacts: Sequence[str], rows: Sequence[str]) -> int:
        """Read contacts, leads and consent rows of these addresses; set flags and consent rows out."""


class Ours:
    """The client of this project."""

    def __init__(self, url: str) -> None:
        self._client = DataverseClient(url, StaticToken("any", url=url))

    def read(self) -> int:
        """Read by a pager."""
        columns = ("contactid", "emailaddress1", "donotbulkemail")
        return sum(1 for _ in self._client.list_rows("contacts", select=columns))

    def change(self, ids: Sequence[str]) -> int:
        """Write by bulk messages."""
        table = Metadata(self._client).table("contact")
        assert table  # noqa: S101  - every environment has it
        rows = [{"contactid": row_id, "donotbulkemail": True} for row_id in ids]
        outcomes = write_rows(self._client, table, "UpdateMultiple", rows, size=_BATCH, at_once=len(ids) // _BATCH)
        return sum(outcome.error is None for outcome in outcomes)

    def reconcile(self, points: Sequence[str], contacts: Sequence[str], rows: Sequence[str]) -> int:
        """Read all in one batch, write all in another."""
        queries = [Query(set_, filter=is_in(column, few)) for few in packed(points) for _, set_, column in _READ]
        read = sum(len(found) for found in self._client.list_many(queries))
        changes: list[tuple[str, dict[str, Any]]] = [
            (key("contacts", row_id), {"donotbulkemail": True}) for row_id in contacts
        ]
        changes += [(key(f"{_CONSENT}s", row_id), _OUT) for row_id in rows]
        answers = self._client.batch([Operation("PATCH", path, body, if_match="*") for path, body in changes])
        return read + sum(answer.error is None for answer in answers)


class Public:
    """dataverse-api from PyPI."""

    def __init__(self, url: str) -> None:
        session = requests.Session()
        session.headers["Authorization"] = "Bearer any"
        self._client = PublicClient(session=session, environment_url=f"{url}/")

    def read(self) -> int:
        """Read by its `read`."""
        return len(self._client.entity("contact").read(select=["contactid", "emailaddress1", "donotbulkemail"]))

    def change(self, ids: Sequence[str]) -> int:
        """Write by its batches: it has no UpdateMultiple."""
        rows = [{"contactid": row_id, "donotbulkemail": True} for row_id in ids]
        answers = self._client.entity("contact").upsert(rows, mode="batch", batch_size=_BATCH)
        return sum(answer.text.count("HTTP/1.1 204") for answer in answers)

    def reconcile(self, points: Sequence[str], contacts: Sequence[str], rows: Sequence[str]) -> int:
        """Read by its `read`, in pieces that fit into an address; write by its batches."""
        done = 0
        for table, _, column in _READ:
            entity = self._client.entity(table)
            for few in batched(points, _VALUES, strict=False):
                done += len(entity.read(filter=is_in(column, few)))
        flags: list[dict[str, Any]] = [{"contactid": row_id, "donotbulkemail": True} for row_id in contacts]
        consent: list[dict[str, Any]] = [{f"{_CONSENT}id": row_id, **_OUT} for row_id in rows]
        for table, changes in (("contact", flags), (_CONSENT, consent)):
            answers = self._client.entity(table).upsert(changes, mode="batch")
            done += sum(answer.text.count("HTTP/1.1 204") for answer in answers)
        return done


class _Credential:
    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken("any", 4_102_444_800)


class Microsoft:
    """PowerPlatform-Dataverse-Client, Microsoft's own."""

    def __init__(self, url: str) -> None:
        self._client = MicrosoftClient(url, _Credential()).__enter__()

    def read(self) -> int:
        """Read by its pages."""
        columns = ["contactid", "emailaddress1", "donotbulkemail"]
        return sum(len(page) for page in self._client.records.list_pages("contact", select=columns))

    def change(self, ids: Sequence[str]) -> int:
        """Write by its UpdateMultiple, which takes all rows at once."""
        self._client.records.update("contact", list(ids), {"donotbulkemail": True})
        return len(ids)

    def reconcile(self, points: Sequence[str], contacts: Sequence[str], rows: Sequence[str]) -> int:
        """Read by a batch of lists, write by bulk messages."""
        batch = self._client.batch.new()
        for few in batched(points, _VALUES, strict=False):
            for table, _, column in _READ:
                batch.records.list(table, filter=is_in(column, few))
        done = sum(len(answer.data["value"]) for answer in batch.execute().responses if answer.data)
        self._client.records.update("contact", list(contacts), {"donotbulkemail": True})
        self._client.records.update(_CONSENT, list(rows), _OUT)
        return done + len(contacts) + len(rows)


class Measured(NamedTuple):
    """What a piece of work cost."""

    requests: int
    seconds: float
    rows: int


CONTESTANTS: dict[str, Callable[[str], Contestant]] = {
    "consent-sync": Ours,
    "dataverse-api": Public,
    "Microsoft's client": Microsoft,
}


def main(arguments: Sequence[str]) -> None:
    """Print the table; `--write` puts it into docs/bench-client.md."""
    parser = argparse.ArgumentParser(prog="python -m local.bench client", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write docs/{_DOC.name}")
    options = parser.parse_args(arguments)
    text = _page(measure(CONTACTS, CHANGED, POINTS, WRITES))
    print(text)
    if options.write:
        _DOC.write_text(text, encoding="utf-8")


def measure(contacts: int, changed: int, points: int, writes: int) -> dict[str, tuple[int, dict[str, Measured]]]:
    """Give for each piece of work the arithmetic minimum of requests, and what each client needed."""
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(contacts)]
    addresses = [f"person{number}@example.com" for number in range(points)]
    with tempfile.TemporaryDirectory() as folder:
        certificate = str(write_certificate(Path(folder) / "server.pem"))
        os.environ["REQUESTS_CA_BUNDLE"] = certificate
        with Emulator(certificate=certificate) as emulator:
            people = (
                ("contact", {"contactid": row_id, "lastname": "L", "emailaddress1": f"person{number}@example.com"})
                for number, row_id in enumerate(ids)
            )
            consent = (
                (_CONSENT, {f"{_CONSENT}id": row_id, "msdynmkt_contactpointvalue": address})
                for row_id, address in zip(ids, addresses, strict=False)
            )
            emulator.store.load(people)
            emulator.store.load(consent)
            some = ids[:writes]
            work: dict[str, tuple[int, Callable[[Contestant], int]]] = {
                f"read {contacts:,} contacts": (ceil(contacts / _PAGE), lambda client: client.read()),
                f"update {changed:,} contacts": (
                    1 + ceil(changed / _BATCH / _BATCH),
                    lambda client: client.change(ids[:changed]),
                ),
                f"reconcile {points:,} contact points, {2 * writes:,} writes": (
                    2,
                    lambda client: client.reconcile(addresses, some, some),
                ),
            }
            return {title: (least, _each(emulator, run)) for title, (least, run) in work.items()}


def _each(emulator: Emulator, run: Callable[[Contestant], int]) -> dict[str, Measured]:
    found = {}
    for name, make in CONTESTANTS.items():
        emulator.limits.clear(emulator.limits.budget)
        emulator.log.clear()
        started = time.perf_counter()
        rows = run(make(emulator.url))
        found[name] = Measured(len(emulator.log.since(0)), time.perf_counter() - started, rows)
    return found


def _page(results: dict[str, tuple[int, dict[str, Measured]]]) -> str:
    names = list(CONTESTANTS)
    lines = [
        _HEAD,
        f"| work | least | {' | '.join(names)} |",
        f"|---|---:|{'---:|' * len(names)}",
    ]
    for title, (least, measured) in results.items():
        cells = [f"{measured[name].requests:,} ({measured[name].seconds:,.1f} s)" for name in names]
        lines.append(f"| {title} | {least:,} | {' | '.join(cells)} |")
    return "\n".join([*lines, _FOOT])
