"""The tenant port, put together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from consent_sync.consent.decide import Write
from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import ContactPoint, RecordRef, Snapshot
from consent_sync.dataverse.client import DataverseClient
from consent_sync.mapping.load import LoadedMapping
from consent_sync.mapping.resolve import resolve
from consent_sync.ports.runs import Source
from consent_sync.ports.tenant import Page, RequestCount, Result

from .apply import apply
from .facts import read_facts
from .gather import gather, points_of_rows
from .observe import Lens
from .pages import read_page

FACTS_GOOD_FOR = 600.0
"""Seconds after which purposes, topics and lists are read again: an administrator may have changed them."""


class DataverseTenant:
    """Implements the tenant port on one environment; safe to use from many threads."""

    def __init__(
        self, client: DataverseClient, mapping: LoadedMapping, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._mapping, self._clock = client, mapping, clock
        self._lock = threading.Lock()
        self._lens: Lens | None = None
        self._read_at = 0.0

    def landscape(self) -> Landscape:
        """Give what the mapping means in this tenant. Raises MappingError."""
        return self._look().landscape

    def gather(
        self, points: Collection[ContactPoint], records: Collection[RecordRef], rows: Collection[str] = ()
    ) -> Snapshot:
        """Read every location of these contact points, records and consent rows, and of all that share an address."""
        return gather(self._client, self._look(), {*points, *points_of_rows(self._client, rows)}, records)

    def apply(self, writes: Sequence[Write]) -> list[Result]:
        """Do the writes in their order, each only if its row is still as it was read; one result each."""
        before = self._client.server_time or datetime.now(UTC)
        return apply(self._client, self._look().facts, writes, before)

    def page(self, source: Source, after: str | None, size: int) -> Page:
        """Read the next page of contact points and records; `after` is the last page's, None at the start."""
        return read_page(self._client, self._look(), source, after, size)

    def counting(self) -> AbstractContextManager[RequestCount]:
        """Count the round trips of this thread within the block."""
        return self._client.counting()

    def _look(self) -> Lens:
        with self._lock:
            if self._lens is None or self._clock() - self._read_at > FACTS_GOOD_FOR:
                user_id = self._client.whoami().user_id
                facts = read_facts(self._client, self._mapping.file)
                self._lens = Lens(self._mapping.file, facts, resolve(self._mapping, facts), user_id)
                self._read_at = self._clock()
            return self._lens
