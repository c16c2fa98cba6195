"""The tenant port, put together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from consent_sync.consent.decide import Write
from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import Act, ContactPoint, Kind, Observation, RecordRef, Snapshot
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import BadRequest, DataverseError, NotFound, PrivilegeMissing
from consent_sync.mapping.facts import Facts
from consent_sync.mapping.load import LoadedMapping
from consent_sync.mapping.resolve import resolve
from consent_sync.ports.runs import Source
from consent_sync.ports.tenant import Page, RequestCount, Result

from .apply import apply
from .audit import acts_behind
from .facts import read_facts
from .feed import read_feed
from .gather import ListGone, gather
from .observe import Lens
from .pages import read_page

FACTS_GOOD_FOR = 600.0
"""Seconds after which purposes, topics and lists are read again: an administrator may have changed them."""


type Vet = Callable[[str, Facts], Facts]
"""Called with the organization and each new reading of its facts; gives the facts to work with, or raises."""


class DataverseTenant:
    """Implements the tenant port on one environment; safe to use from many threads."""

    def __init__(
        self,
        client: DataverseClient,
        mapping: LoadedMapping,
        vet: Vet,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._mapping, self._vet, self._clock = client, mapping, vet, clock
        self._lock = threading.Lock()
        self._lens: Lens | None = None
        self._without_log: Lens | None = None
        self._read_at = 0.0

    def landscape(self) -> Landscape:
        """Give what the mapping means in this tenant. Raises MappingError."""
        return self.look().landscape

    def names(self) -> Mapping[str, str]:
        """Give what people call the purposes, topics and lists of the landscape, by id."""
        return self.look().facts.names()

    def gather(
        self, points: Collection[ContactPoint], records: Collection[RecordRef], rows: Collection[str] = ()
    ) -> Snapshot:
        """Read every location of these contact points, records and consent rows, and of all that share an address."""
        lens = self.look()
        try:
            return gather(self._client, lens, points, records, rows)
        except ListGone:
            return gather(self._client, self.look(other_than=lens), points, records, rows)

    def acts_behind(self, changed: Sequence[tuple[Observation, datetime]]) -> list[Act]:
        """Give the acts that changed these locations since these times, where there is an audit log that we may read.

        Where there is none, it is not asked for again until the facts are read anew.
        """
        lens = self.look()
        if lens is self._without_log:
            return []
        try:
            return acts_behind(self._client, lens.user_id, changed)
        except (PrivilegeMissing, BadRequest, NotFound):
            self._without_log = lens
            return []

    def apply(self, writes: Sequence[Write]) -> list[Result]:
        """Do the writes in their order, each only if its row is still as it was read; one result each."""
        before, lens = self._client.server_time or datetime.now(UTC), self.look()
        results = apply(self._client, lens.facts, writes, before)
        if any(_names_what_is_gone(result) for result in results):
            self.look(other_than=lens)
        return results

    def tracked(self) -> frozenset[str]:
        """Name the tables that have change tracking."""
        return self.look().facts.tracked

    def page(self, source: Source, after: str | None, size: int) -> Page:
        """Read the next page of contact points and records; `after` is the last page's, None at the start."""
        read = read_page if source.token is None else read_feed
        return read(self._client, self.look(), source, after, size)

    def count(self, names: Collection[str]) -> int | None:
        """Give about how many rows these tables have, None where Dataverse does not tell: it counts once a day.

        Source: Microsoft's reference of the function RetrieveTotalRecordCount.
        """
        asked = ",".join(f"'{name}'" for name in names)
        try:
            body = self._client.get(f"RetrieveTotalRecordCount(EntityNames=[{asked}])")
            return sum(int(value) for value in body["EntityRecordCountCollection"]["Values"])
        except (DataverseError, TypeError, KeyError, ValueError):
            return None

    def counting(self, correlation_id: str = "") -> AbstractContextManager[RequestCount]:
        """Count the round trips of this thread within the block, which all carry the correlation id."""
        return self._client.counting(correlation_id)

    def look(self, *, other_than: Lens | None = None) -> Lens:
        """Give the lens, read anew every now and then, or where it still is the one that was found out of date."""
        with self._lock:
            if self._lens is None or self._lens is other_than or self._clock() - self._read_at > FACTS_GOOD_FOR:
                self._lens = self._read()
                self._read_at = self._clock()
            return self._lens

    def _read(self) -> Lens:
        me, found = self._client.whoami(), read_facts(self._client, self._mapping.file)
        facts = self._vet(me.organization_id, found)
        return Lens(self._mapping.file, facts, resolve(self._mapping, facts), me.user_id)


def _names_what_is_gone(result: Result) -> bool:
    """Whether a new consent row was refused because its purpose or topic is not there."""
    location = result.write.location
    return location.kind is Kind.ROW and location.row_id is None and isinstance(result.error, NotFound)
