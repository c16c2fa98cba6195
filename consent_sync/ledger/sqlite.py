"""The ledger on SQLite: for one machine, for tests and for the demo."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from consent_sync.ports.images import Image
from consent_sync.ports.ledger import StoredHold
from consent_sync.ports.runs import Part, Run

from .chain import Notary
from .codec import SubjectKeys
from .sqlite_file import SqliteFile
from .store import Change, Document, Kept, Line
from .stored import StoredLedger

_HOLD = TypeAdapter(StoredHold)
_RUN = TypeAdapter(Run)
_PART = TypeAdapter(Part)
_IMAGE = TypeAdapter(Image)
_PAGE = 1000


class SqliteLedger(StoredLedger):
    """The ledger on one SQLite file. Raises LedgerVersion and WrongHashKey."""

    def __init__(self, path: str | Path, keys: SubjectKeys) -> None:
        super().__init__(SqliteStore(SqliteFile(path, Notary(keys.derived("seals")))), keys)


class _Refused(Exception):
    """A document does not stand as it was before."""


class SqliteStore:
    """Implements the store on one SQLite file. A commit is one transaction, so that it is all recorded or nothing."""

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

    def _put(self, change: Change, revision: int) -> Kept:
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

    def _index(self, change: Change) -> None:
        rows = [(list_id, change.key) for list_id in change.joined]
        self._db.executemany("INSERT OR IGNORE INTO member VALUES (?, ?)", rows)
        for list_id in change.left:
            self._db.execute("DELETE FROM member WHERE (list, record) = (?, ?)", (list_id, change.key))
        holds = [(hold.id, change.key, hold.state == "open", _HOLD.dump_json(hold).decode())
                 for hold in (*change.opened, *change.closed)]  # fmt: skip
        self._db.executemany("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)", holds)

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
        while rows := self._page(query, (*after, until, _PAGE)):
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
        while rows := self._page(query, (after, after, _PAGE)):
            keys = [key for (key,) in rows]
            found = self.fetch(keys)
            for key in keys:
                yield key, found.get(key), self.lines(key)
            after = keys[-1]

    def _page(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

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

    def open_holds(self) -> list[StoredHold]:
        """Give the open holds, in any order."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM hold WHERE open").fetchall()
        return [_HOLD.validate_json(body) for (body,) in rows]

    def key_of_hold(self, hold_id: str) -> str | None:
        """Give the key of the document that has a hold."""
        with self._lock:
            row = self._db.execute("SELECT key FROM hold WHERE id = ?", (hold_id,)).fetchone()
        return row[0] if row else None

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_note(self, name: str, value: str, expected: str | None) -> bool:
        """Note `value` under `name` if what stands there is `expected`; false if it is not."""
        with self._file.transaction():
            if self.note(name) != expected:
                return False
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
            return True

    def start_run(self, run: Run, parts: Iterable[Part]) -> None:
        """Record a new run and its parts."""
        with self._file.transaction():
            self._db.execute(
                "INSERT INTO run VALUES (?, ?, ?)", (run.id, run.started.isoformat(), _RUN.dump_json(run).decode())
            )
            self.add_parts(parts)

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Record further parts of a run, unless they were recorded before."""
        rows = [(part.run_id, part.name, part.seq, _PART.dump_json(part).decode()) for part in parts]
        with self._lock:
            self._db.executemany("INSERT OR IGNORE INTO part VALUES (?, ?, ?, ?)", rows)

    def run(self, run_id: str) -> Run | None:
        """Give a run."""
        with self._lock:
            row = self._db.execute("SELECT body FROM run WHERE id = ?", (run_id,)).fetchone()
        return _RUN.validate_json(row[0]) if row else None

    def runs(self, limit: int) -> list[Run]:
        """Give the latest runs, newest first."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM run ORDER BY started DESC, id LIMIT ?", (limit,)).fetchall()
        return [_RUN.validate_json(body) for (body,) in rows]

    def parts(self, run_id: str) -> list[Part]:
        """Give all parts of a run."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM part WHERE run = ? ORDER BY name", (run_id,)).fetchall()
        return [_PART.validate_json(body) for (body,) in rows]

    def part(self, run_id: str, name: str) -> Part | None:
        """Give one part of a run."""
        with self._lock:
            row = self._db.execute("SELECT body FROM part WHERE run = ? AND name = ?", (run_id, name)).fetchone()
        return _PART.validate_json(row[0]) if row else None

    def advance(self, part: Part, expected_seq: int) -> bool:
        """Replace the part's checkpoint if it still stands at `expected_seq`; false if it has moved on."""
        with self._file.transaction():
            changed = self._db.execute(
                "UPDATE part SET seq = ?, body = ? WHERE run = ? AND name = ? AND seq = ?",
                (part.seq, _PART.dump_json(part).decode(), part.run_id, part.name, expected_seq),
            )
            return changed.rowcount == 1

    def keep_images(self, run_id: str, images: Iterable[Image]) -> None:
        """Keep images of a run; the latest one of each place stands."""
        rows = [(run_id, image.place, _IMAGE.dump_json(image).decode()) for image in images]
        with self._lock:
            self._db.executemany("INSERT OR REPLACE INTO image VALUES (?, ?, ?)", rows)

    def images(self, run_id: str, after: str = "", limit: int = 1000) -> list[Image]:
        """Give the next images of a run by their place, beginning behind the place `after`."""
        query = "SELECT body FROM image WHERE run = ? AND place > ? ORDER BY place LIMIT ?"
        return [_IMAGE.validate_json(body) for (body,) in self._page(query, (run_id, after, limit))]
