"""Runs, their parts and images on SQLite."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace

from pydantic import TypeAdapter

from consent_sync.ports.images import Image
from consent_sync.ports.runs import Part, Run

from .sqlite_file import SqliteFile
from .store import ERASED

_RUN = TypeAdapter(Run)
_PART = TypeAdapter(Part)
_IMAGE = TypeAdapter(Image)


class SqliteRuns:
    """The runs in one SQLite file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file, self._db, self._lock = file, file.db, file.lock

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

    def restore(self, run: Run, parts: Iterable[Part]) -> None:
        """Put a run and its parts, whatever stands there."""
        with self._file.transaction():
            self._db.execute("DELETE FROM run WHERE id = ?", (run.id,))
            self._db.execute("DELETE FROM part WHERE run = ?", (run.id,))
            self._db.execute("DELETE FROM image WHERE run = ?", (run.id,))
            self.start_run(run, parts)

    def forget(self, key: str, scope: str | None) -> None:
        """Delete the images of a subject, and the name of a scope from the runs that were asked for it alone."""
        with self._file.transaction():
            self._db.execute("DELETE FROM image WHERE place >= ? AND place < ?", (f"{key} ", f"{key}!"))
            for run in self.runs(-1) if scope else ():
                if run.scope == scope:
                    told = _RUN.dump_json(replace(run, scope=ERASED)).decode()
                    self._db.execute("UPDATE run SET body = ? WHERE id = ?", (told, run.id))

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
        return [_IMAGE.validate_json(body) for (body,) in self._file.page(query, (run_id, after, limit))]

    def images_at(self, run_id: str, places: Collection[str]) -> dict[str, Image]:
        """Give the images of a run at these places, by place, where there are any."""
        query = "SELECT body FROM image WHERE run = ? AND place IN (SELECT value FROM json_each(?))"
        found = [_IMAGE.validate_json(body) for (body,) in self._file.page(query, (run_id, json.dumps(list(places))))]
        return {image.place: image for image in found}
