"""What the engine needs of the durable memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consent_sync.consent.hold import Hold
from consent_sync.consent.model import RecordRef, Scope, Subject
from consent_sync.consent.registers import Entry, Registers
from consent_sync.errors import ConsentSyncError

from .images import Images
from .runs import Part, Run


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the append-only history of a subject: what was learnt, decided, written or held, and why."""

    subject: Subject
    at: datetime
    what: str
    scope: str
    location: str
    says: str
    rule: str
    because: str
    run: str | None = None


class Verdict(StrEnum):
    """What a person made of a hold: the looser reading is right, or the restrictive one stays."""

    APPLY = "apply"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class StoredHold:
    """A hold as the ledger keeps it. `key` is the subject's; `location` its name within the subject.

    `state` is open, applied, dismissed, or passed (the reason went away by itself).
    """

    id: str
    key: str
    location: str
    rule: str
    says: str
    stands: str
    source: str
    opened: datetime
    state: str = "open"
    settled: datetime | None = None
    by: str = ""
    why: str = ""


class LedgerConflict(ConsentSyncError):
    """Another worker changed the same ledger entry meanwhile. Nothing was recorded: read again and repeat."""


class Ledger(Images, Protocol):
    """The durable memory. Every method is atomic by itself."""

    def key(self, subject: Subject) -> str:
        """Give the name under which a subject is kept: for a contact point, a keyed hash."""

    def born(self) -> datetime:
        """When this ledger began; set at the first call."""

    def revision(self) -> int:
        """Give the revision of the latest save of any entry."""

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        """Give an entry for each subject, an empty one where nothing is known."""

    def registers(self, keys: Iterable[str]) -> dict[str, dict[Scope, Registers]]:
        """Give the registers kept under `keys`, empty where nothing is known."""

    def save(
        self, entries: Iterable[Entry], history: Iterable[HistoryLine], holds: Iterable[Hold] = ()
    ) -> dict[Subject, Entry]:
        """Record all of it or nothing; gives the entries with their new revision. Raises LedgerConflict."""

    def members(self, list_id: str) -> Iterator[RecordRef]:
        """Records last seen on a list, in the order of their ids."""

    def holds(self) -> list[StoredHold]:
        """Give the open holds, oldest first."""

    def hold(self, hold_id: str) -> StoredHold | None:
        """Give one hold, open or settled."""

    def open_hold(self, hold: StoredHold) -> None:
        """Record a hold, unless it was recorded before."""

    def settle(self, hold: StoredHold, learnt: Mapping[Scope, Registers]) -> bool:
        """Record how an open hold was settled and join what that proves for its subject; false if it was not open."""

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""

    def set_note(self, name: str, value: str, expected: str | None) -> bool:
        """Note `value` under `name` if what stands there is `expected`; false if it is not."""

    def count_members(self, list_id: str) -> int:
        """Count the records last seen on a list."""

    def forget_members(self, list_id: str) -> None:
        """Forget who was last seen on a list: nobody on it will be taken to have left it."""

    def start_run(self, run: Run, parts: Iterable[Part]) -> None:
        """Record a new run and its parts."""

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Record further parts of a run, unless they were recorded before."""

    def run(self, run_id: str) -> Run | None:
        """Give a run."""

    def runs(self, limit: int) -> list[Run]:
        """Give the latest runs, newest first."""

    def parts(self, run_id: str) -> list[Part]:
        """Give all parts of a run."""

    def part(self, run_id: str, name: str) -> Part | None:
        """Give one part of a run."""

    def advance(self, part: Part, expected_seq: int) -> bool:
        """Replace the part's checkpoint if it still stands at `expected_seq`; false if it has moved on."""
