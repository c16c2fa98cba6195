"""Looking up in SQLite what follows from the documents: who was last seen on a list, and which holds are open."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import TypeAdapter

from consent_sync.ports.ledger import StoredHold

from .codec import LATE
from .sqlite_file import SqliteFile
from .store import IndexedHold

_HOLD = TypeAdapter(StoredHold)


class SqliteIndex:
    """Implements the index on one SQLite file, where it is always as the documents are."""

    def __init__(self, file: SqliteFile) -> None:
        self._file, self._db, self._lock = file, file.db, file.lock

    def members(self, list_id: str) -> Iterator[str]:
        """Give the keys of the records that the index names for a list."""
        with self._lock:
            rows = self._db.execute("SELECT record FROM member WHERE list = ?", (list_id,)).fetchall()
        return (key for (key,) in rows)

    def count_members(self, list_id: str, at_most: int) -> int:
        """Count them, and stop at `at_most`."""
        query = "SELECT count(*) FROM (SELECT 1 FROM member WHERE list = ? LIMIT ?)"
        with self._lock:
            (count,) = self._db.execute(query, (list_id, at_most)).fetchone()
        return int(count)

    def drop_member(self, list_id: str, key: str) -> None:
        """Take a record that the list's index names in vain out of it."""
        with self._lock:
            self._db.execute("DELETE FROM member WHERE (list, record) = (?, ?)", (list_id, key))

    def late(self, at_most: int) -> list[tuple[str, str]]:
        """Give who the index names for the lists of those who are late, as (list, key), oldest first."""
        query = "SELECT list, record FROM member WHERE list >= ? AND list < ? ORDER BY list, record LIMIT ?"
        return [(name, key) for name, key in self._file.page(query, (LATE, f"{LATE}~", at_most))]

    def forget(self, key: str) -> None:
        """Do nothing: one transaction covers document and index."""

    def open_holds(self) -> list[IndexedHold]:
        """Give the open holds, in any order."""
        return [
            IndexedHold(_HOLD.validate_json(body)) for (body,) in self._file.page("SELECT body FROM hold WHERE open")
        ]

    def correct(self, indexed: IndexedHold, *, is_open: bool) -> None:
        """Do nothing: one transaction covers document and index."""

    def key_of_hold(self, hold_id: str) -> str | None:
        """Give the key of the document that has a hold."""
        with self._lock:
            row = self._db.execute("SELECT key FROM hold WHERE id = ?", (hold_id,)).fetchone()
        return row[0] if row else None
