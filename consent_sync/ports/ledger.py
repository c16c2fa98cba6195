"""What the engine needs of the durable memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from consent_sync.consent.decide import Hold
from consent_sync.consent.model import RecordRef, Scope, Subject
from consent_sync.consent.registers import Entry, Registers
from consent_sync.errors import ConsentSyncError

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


class LedgerConflict(ConsentSyncError):
    """Another worker changed the same ledger entry meanwhile. Nothing was recorded: read again and repeat."""


class Ledger(Protocol):
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

    def open_holds(self) -> int:
        """Count the holds that wait for a person."""

    def start_run(self, run: Run, parts: Iterable[Part]) -> None:
        """Record a new run and its parts."""

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
