"""What the engine needs of the customer's Dataverse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consent_sync.consent.decide import Write
from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import Act, ContactPoint, Observation, RecordRef, Snapshot
from consent_sync.errors import ConsentSyncError

from .runs import Source


class Outcome(StrEnum):
    """What became of a write."""

    DONE = "done"
    CHANGED = "changed meanwhile"  # somebody else wrote first: read again
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one write: the row's id and new version where it was done, the error where it was not.

    `at` is a server time that the write certainly did not happen before.
    """

    write: Write
    outcome: Outcome
    at: datetime
    version: str | None = None
    row_id: str | None = None
    error: ConsentSyncError | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some contact points, and records by id, to look at; `after` is where to go on, None at the end.

    A page of a full pass covers the records in `covers`, so that what several pages see is decided by one; None for a
    page that decides all it sees. `rows` are consent rows by their ids, `size` the number of rows that were read; `odd`
    names rows with an address that the server may compare in another way than we do. The last page of what change
    tracking tells has the `token` to go on from, unless that was lost; `deleted` counts the deletions told of.
    """

    points: tuple[ContactPoint, ...]
    records: tuple[RecordRef, ...]
    after: str | None
    covers: frozenset[RecordRef] | None = None
    rows: tuple[str, ...] = ()
    size: int = 0
    odd: tuple[str, ...] = ()
    token: str | None = None
    deleted: int = 0


class RequestCount(Protocol):
    """What was asked of the tenant so far within the block.

    `requests` are round trips, `retries` those of them that repeat one, `throttled` the answers that asked to wait;
    `correlation_id` went with all of them.
    """

    correlation_id: str
    requests: int
    retries: int
    throttled: int


class Tenant(Protocol):
    """The customer's Dataverse, as far as consent goes. Raises ConsentSyncError when it cannot read everything."""

    def landscape(self) -> Landscape:
        """Give what the mapping means in this tenant. Raises MappingError."""

    def names(self) -> Mapping[str, str]:
        """Give what people call the purposes, topics and lists of the landscape, by id."""

    def gather(
        self, points: Collection[ContactPoint], records: Collection[RecordRef], rows: Collection[str] = ()
    ) -> Snapshot:
        """Read every location of these contact points, records and consent rows, and of all that share an address."""

    def acts_behind(self, changed: Sequence[tuple[Observation, datetime]]) -> list[Act]:
        """Give the acts that changed these locations since these times, as far as the tenant keeps a log of them."""

    def apply(self, writes: Sequence[Write]) -> list[Result]:
        """Do the writes in their order, each only if its row is still as it was read; one result each."""

    def tracked(self) -> frozenset[str]:
        """Name the tables that have change tracking."""

    def page(self, source: Source, after: str | None, size: int) -> Page:
        """Read the next page of contact points and records; `after` is the last page's, None at the start."""

    def count(self, names: Collection[str]) -> int | None:
        """Give about how many rows these tables have, None where nobody can tell."""

    def counting(self, correlation_id: str = "") -> AbstractContextManager[RequestCount]:
        """Count the round trips of this thread within the block, which all carry the correlation id."""
