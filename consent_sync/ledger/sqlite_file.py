"""One SQLite file, its schema, and how a file of an earlier version becomes one of this version."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from .chain import Chain, Notary
from .store import SCHEMA, LedgerVersion

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE member (list TEXT, record TEXT, PRIMARY KEY (list, record)) WITHOUT ROWID;
CREATE TABLE run (id TEXT PRIMARY KEY, started TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE part (run TEXT, name TEXT, seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, name));
INSERT INTO meta VALUES ('revision', 0)
"""
_NEW_IN_2 = f"""
CREATE TABLE entry (
    key TEXT PRIMARY KEY, revision INTEGER NOT NULL,
    body TEXT NOT NULL, holds TEXT NOT NULL, chain TEXT NOT NULL, seal TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE line (
    key TEXT, number INTEGER, recorded TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (key, number)
) WITHOUT ROWID;
CREATE INDEX line_by_time ON line (recorded, key, number);
CREATE TABLE hold (id TEXT PRIMARY KEY, key TEXT NOT NULL, open INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX hold_by_key ON hold (key);
CREATE TABLE IF NOT EXISTS image (run TEXT, place TEXT, body TEXT NOT NULL, PRIMARY KEY (run, place)) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA}
"""


class SqliteFile:
    """A connection that many threads share, one at a time. Raises LedgerVersion."""

    def __init__(self, path: str | Path, notary: Notary) -> None:
        self.lock = threading.RLock()
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = NORMAL")
            self.db.execute("PRAGMA secure_delete = ON")  # what is erased does not stay behind in the file
            self._bring_up_to_date(notary)
        except BaseException:
            self.db.close()
            raise

    def _bring_up_to_date(self, notary: Notary) -> None:
        with self.transaction():  # another process may be creating it at this moment
            (version,) = self.db.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA:
                raise LedgerVersion(version)
            if version == 0:
                _run(self.db, _TABLES + ";" + _NEW_IN_2)
            if version == 1:
                _from_version_1(self.db, notary)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Make everything inside happen or nothing; within another one, be part of it."""
        with self.lock:
            if self.db.in_transaction:
                yield self.db
                return
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    def page(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Give all rows of a query."""
        with self.lock:
            return self.db.execute(query, values).fetchall()


def _run(db: sqlite3.Connection, script: str) -> None:
    """Run statements one by one: `executescript` would end the transaction."""
    for statement in script.split(";"):
        db.execute(statement)


def _from_version_1(db: sqlite3.Connection, notary: Notary) -> None:
    """Put holds and histories under seal, as version 2 keeps them.

    Version 1 did not say when a line was recorded, so the time of what it tells of stands there instead.
    """
    for name in ("entry", "hold", "history"):
        db.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
    db.execute("DROP INDEX hold_by_key")
    _run(db, _NEW_IN_2)
    db.execute("UPDATE member SET record = 'record:' || record")
    db.execute("INSERT INTO hold SELECT id, key, state = 'open', body FROM old_hold")
    chains: dict[str, str] = {}
    history = db.execute("SELECT key, at, body FROM old_history ORDER BY key, seq")
    for key, group in groupby(history, key=lambda row: str(row[0])):
        chain = Chain()
        for _, at, body in group:
            text = json.dumps({"at": at, **json.loads(body)}, separators=(",", ":"))
            chain, lines = notary.extend(key, chain, [text], datetime.fromisoformat(at))
            rows = ((key, line.number, line.recorded, line.body, line.digest) for line in lines)
            db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", rows)
        chains[key] = chain.to_json()
    nothing = '{"registers":{},"seen":{},"looked":null,"points":{}}'
    documents = db.execute(
        "SELECT keys.key, coalesce(revision, 0), coalesce(entry.body, ?),"
        " (SELECT json_group_array(json(hold.body)) FROM old_hold hold WHERE hold.key = keys.key)"
        " FROM (SELECT key FROM old_entry UNION SELECT key FROM old_hold UNION SELECT key FROM old_history) keys"
        " LEFT JOIN old_entry entry ON entry.key = keys.key",
        (nothing,),
    ).fetchall()
    for key, revision, body, holds in documents:
        document = notary.seal(key, body, holds, chains.get(key, Chain().to_json()))
        row = (key, revision, document.body, document.holds, document.chain, document.seal)
        db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", row)
    for name in ("entry", "hold", "history"):
        db.execute(f"DROP TABLE old_{name}")
