"""Runs, their parts and images on Azure Tables: all of one run in one partition, and an index of the latest runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from pydantic import TypeAdapter

from consent_sync.ports.images import Image
from consent_sync.ports.runs import Part, Run

from .store import ERASED
from .tables_account import Account, Entity, key_of, packed, unpacked

_RUN = TypeAdapter(Run)
_PART = TypeAdapter(Part)
_IMAGE = TypeAdapter(Image)
_LATEST = "latest"
_END = datetime(9999, 1, 1, tzinfo=UTC)


class TablesRuns:
    """The runs in one storage account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def start_run(self, run: Run, parts: Iterable[Part]) -> None:
        """Record a new run and its parts: the run itself last, so that nobody sees it without them."""
        self.add_parts(parts)
        newest_first = f"{int((_END - run.started).total_seconds() * 1_000_000):018}"
        self._account.put_all("runs", [{"PartitionKey": _LATEST, "RowKey": f"{newest_first}:{run.id}", "run": run.id}])
        self._account.put_all("runs", [_run(run)])

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Record further parts of a run, unless they were recorded before."""
        self._account.each(lambda part: self._account.put("runs", _part(part), None), parts)

    def restore(self, run: Run, parts: Iterable[Part]) -> None:
        """Put a run and its parts, whatever stands there."""
        old = self._account.partition("runs", _of(run.id), select=["PartitionKey", "RowKey"])
        self._account.delete_all("runs", list(old))
        self._account.put_all("runs", [_part(part) for part in parts])
        self.start_run(run, ())

    def forget(self, key: str, scope: str | None) -> None:
        """Delete the images of a subject, and the name of a scope from the runs that were asked for it alone."""
        condition, first = "RowKey ge @first and RowKey lt @end", key_of(f"image:{key} ")
        images = self._account.query(
            "runs", condition, {"first": first, "end": f"{first}~"}, ["PartitionKey", "RowKey"]
        )
        self._account.delete_all("runs", list(images))
        if scope:
            for row in list(self._account.query("runs", "RowKey eq 'run'", {})):
                run = _RUN.validate_json(unpacked("body", row))
                if run.scope == scope:
                    self._account.put_all("runs", [_run(replace(run, scope=ERASED))])

    def run(self, run_id: str) -> Run | None:
        """Give a run."""
        found = self._account.get("runs", _of(run_id), "run")
        return _RUN.validate_json(unpacked("body", found)) if found else None

    def runs(self, limit: int) -> list[Run]:
        """Give the latest runs, newest first."""
        rows = islice(self._account.partition("runs", _LATEST, page=min(limit, 1000)), limit)
        found = self._account.each(self.run, [row["run"] for row in rows])
        return [run for run in found if run]  # the index is written first

    def parts(self, run_id: str) -> list[Part]:
        """Give all parts of a run."""
        rows = self._account.partition("runs", _of(run_id), "part:")
        return sorted((_PART.validate_json(unpacked("body", row)) for row in rows), key=lambda part: part.name)

    def part(self, run_id: str, name: str) -> Part | None:
        """Give one part of a run."""
        found = self._account.get("runs", _of(run_id), f"part:{name}")
        return _PART.validate_json(unpacked("body", found)) if found else None

    def advance(self, part: Part, expected_seq: int) -> bool:
        """Replace the part's checkpoint if it still stands at `expected_seq`; false if it has moved on."""
        stands = self._account.get("runs", _of(part.run_id), f"part:{part.name}")
        if stands is None or stands["seq"] != expected_seq:
            return False
        return self._account.put("runs", _part(part), stands["etag"]) is not None

    def keep_images(self, run_id: str, images: Iterable[Image]) -> None:
        """Keep images of a run; the latest one of each place stands."""
        rows = {
            image.place: _entity(run_id, f"image:{image.place}", _IMAGE.dump_json(image).decode()) for image in images
        }
        self._account.put_all("runs", rows.values())

    def images(self, run_id: str, after: str = "", limit: int = 1000) -> list[Image]:
        """Give the next images of a run by their place, beginning behind the place `after`."""
        condition = "PartitionKey eq @run and RowKey gt @after and RowKey lt @end"
        values = {"run": key_of(_of(run_id)), "after": key_of(f"image:{after}"), "end": "image;"}
        rows = islice(self._account.query("runs", condition, values, page=min(limit, 1000)), limit)
        return [_IMAGE.validate_json(unpacked("body", row)) for row in rows]

    def images_at(self, run_id: str, places: Collection[str]) -> dict[str, Image]:
        """Give the images of a run at these places, by place, where there are any."""
        found = self._account.each(lambda place: self._account.get("runs", _of(run_id), f"image:{place}"), places)
        images = [_IMAGE.validate_json(unpacked("body", row)) for row in found if row]
        return {image.place: image for image in images}


def _run(run: Run) -> Entity:
    return _entity(run.id, "run", _RUN.dump_json(run).decode())


def _part(part: Part) -> Entity:
    body = _PART.dump_json(part).decode()
    return _entity(part.run_id, f"part:{part.name}", body) | {"seq": part.seq}


def _entity(run_id: str, row: str, body: str) -> Entity:
    return {"PartitionKey": _of(run_id), "RowKey": row, **packed("body", body)}


def _of(run_id: str) -> str:
    return f"run:{run_id}"
