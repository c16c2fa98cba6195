"""One suite for every implementation: each test gets a place, and opens as many ledgers on it as it wants."""

from __future__ import annotations

import itertools
import json
import sqlite3
from base64 import b64encode
from contextlib import ExitStack, closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient

from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ledger.tables import TablesLedger
from consent_sync.ledger.tables_account import TABLES, key_of
from local.azurite import run_azurite
from tests.support.azurite import WITH_AZURITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from consent_sync.ledger.store import Document, Line
    from consent_sync.ledger.stored import StoredLedger

ACCOUNT_KEY = b64encode(b"key of the tests").decode()
KEYS = SubjectKeys("hash key of the tests")
collect_ignore_glob = [] if WITH_AZURITE else ["test_on_azurite*.py"]


class Place(Protocol):
    """Where ledgers are kept, and what somebody does to it who has the storage but not the hash key."""

    def open(self, keys: SubjectKeys = KEYS) -> StoredLedger:
        """Open the ledger as a new process would."""

    def close(self) -> None:
        """Close what was opened."""

    def put_lines(self, key: str, lines: Iterable[Line]) -> None:
        """Let these lines stand in the place of a history."""

    def put_document(self, key: str, document: Document | None) -> None:
        """Let this document stand under a key, or none."""

    def texts(self) -> str:
        """Give everything that is stored."""


class SqlitePlace:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[StoredLedger] = []

    def open(self, keys: SubjectKeys = KEYS) -> StoredLedger:
        self.opened.append(SqliteLedger(self.path, keys))
        return self.opened[-1]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def put_lines(self, key: str, lines: Iterable[Line]) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("DELETE FROM line WHERE key = ?", (key,))
            rows = [(key, line.number, line.recorded, line.body, line.digest) for line in lines]
            db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", rows)

    def put_document(self, key: str, document: Document | None) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("DELETE FROM entry WHERE key = ?", (key,))
            if document:
                row = (key, 1, document.body, document.holds, document.chain, document.seal)
                db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", row)

    def texts(self) -> str:
        with closing(sqlite3.connect(self.path)) as db:
            return "\n".join(db.iterdump())


class TablesPlace:
    """An account of its own in Azurite, so that nothing has to be wiped."""

    _numbers = itertools.count()

    def __init__(self, server: str) -> None:
        name = f"account{next(self._numbers)}"
        self.url, self.credential = f"{server}/{name}", AzureNamedKeyCredential(name, ACCOUNT_KEY)
        self.opened: list[StoredLedger] = []
        self.service = TableServiceClient(self.url, credential=self.credential)

    def open(self, keys: SubjectKeys = KEYS) -> StoredLedger:
        self.opened.append(TablesLedger(self.url, self.credential, keys))
        return self.opened[-1]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def put_lines(self, key: str, lines: Iterable[Line]) -> None:
        table = self.service.get_table_client("ledger")
        partition = key_of(key)
        for entity in list(
            table.query_entities("PartitionKey eq @key and RowKey ne 'entry'", parameters={"key": partition})
        ):
            table.delete_entity(entity)
        for line in lines:
            piece = {"recorded": line.recorded, "lines": json.dumps([[line.body, line.digest]])}
            table.create_entity({"PartitionKey": partition, "RowKey": f"line:{line.number:010}", **piece})

    def put_document(self, key: str, document: Document | None) -> None:
        table = self.service.get_table_client("ledger")
        table.delete_entity(key_of(key), "entry")
        if document:
            table.create_entity({"PartitionKey": key_of(key), "RowKey": "entry", **asdict(document)})

    def texts(self) -> str:
        tables = (self.service.get_table_client(name) for name in TABLES)
        return "\n".join(unquote(str(entity).replace("=", "%")) for table in tables for entity in table.list_entities())


@pytest.fixture(scope="session")
def table_server() -> Iterator[str]:
    """The address of an Azurite of our own that has an account for every test."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # only for this one: others know no account but their own
            patch.setenv("AZURITE_ACCOUNTS", ";".join(f"account{number}:{ACCOUNT_KEY}" for number in range(1000)))
            connection_string = stack.enter_context(run_azurite())
        parts = dict(part.split("=", 1) for part in connection_string.split(";"))
        yield parts["TableEndpoint"].rpartition("/")[0]


@pytest.fixture(params=["sqlite", "tables"] if WITH_AZURITE else ["sqlite"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """A source of places, all of one kind, in which nothing is kept yet."""
    if request.param == "sqlite":
        numbers = itertools.count()
        return lambda: SqlitePlace(tmp_path / f"ledger{next(numbers)}.sqlite")
    server = request.getfixturevalue("table_server")
    return lambda: TablesPlace(server)


@pytest.fixture
def place(places: Callable[[], Place]) -> Iterator[Place]:
    place = places()
    yield place
    place.close()


@pytest.fixture
def ledger(place: Place) -> StoredLedger:
    return place.open()
