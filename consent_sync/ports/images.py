"""What a run writes, place by place: its plan before, and afterwards the record from which it can be undone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consent_sync.consent.model import Reading


class Stage(StrEnum):
    """How far a write is. One that was begun and never confirmed may or may not have happened."""

    PLANNED = "planned"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Image:
    """One write: what the place said before (`was`, with the row's `version`), and what it is made to say (`to`).

    `key` is the ledger's name of the subject: a keyed hash, or a record's table and id. `location` names the place
    within it; `row_id` is the row that the write made. `present` says whether there was a row or membership before;
    `at` is a server time that the write certainly did not happen before.
    """

    key: str
    location: str
    was: Reading
    present: bool
    version: str | None
    to: Reading
    rule: str
    brand: str | None
    stage: Stage = Stage.PLANNED
    row_id: str | None = None
    at: datetime | None = None

    @property
    def place(self) -> str:
        """What tells the images of a run apart, and orders them."""
        return f"{self.key} {self.location}"


class Images(Protocol):
    """The images of runs. Keeping the same ones again changes nothing."""

    def keep_images(self, run_id: str, images: Iterable[Image]) -> None:
        """Keep images of a run; the latest one of each place stands."""

    def images(self, run_id: str, after: str = "", limit: int = 1000) -> list[Image]:
        """Give the next images of a run by their place, beginning behind the place `after`."""

    def images_at(self, run_id: str, places: Collection[str]) -> dict[str, Image]:
        """Give the images of a run at these places, by place, where there are any."""
