"""The ledger on SQLite: for one machine, for tests and for the demo."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from consent_sync.consent.hold import Hold
from consent_sync.consent.model import Kind, RecordRef, Scope, Subject
from consent_sync.consent.registers import Entry, Registers
from consent_sync.consent.rules import PASSING
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Image
from consent_sync.ports.ledger import HistoryLine, LedgerConflict, StoredHold
from consent_sync.ports.runs import Part, Run

from .codec import SubjectKeys, decode, decode_registers, encode, joined, stored

_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE entry (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE member (list TEXT, record TEXT, PRIMARY KEY (list, record)) WITHOUT ROWID",
    "CREATE TABLE history (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX history_by_key ON history (key, seq)",
    "CREATE TABLE hold (id TEXT PRIMARY KEY, key TEXT NOT NULL, state TEXT NOT NULL, opened TEXT NOT NULL, body TEXT)",
    "CREATE INDEX hold_by_key ON hold (key, state)",
    "CREATE TABLE run (id TEXT PRIMARY KEY, started TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE part (run TEXT, name TEXT, seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, name))",
    "INSERT INTO meta VALUES ('revision', 0)",
    "PRAGMA user_version = 1",
)


_IMAGES = (
    "CREATE TABLE IF NOT EXISTS image (run TEXT, place TEXT, body TEXT NOT NULL, PRIMARY KEY (run, place))"
    " WITHOUT ROWID"
)


class LedgerVersion(ConsentSyncError):
    """The ledger file was written by another version of consent-sync. Use the version that wrote it, or migrate."""


class SqliteLedger:
    """Implements the ledger port on one SQLite file; safe to use from many threads."""

    def __init__(self, path: str | Path, keys: SubjectKeys) -> None:
        self._keys, self._lock = keys, threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():  # another process may be creating it at this moment
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA:
                    self._db.execute(statement)
            self._db.execute(_IMAGES)
        if version not in {0, 1}:
            raise LedgerVersion(f"the ledger has schema version {version}, this program knows version 1")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def key(self, subject: Subject) -> str:
        """Give the name under which a subject is kept: for a contact point, a keyed hash."""
        return self._keys.of(subject)

    def born(self) -> datetime:
        """When this ledger began; set at the first call."""
        with self._transaction():
            now = datetime.now(UTC).replace(microsecond=0).isoformat()
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('born', ?)", (now,))
            (born,) = self._db.execute("SELECT value FROM meta WHERE name = 'born'").fetchone()
        return datetime.fromisoformat(born)

    def revision(self) -> int:
        """Give the revision of the latest save of any entry."""
        with self._lock:
            (revision,) = self._db.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
        return int(revision)

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        """Give an entry for each subject, an empty one where nothing is known."""
        by_key = {self._keys.of(subject): subject for subject in subjects}
        entries = {subject: Entry(subject) for subject in by_key.values()}
        for key, revision, body in self._entries(by_key):
            entries[by_key[key]] = decode(by_key[key], revision, body)
        return entries

    def registers(self, keys: Iterable[str]) -> dict[str, dict[Scope, Registers]]:
        """Give the registers kept under `keys`, empty where nothing is known."""
        found: dict[str, dict[Scope, Registers]] = {key: {} for key in keys}
        return found | {key: decode_registers(body) for key, _, body in self._entries(found)}

    def save(
        self, entries: Iterable[Entry], history: Iterable[HistoryLine], holds: Iterable[Hold] = ()
    ) -> dict[Subject, Entry]:
        """Record all of it or nothing; gives the entries with their new revision. Raises LedgerConflict."""
        kept: dict[Subject, Entry] = {}
        with self._transaction():
            self._db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
            revision = self.revision()
            for entry in entries:
                self._put(entry, revision)
                kept[entry.subject] = replace(entry, revision=revision)
            self._db.executemany(
                "INSERT INTO history (key, at, body) VALUES (?, ?, ?)",
                [(self._keys.of(h.subject), h.at.isoformat(), _line(h)) for h in history],
            )
            self._put_holds([self._keys.of(subject) for subject in kept], holds)
        return kept

    def members(self, list_id: str) -> Iterator[RecordRef]:
        """Records last seen on a list, in the order of their ids."""
        with self._lock:
            rows = self._db.execute("SELECT record FROM member WHERE list = ? ORDER BY record", (list_id,)).fetchall()
        for (record,) in rows:
            table, _, id_ = record.partition(":")
            yield RecordRef(table, id_)

    def count_members(self, list_id: str) -> int:
        """Count the records last seen on a list."""
        with self._lock:
            (count,) = self._db.execute("SELECT count(*) FROM member WHERE list = ?", (list_id,)).fetchone()
        return int(count)

    def forget_members(self, list_id: str) -> None:
        """Forget who was last seen on a list: nobody on it will be taken to have left it."""
        for record in self.members(list_id):
            entry = self.load([record])[record]
            kept = {key: seen for key, seen in entry.seen.items() if key != f"{Kind.LIST.value}/{list_id}"}
            self.save([replace(entry, seen=kept)], [])
        with self._lock:
            self._db.execute("DELETE FROM member WHERE list = ?", (list_id,))

    def history(self, subject: Subject) -> list[dict[str, str]]:
        """Everything recorded about `subject`, oldest first."""
        query = "SELECT at, body FROM history WHERE key = ? ORDER BY seq"
        with self._lock:
            rows = self._db.execute(query, (self._keys.of(subject),)).fetchall()
        return [{"at": at, **json.loads(body)} for at, body in rows]

    def holds(self) -> list[StoredHold]:
        """Give the open holds, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM hold WHERE state = 'open' ORDER BY opened, id").fetchall()
        return [_HOLD.validate_json(body) for (body,) in rows]

    def hold(self, hold_id: str) -> StoredHold | None:
        """Give one hold, open or settled."""
        with self._lock:
            row = self._db.execute("SELECT body FROM hold WHERE id = ?", (hold_id,)).fetchone()
        return _HOLD.validate_json(row[0]) if row else None

    def open_hold(self, hold: StoredHold) -> None:
        """Record a hold, unless it was recorded before."""
        row = (hold.id, hold.key, hold.state, hold.opened.isoformat(), _HOLD.dump_json(hold).decode())
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO hold VALUES (?, ?, ?, ?, ?)", row)

    def settle(self, hold: StoredHold, learnt: Mapping[Scope, Registers]) -> bool:
        """Record how an open hold was settled and join what that proves for its subject; false if it was not open."""
        with self._transaction():
            change = "UPDATE hold SET state = ?, body = ? WHERE id = ? AND state = 'open'"
            done = self._db.execute(change, (hold.state, _HOLD.dump_json(hold).decode(), hold.id))
            if done.rowcount == 1 and learnt:
                ((_, _, body),) = self._entries([hold.key])
                self._db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
                change = "UPDATE entry SET revision = ?, body = ? WHERE key = ?"
                self._db.execute(change, (self.revision(), joined(body, learnt), hold.key))
            return done.rowcount == 1

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (f"note/{name}",)).fetchone()
        return row[0] if row else None

    def set_note(self, name: str, value: str, expected: str | None) -> bool:
        """Note `value` under `name` if what stands there is `expected`; false if it is not."""
        with self._transaction():
            if self.note(name) != expected:
                return False
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"note/{name}", value))
            return True

    def start_run(self, run: Run, parts: Iterable[Part]) -> None:
        """Record a new run and its parts."""
        with self._transaction():
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
        with self._transaction():
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
        with self._lock:
            rows = self._db.execute(query, (run_id, after, limit)).fetchall()
        return [_IMAGE.validate_json(body) for (body,) in rows]

    def _entries(self, keys: Iterable[str]) -> list[tuple[str, int, str]]:
        query = "SELECT key, revision, body FROM entry WHERE key IN (SELECT value FROM json_each(?))"
        with self._lock:
            return self._db.execute(query, (json.dumps(list(keys)),)).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _put(self, entry: Entry, revision: int) -> None:
        key, body = self._keys.of(entry.subject), encode(entry)
        if entry.revision == 0:
            done = self._db.execute("INSERT OR IGNORE INTO entry VALUES (?, ?, ?)", (key, revision, body))
        else:
            change = "UPDATE entry SET revision = ?, body = ? WHERE key = ? AND revision = ?"
            done = self._db.execute(change, (revision, body, key, entry.revision))
        if done.rowcount != 1:
            raise LedgerConflict("a ledger entry was changed by another worker meanwhile")
        if isinstance(entry.subject, RecordRef):
            self._put_memberships(entry, f"{entry.subject.table}:{entry.subject.id}")

    def _put_memberships(self, entry: Entry, record: str) -> None:
        for key, seen in entry.seen.items():
            kind, _, name = key.partition("/")
            if kind in {Kind.LIST.value, Kind.OPT_OUT_LIST.value}:
                change = "INSERT OR IGNORE INTO member VALUES (?, ?)"
                self._db.execute(
                    change if seen.present else "DELETE FROM member WHERE (list, record) = (?, ?)", (name, record)
                )

    def _put_holds(self, keys: Iterable[str], holds: Iterable[Hold]) -> None:
        """Open what is held now, and let go of what was held for a passing reason that is gone."""
        now = datetime.now(UTC)
        found = [stored(self._keys.of(hold.location.subject), hold, now) for hold in holds]
        for hold in found:
            self.open_hold(hold)
        query = "SELECT body FROM hold WHERE state = 'open' AND key IN (SELECT value FROM json_each(?))"
        for (body,) in self._db.execute(query, (json.dumps(list(keys)),)).fetchall():
            hold = _HOLD.validate_json(body)
            if hold.rule in PASSING and hold.id not in {other.id for other in found}:
                passed = _HOLD.dump_json(replace(hold, state="passed", settled=now)).decode()
                self._db.execute("UPDATE hold SET state = 'passed', body = ? WHERE id = ?", (passed, hold.id))


_HOLD = TypeAdapter(StoredHold)
_RUN = TypeAdapter(Run)
_PART = TypeAdapter(Part)
_IMAGE = TypeAdapter(Image)


def _line(h: HistoryLine) -> str:
    body = {
        "what": h.what,
        "scope": h.scope,
        "location": h.location,
        "says": h.says,
        "rule": h.rule,
        "because": h.because,
        "run": h.run,
    }
    return json.dumps({key: value for key, value in body.items() if value})
