"""One suite for every implementation: each test gets a place, and opens as many ledgers on it as it wants."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest
from azure.data.tables import TableServiceClient

from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ledger.tables import TablesLedger
from consent_sync.ledger.tables_account import AZURITE_KEY, TABLES
from local.azurite import is_installed, run_azurite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consent_sync.ledger.stored import StoredLedger

KEYS = SubjectKeys("hash key of the tests")
WITH_AZURITE = is_installed() or bool(os.environ.get("CI"))  # CI fails without it


class Place(Protocol):
    """Where ledgers are kept."""

    def open(self, keys: SubjectKeys = KEYS) -> StoredLedger:
        """Open the ledger as a new process would."""

    def close(self) -> None:
        """Close what was opened."""

    def wipe(self) -> None:
        """Close what was opened, and begin with nothing."""


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

    def wipe(self) -> None:
        self.close()
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()


class TablesPlace:
    def __init__(self, url: str) -> None:
        self.url = url
        self.opened: list[StoredLedger] = []
        self.service = TableServiceClient(url, credential=AZURITE_KEY)

    def open(self, keys: SubjectKeys = KEYS) -> StoredLedger:
        self.opened.append(TablesLedger(self.url, AZURITE_KEY, keys))
        return self.opened[-1]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def wipe(self) -> None:
        self.close()
        for name in TABLES:
            self.service.delete_table(name)


@pytest.fixture(scope="session")
def tables_url() -> Iterator[str]:
    """The address of the tables of an Azurite of our own."""
    with run_azurite() as connection_string:
        parts = dict(part.split("=", 1) for part in connection_string.split(";"))
        yield parts["TableEndpoint"]


@pytest.fixture(params=["sqlite", "tables"] if WITH_AZURITE else ["sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        place: Place = SqlitePlace(tmp_path / "ledger.sqlite")
    else:
        place = TablesPlace(request.getfixturevalue("tables_url"))
        place.wipe()
    yield place
    place.close()


@pytest.fixture
def ledger(place: Place) -> StoredLedger:
    return place.open()
