"""One suite for every implementation: each test gets a place, and opens as many ledgers on it as it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consent_sync.ledger.stored import StoredLedger

KEYS = SubjectKeys("hash key of the tests")


class Place(Protocol):
    """Where ledgers are kept."""

    def open(self, keys: SubjectKeys = KEYS) -> StoredLedger:
        """Open the ledger as a new process would."""


class SqlitePlace:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[StoredLedger] = []

    def open(self, keys: SubjectKeys = KEYS) -> StoredLedger:
        self.opened.append(SqliteLedger(self.path, keys))
        return self.opened[-1]

    def close(self) -> None:
        for ledger in self.opened:
            ledger.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = SqlitePlace(tmp_path / "ledger.sqlite")
    yield place
    place.close()


@pytest.fixture
def ledger(place: Place) -> StoredLedger:
    return place.open()
