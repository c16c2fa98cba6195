"""What the engine needs to find drift: contradictions, each with what was seen of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from consent_sync.consent.model import ContactPoint, Location, RecordRef


@dataclass(frozen=True, slots=True)
class Sight:
    """One location as a drift query saw it: its version, None where nothing is there."""

    location: Location
    version: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A contradiction by the rule `rule` at `point`, between `records` and the consent rows there.

    `sights` are the locations that contradict: a contradiction that was left as it is, after looking at it in this very
    state, need not be looked at again.
    """

    rule: str
    point: ContactPoint
    records: tuple[RecordRef, ...]
    sights: frozenset[Sight]


@dataclass(frozen=True, slots=True)
class DriftPage:
    """Some findings; `after` is where to go on, None at the end. `refused` tells why a rule gets no answer.

    `compared` are contact points of which all was compared by our own rule: what is not found there is not there.
    """

    findings: tuple[Finding, ...]
    after: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    compared: frozenset[ContactPoint] = frozenset()


class Drift(Protocol):
    """Finds contradictions in the tenant without reading all of it. Raises ConsentSyncError when it cannot read.

    `born` is when the ledger began: an opt-in from before proves nothing. `frozen` names locations to leave alone.
    """

    def scan(self, born: datetime, frozen: Collection[str], skip: Collection[str], after: str | None) -> DriftPage:
        """Ask the server for what contradicts, by every rule but those to `skip`."""

    def compare(self, born: datetime, frozen: Collection[str], only: Collection[str], after: str | None) -> DriftPage:
        """Find the same by the rules in `only`, by reading the next range of addresses on both sides."""

    def compare_odd(self, born: datetime, frozen: Collection[str], odd: Collection[str]) -> DriftPage:
        """Find what contradicts at addresses that the server may compare in another way, carried by the rows `odd`."""
