"""Azure Tables as the ledger uses them: keys and texts that fit, conditional writes, the server's clock.

Sources: Microsoft's pages "Understanding the Table service data model" (limits, characters of keys), "Performing entity
group transactions" and "Managing concurrency in Table storage".
"""

from __future__ import annotations

import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import batched
from typing import Any
from urllib.parse import quote, unquote

import requests
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential, TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient, UpdateMode
from requests.adapters import HTTPAdapter

from consent_sync.errors import ConsentSyncError

AT_ONCE = 32
"""Requests in flight at a time."""
MARGIN = timedelta(seconds=10)
"""By how much the clocks of the storage's machines may differ; the real ones differ by far less."""
GRACE = timedelta(hours=1)
"""Longer than any save takes: what an index names in vain for that long is left over from a crash."""
AZURITE_KEY = AzureNamedKeyCredential(
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
)
"""The account and key of every Azurite, public and documented: for the storage's stand-in on this machine."""
OPERATIONS = 100
"""The most in one transaction."""
NO_TABLE = "TableNotFound"
"""The storage's code for a table that is not there."""
TABLES = ("ledger", "members", "holds", "notes", "runs")

_BYTES = 60_000  # a property holds 64 KiB
_GONE = 404
_OTHERWISE = {_GONE, 409, 412}  # there already, changed

type Entity = dict[str, Any]


class LedgerUnavailable(ConsentSyncError):
    """The storage account of the ledger did not answer as it should; `status`, `code` and `request_id` say how.

    With 403, give the service's identity the role Storage Table Data Contributor, and let its network reach the
    account. With TableNotFound, somebody deleted a part of the ledger, and nothing is done without it: put it back from
    a backup, or give LEDGER_URL a new place. Anything else passes: what was being worked comes back by itself, and
    nothing is lost.
    """

    def __init__(self, error: AzureError) -> None:
        response: Any = error.response if isinstance(error, HttpResponseError) else None
        self.status: int | None = response.status_code if response else None
        self.code = _code(error)
        self.request_id: str | None = response.headers.get("x-ms-request-id") if response else None
        super().__init__(f"the ledger's storage answers {self.status or 'nothing'}, {self.code} ({self.request_id})")


class Account:
    """The tables of one storage account. Every method may raise LedgerUnavailable; safe to use from many threads."""

    def __init__(self, url: str, credential: TokenCredential | AzureNamedKeyCredential) -> None:
        self._session = requests.Session()
        self._session.mount(url, HTTPAdapter(pool_connections=1, pool_maxsize=AT_ONCE))
        self._service = TableServiceClient(
            url,
            credential=credential,
            transport=RequestsTransport(
                session=self._session, session_owner=False, connection_timeout=10, read_timeout=60
            ),
            retry_total=3,
            raw_response_hook=self._see_time,
        )
        self._tables = {name: self._service.get_table_client(name) for name in TABLES}
        self._workers = ThreadPoolExecutor(AT_ONCE, "ledger")
        self._time: tuple[datetime, float] | None = None

    def close(self) -> None:
        """Let go of threads and connections."""
        self._workers.shutdown()
        self._service.close()
        self._session.close()

    def create_tables(self) -> None:
        """Create the tables that are not there."""
        with _told():
            for name in TABLES:
                self._service.create_table_if_not_exists(name)

    def now(self) -> datetime:
        """Give the storage's time, never later than it is: by its last answer, whose time is in whole seconds."""
        if self._time is None:
            self.get("notes", "", "")
        assert self._time is not None  # noqa: S101  - every answer carries it
        at, seen = self._time
        return at + timedelta(seconds=time.monotonic() - seen)

    def each[Item, Result](self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Call `function` with every item, many at a time. Raises what the first of them raises, when all are done."""
        futures = [self._workers.submit(function, item) for item in items]
        errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]
        return [future.result() for future in futures]

    def get(self, table: str, partition: str, row: str) -> Entity | None:
        """Give one entity with its `etag` and `timestamp`."""
        with _told():
            try:
                return _read(self._tables[table].get_entity(key_of(partition), key_of(row)))
            except HttpResponseError as error:
                if error.status_code != _GONE or _is_whole_table(error):
                    raise
                return None

    def partition(
        self, table: str, partition: str, rows: str = "", select: Iterable[str] = (), page: int = 1000
    ) -> Iterator[Entity]:
        """Give the entities of a partition whose row keys begin with `rows`, in the order of their keys."""
        condition, values = "PartitionKey eq @partition", {"partition": key_of(partition)}
        if rows:
            condition += " and RowKey ge @first and RowKey lt @end"
            values |= {"first": key_of(rows), "end": key_of(rows)[:-1] + chr(ord(key_of(rows)[-1]) + 1)}
        return self.query(table, condition, values, select, page)

    def query(
        self, table: str, condition: str, values: Mapping[str, Any], select: Iterable[str] = (), page: int = 1000
    ) -> Iterator[Entity]:
        """Give the entities for which the condition holds, read `page` at a time."""
        with _told():
            found = self._tables[table].query_entities(
                condition, parameters=dict(values), select=list(select) or None, results_per_page=page
            )
            for entity in found:
                yield _read(entity)

    def put(
        self, table: str, entity: Entity, etag: str | None, further: Iterable[Entity] = (), gone: Iterable[Entity] = ()
    ) -> str | None:
        """Put an entity where the one with `etag` stands, or nothing; gives its new etag, None where it is otherwise.

        `further` entities of its partition are put and those `gone` deleted with it, all or nothing. A request that was
        carried out although its answer was lost is recognised by the mark that each writer leaves.
        """
        entity, client = {**entity, "writer": uuid.uuid4().hex}, self._tables[table]
        replacing: Entity = {"mode": UpdateMode.REPLACE}
        only_if: Entity = replacing | {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        others = [("upsert", _written(other), replacing) for other in further]
        others += [("delete", _written(other), {}) for other in gone]
        with _told():
            try:
                if others:
                    first = ("update", _written(entity), only_if) if etag else ("create", _written(entity))
                    return str(client.submit_transaction([first, *others])[0]["etag"])
                if etag:
                    return str(client.update_entity(_written(entity), **only_if)["etag"])
                return str(client.create_entity(_written(entity))["etag"])
            except HttpResponseError as error:
                if error.status_code not in _OTHERWISE:
                    raise
        stands = self.get(table, entity["PartitionKey"], entity["RowKey"])
        return str(stands["etag"]) if stands and stands.get("writer") == entity["writer"] else None

    def put_all(self, table: str, entities: Iterable[Entity]) -> None:
        """Put entities whatever stands there: those of one partition together, partitions in parallel."""
        self._all(table, "upsert", entities, {"mode": UpdateMode.REPLACE})

    def delete_all(self, table: str, entities: Iterable[Entity]) -> None:
        """Delete entities that are there."""
        self._all(table, "delete", entities, {})

    def _all(self, table: str, operation: str, entities: Iterable[Entity], options: Entity) -> None:
        partitions: dict[str, list[Entity]] = {}
        for entity in entities:
            partitions.setdefault(entity["PartitionKey"], []).append(entity)

        def send(batch: tuple[Entity, ...]) -> None:
            client = self._tables[table]
            with _told():
                if len(batch) > 1:
                    client.submit_transaction([(operation, _written(e), options) for e in batch])
                elif operation == "upsert":
                    client.upsert_entity(_written(batch[0]), **options)
                else:
                    client.delete_entity(_written(batch[0]))

        batches = [batch for group in partitions.values() for batch in batched(group, OPERATIONS, strict=False)]
        if len(batches) == 1:
            send(batches[0])  # perhaps in a thread of ours, which must not wait for others of them
        else:
            self.each(send, batches)

    def touch(self, table: str, partition: str, row: str, changes: Entity) -> str | None:
        """Change some properties of an entity that is there; gives its new etag."""
        entity = _written({"PartitionKey": partition, "RowKey": row, **changes})
        with _told():
            try:
                return str(self._tables[table].update_entity(entity, mode=UpdateMode.MERGE)["etag"])
            except HttpResponseError as error:
                if error.status_code != _GONE or _is_whole_table(error):
                    raise
                return None

    def discard(self, table: str, partition: str, row: str) -> None:
        """Delete an entity, if it is there at all."""
        with _told():
            self._tables[table].delete_entity(key_of(partition), key_of(row))

    def remove(self, table: str, entity: Entity, etag: str, gone: Iterable[Entity]) -> bool:
        """Delete an entity if it is still the one with `etag`, and others of its partition with it; or nothing."""
        only_if: Entity = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        others: list[tuple[str, Entity, Entity]] = [("delete", _written(other), {}) for other in gone]
        with _told():
            try:
                self._tables[table].submit_transaction([("delete", _written(entity), only_if), *others])
            except HttpResponseError as error:
                if error.status_code not in _OTHERWISE or _is_whole_table(error):
                    raise
                return False
        return True

    def delete(self, table: str, partition: str, row: str, etag: str) -> bool:
        """Delete an entity if it is still the one with `etag`; false if it is not."""
        entity = _written({"PartitionKey": partition, "RowKey": row})
        with _told():
            try:
                self._tables[table].delete_entity(entity, etag=etag, match_condition=MatchConditions.IfNotModified)
            except HttpResponseError as error:
                if error.status_code not in _OTHERWISE or _is_whole_table(error):
                    raise
                return False
        return True

    def is_old(self, entity: Entity) -> bool:
        """Say whether an entity was left alone for longer than any save takes."""
        return bool(self.now() - entity["timestamp"] > GRACE)

    def _see_time(self, response: Any) -> None:
        if date := response.http_response.headers.get("Date"):
            self._time = parsedate_to_datetime(date), time.monotonic()


def key_of(text: str) -> str:
    """Give a key for any text: keys take no slashes, backslashes, number and question marks and control characters."""
    return quote(text, safe=":").replace("%", "=")


def text_of_key(key: str) -> str:
    """Give back what :func:`key_of` took."""
    return unquote(key.replace("=", "%"))


def packed(name: str, text: str) -> Entity:
    """Give the properties that hold a text: itself, or where it is too long its compressed bytes in pieces."""
    if len(text.encode("utf-16-le")) <= _BYTES:
        return {name: text}
    pieces = batched(zlib.compress(text.encode()), _BYTES, strict=False)
    return {f"{name}{number}": bytes(piece) for number, piece in enumerate(pieces)}


def unpacked(name: str, entity: Entity) -> str:
    """Give the text that :func:`packed` stored."""
    if name in entity:
        return str(entity[name])
    pieces: list[bytes] = []
    while (piece := entity.get(f"{name}{len(pieces)}")) is not None:
        pieces.append(piece)
    return zlib.decompress(b"".join(pieces)).decode()


def _written(entity: Entity) -> Entity:
    return {**entity, "PartitionKey": key_of(entity["PartitionKey"]), "RowKey": key_of(entity["RowKey"])}


def _read(found: Any) -> Entity:
    entity = {**found, "etag": found.metadata["etag"], "timestamp": found.metadata["timestamp"]}
    for name in ("PartitionKey", "RowKey"):
        if name in entity:
            entity[name] = text_of_key(entity[name])
    return entity


def _is_whole_table(error: AzureError) -> bool:
    return _code(error) == NO_TABLE


def _code(error: AzureError) -> str:
    """Give the storage's own code of an error; the SDK's errors have it in no declared attribute."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or type(error).__name__)


@contextmanager
def _told() -> Iterator[None]:
    """Tell what the storage answers in our own words; its own may name addresses and tokens."""
    try:
        yield
    except AzureError as error:
        raise LedgerUnavailable(error) from None
