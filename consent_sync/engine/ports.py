"""What the engine needs from the outside: a tenant to read and write, and a ledger to remember in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consent_sync.consent.decide import Hold, Write
from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import ContactPoint, RecordRef, Snapshot, Subject
from consent_sync.consent.registers import Entry
from consent_sync.errors import ConsentSyncError

from .runs import Part, Run, Source


class Outcome(StrEnum):
    """What became of a write."""

    DONE = "done"
    CHANGED = "changed meanwhile"  # somebody else wrote first: read again
    REFUSED = "refused"  # the server will not, whatever we do


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one write: the row's id and new version where it was done, the server's reason where it was not.

    `at` is a server time that the write certainly did not happen before.
    """

    write: Write
    outcome: Outcome
    at: datetime
    version: str | None = None
    row_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some contact points and records to look at, and where to go on; `after` is None at the end."""

    points: tuple[ContactPoint, ...]
    records: tuple[RecordRef, ...]
    after: str | None


class RequestCount(Protocol):
    """How many round trips to the tenant were made so far within the block."""

    requests: int


class Tenant(Protocol):
    """The customer's Dataverse, as far as consent goes. Raises ConsentSyncError when it cannot read everything."""

    def landscape(self) -> Landscape:
        """Give what the mapping means in this tenant. Raises MappingError."""

    def gather(self, points: Collection[ContactPoint], records: Collection[RecordRef]) -> Snapshot:
        """Read every location of these contact points and records, and of all that share an address with them."""

    def apply(self, writes: Sequence[Write]) -> list[Result]:
        """Do the writes in their order, each only if its row is still as it was read; one result each."""

    def page(self, source: Source, after: str | None, size: int) -> Page:
        """Read the next page of contact points and records; `after` is the last page's, None at the start."""

    def counting(self) -> AbstractContextManager[RequestCount]:
        """Count the round trips of this thread within the block."""


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

    def born(self) -> datetime:
        """When this ledger began; set at the first call."""

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        """Give an entry for each subject, an empty one where nothing is known."""

    def save(
        self, entries: Iterable[Entry], history: Iterable[HistoryLine], holds: Iterable[Hold] = ()
    ) -> dict[Subject, Entry]:
        """Record all of it or nothing; gives the entries with their new revision. Raises LedgerConflict."""

    def members(self, list_id: str) -> Iterator[RecordRef]:
        """Records last seen on a list, in the order of their ids."""

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
