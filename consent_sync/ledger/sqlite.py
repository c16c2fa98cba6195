"""The ledger on SQLite: for one machine, for tests and for the demo."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path

from pydantic import TypeAdapter

from consent_sync.ports.ledger import StoredHold

from .chain import Notary
from .codec import SubjectKeys
from .sqlite_file import SqliteFile
from .sqlite_index import SqliteIndex
from .sqlite_runs import SqliteRuns
from .store import Change, Document, Kept, Line
from .stored import StoredLedger

_HOLD = TypeAdapter(StoredHold)
_PAGE = 1000


class SqliteLedger(StoredLedger):
    """The ledger on one SQLite file. Raises LedgerVersion and WrongHashKey."""

    def __init__(self, path: str | Path, keys: SubjectKeys) -> None:
        file = SqliteFile(path, Notary(keys.derived("seals")))
        super().__init__(SqliteDocuments(file), SqliteIndex(file), SqliteRuns(file), keys)


class _Refused(Exception):
    """A document does not stand as it was before."""


class SqliteDocuments:
    """Implements the documents on one SQLite file. A commit is one transaction: all is recorded, or nothing."""

    def __init__(self, file: SqliteFile) -> None:
        self._file, self._db, self._lock = file, file.db, file.lock

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def revision(self) -> int:
        """Give the number of the latest commit."""
        with self._lock:
            (revision,) = self._db.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
        return int(revision)

    def fetch(self, keys: Collection[str]) -> dict[str, Kept]:
        """Give the documents that there are under `keys`."""
        query = (
            "SELECT key, revision, body, holds, chain, seal FROM entry WHERE key IN (SELECT value FROM json_each(?))"
        )
        with self._lock:
            rows = self._db.execute(query, (json.dumps(list(keys)),)).fetchall()
        return {key: Kept(str(revision), revision, Document(*texts)) for key, revision, *texts in rows}

    def commit(self, stages: Sequence[Sequence[Change]]) -> dict[str, Kept]:
        """Put all changes or, where one is refused, none."""
        try:
            with self._file.transaction():
                self._db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
                revision = self.revision()
                return {change.key: self._put(change, revision) for change in chain.from_iterable(stages)}
        except _Refused:
            return {}

    def shred(self) -> None:
        """Let nothing that was deleted stay behind in the write-ahead log, as far as no other process is reading it."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _put(self, change: Change, revision: int) -> Kept:
        if change.document is None:
            return self._remove(change)
        d = change.document
        row = (revision, d.body, d.holds, d.chain, d.seal, change.key)
        if change.before is None:
            statement = (
                "INSERT OR IGNORE INTO entry (revision, body, holds, chain, seal, key) VALUES (?, ?, ?, ?, ?, ?)"
            )
            done = self._db.execute(statement, row)
        else:
            statement = (
                "UPDATE entry SET revision = ?, body = ?, holds = ?, chain = ?, seal = ? WHERE key = ? AND revision = ?"
            )
            done = self._db.execute(statement, (*row, change.before.revision))
        if done.rowcount != 1:
            raise _Refused
        self._db.executemany(
            "INSERT INTO line VALUES (?, ?, ?, ?, ?)",
            [(change.key, line.number, line.recorded, line.body, line.digest) for line in change.lines],
        )
        self._index(change)
        return Kept(str(revision), revision, d)

    def _remove(self, change: Change) -> Kept:
        before, statement = change.before, "DELETE FROM entry WHERE key = ? AND revision = ?"
        if before is None or self._db.execute(statement, (change.key, before.revision)).rowcount != 1:
            raise _Refused
        self._db.execute("DELETE FROM line WHERE key = ?", (change.key,))
        self._index(change)
        return before

    def _index(self, change: Change) -> None:
        rows = [(list_id, change.key) for list_id in change.joined]
        self._db.executemany("INSERT OR IGNORE INTO member VALUES (?, ?)", rows)
        for list_id in change.left:
            self._db.execute("DELETE FROM member WHERE (list, record) = (?, ?)", (list_id, change.key))
        holds = [(hold.id, change.key, hold.state == "open", _HOLD.dump_json(hold).decode())
                 for hold in (*change.opened, *change.closed)]  # fmt: skip
        self._db.executemany("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)", holds)
        self._db.executemany("DELETE FROM hold WHERE id = ?", [(hold.id,) for hold in change.dropped])
        self._db.execute("DELETE FROM line WHERE key = ? AND number <= ?", (change.key, change.trim))

    def lines(self, key: str) -> list[Line]:
        """Give the stored history of `key`, in order."""
        query = "SELECT number, recorded, body, digest FROM line WHERE key = ? ORDER BY number"
        with self._lock:
            return [Line(*row) for row in self._db.execute(query, (key,))]

    def recorded(self, since: str, until: str) -> Iterator[tuple[str, Line]]:
        """Give all lines recorded from `since` on and before `until` with their key: by time, key and number."""
        query = (
            "SELECT key, number, recorded, body, digest FROM line WHERE (recorded, key, number) > (?, ?, ?)"
            " AND recorded < ? ORDER BY recorded, key, number LIMIT ?"
        )
        after = (since, "", 0)
        while rows := self._file.page(query, (*after, until, _PAGE)):
            for key, *line in rows:
                yield key, Line(*line)
            key, number, recorded, *_ = rows[-1]
            after = (recorded, key, number)

    def scan(self) -> Iterator[tuple[str, Kept | None, list[Line]]]:
        """Give everything that is stored, key by key: the document, None where there is none, and the history."""
        query = (
            "SELECT key FROM entry WHERE key > ? UNION SELECT DISTINCT key FROM line WHERE key > ? ORDER BY key LIMIT ?"
        )
        after = ""
        while rows := self._file.page(query, (after, after, _PAGE)):
            keys = [key for (key,) in rows]
            found = self.fetch(keys)
            for key in keys:
                yield key, found.get(key), self.lines(key)
            after = keys[-1]

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def notes(self, prefix: str = "") -> dict[str, str]:
        """Give everything noted under names that begin with `prefix`."""
        query = "SELECT name, value FROM meta WHERE name >= ? AND name < ? AND name <> 'revision'"
        return dict(self._file.page(query, (prefix, f"{prefix}~")))

    def set_note(self, name: str, value: str, expected: str | None) -> bool:
        """Note `value` under `name` if what stands there is `expected`; false if it is not."""
        with self._file.transaction():
            if self.note(name) != expected:
                return False
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
            return True
