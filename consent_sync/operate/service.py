"""The parts of a running service, put together: what every way in needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consent_sync.dataverse.client import DataverseClient
from consent_sync.engine.bursts import Bursts
from consent_sync.engine.passes import Passes
from consent_sync.ledger.stored import StoredLedger
from consent_sync.mapping.load import LoadedMapping
from consent_sync.ports.queue import WorkQueue
from consent_sync.settings import Settings


@dataclass(frozen=True)
class Service:
    """The running service: what the entry points need. There are no `queues` where they are in the host's memory."""

    settings: Settings
    mapping: LoadedMapping
    client: DataverseClient
    ledger: StoredLedger
    passes: Passes
    queues: Mapping[str, WorkQueue]
    bursts: Bursts
