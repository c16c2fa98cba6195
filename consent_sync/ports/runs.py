"""A run: one sweep or resync, cut into parts that are worked page by page.

Each part is a chain of pages with a checkpoint; the number of parts is the number of pages in flight. A page is done
again when its checkpoint was not reached, which is harmless: reconciling twice writes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from consent_sync.consent.landscape import Mode


@dataclass(frozen=True, slots=True)
class Source:
    """What to page through: all rows of `table`, narrowed to those changed `since` and to list or row `name`.

    With `gone`, the members that the ledger remembers on list `name` and that the list no longer has.
    """

    table: str
    name: str | None = None
    since: datetime | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done, in numbers: contact points read and decided, writes done, skipped (the mode forbids), failed.

    `planned` counts the writes that the decision asked for by (brand, rule, change), `opening` those of them that are
    opt-ins; `requests` counts round trips.
    """

    read: int = 0
    decided: int = 0
    written: int = 0
    skipped: int = 0
    held: int = 0
    failed: int = 0
    requests: int = 0
    opening: int = 0
    planned: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        planned = dict(self.planned)
        for key, count in other.planned.items():
            planned[key] = planned.get(key, 0) + count
        return Tally(
            self.read + other.read,
            self.decided + other.decided,
            self.written + other.written,
            self.skipped + other.skipped,
            self.held + other.held,
            self.failed + other.failed,
            self.requests + other.requests,
            self.opening + other.opening,
            planned,
        )


class RunKind(StrEnum):
    """Who asked for the run: the timer or a person."""

    SWEEP = "sweep"
    RESYNC = "resync"


@dataclass(frozen=True, slots=True)
class Run:
    """One sweep or resync. `scope` is what was asked for, in the words of the request, without contact points."""

    id: str
    kind: RunKind
    mode: Mode
    dry_run: bool
    scope: str
    reason: str
    fingerprint: str
    started: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """One chain of pages of a run. `seq` counts its checkpoints.

    `problem` says why the last try at the next page failed; `parked` that no further try will be made by itself. A
    part that is `opening` writes the opt-ins that the part of the same source found, once all opt-outs are written.
    """

    run_id: str
    name: str
    source: Source
    cursor: str | None = None
    seq: int = 0
    finished: datetime | None = None
    tally: Tally = field(default_factory=Tally)
    problem: str | None = None
    parked: bool = False
    opening: bool = False


class State(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def state_of(parts: Iterable[Part]) -> State:
    """Done when all parts are, failed when one is parked, running meanwhile."""
    parts = tuple(parts)
    if all(part.finished for part in parts):
        return State.DONE
    return State.FAILED if any(part.parked for part in parts) else State.RUNNING


def total(parts: Iterable[Part]) -> Tally:
    """Add up the tallies."""
    return sum((part.tally for part in parts), Tally())
