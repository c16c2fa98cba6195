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

    With `gone`, the members that the ledger remembers on list `name` and that the list no longer has. A range of keys
    begins behind `above` and ends with `upto`, in whatever order the server sorts them. With `token`, what change
    tracking tells since that token, of all lists together; an empty one passes over all rows to get a first token.
    """

    table: str
    name: str | None = None
    since: datetime | None = None
    gone: bool = False
    above: str | None = None
    upto: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done, in numbers: contact points read and decided, writes done, skipped (the mode forbids), failed.

    `planned` counts the writes that the decision asked for by (brand, rule, change), `opening` those of them that are
    opt-ins; `requests` counts round trips, `rows` the rows that were paged through, `deleted` the deletions that change
    tracking told of, and `excluded` the contact points that are left alone, by the reason.
    """

    read: int = 0
    decided: int = 0
    written: int = 0
    skipped: int = 0
    held: int = 0
    failed: int = 0
    requests: int = 0
    opening: int = 0
    rows: int = 0
    planned: dict[str, int] = field(default_factory=dict)
    excluded: dict[str, int] = field(default_factory=dict)
    deleted: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.read + other.read,
            self.decided + other.decided,
            self.written + other.written,
            self.skipped + other.skipped,
            self.held + other.held,
            self.failed + other.failed,
            self.requests + other.requests,
            self.opening + other.opening,
            self.rows + other.rows,
            _added(self.planned, other.planned),
            _added(self.excluded, other.excluded),
            self.deleted + other.deleted,
        )


def _added(some: dict[str, int], others: dict[str, int]) -> dict[str, int]:
    return {key: some.get(key, 0) + others.get(key, 0) for key in (*some, *others)}


class RunKind(StrEnum):
    """Who asked for the run, and what for: a timer, or a person. `track` only gets tokens for later sweeps."""

    SWEEP = "sweep"
    DRIFT = "drift"
    AUDIT = "audit"
    TRACK = "track"
    RESYNC = "resync"
    APPLY = "apply"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Run:
    """One sweep or resync. `scope` is what was asked for, in the words of the request, without contact points.

    `plan` is the run whose plan this one applies, `undoes` the run whose writes it takes back; `by` is the person who
    answers for that. `expected` is about how many rows there are to page through, None where nobody knows.
    """

    id: str
    kind: RunKind
    mode: Mode
    dry_run: bool
    scope: str
    reason: str
    fingerprint: str
    started: datetime
    plan: str | None = None
    undoes: str | None = None
    by: str = ""
    expected: int | None = None


class Phase(StrEnum):
    """What a part of a run may do: compare what it finds with a plan, write opt-outs, or write opt-ins too."""

    CHECK = "check"
    OPT_OUTS = "opt-outs"
    OPT_INS = "opt-ins"


class State(StrEnum):
    """How a run stands. One that was refused found something else than its plan, and wrote nothing."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Part:
    """One chain of pages of a run, which began behind the key `start`. `seq` counts its checkpoints.

    `problem` says why the last try at the next page failed; `parked` that no further try is made until a sweep revives
    the chain, which it does more and more rarely. `moved` is when it last showed a sign of life. A part that was
    `stopped` ends where it stands. `token` is where change tracking goes on behind it.
    """

    run_id: str
    name: str
    source: Source
    phase: Phase = Phase.OPT_OUTS
    start: str | None = None
    cursor: str | None = None
    seq: int = 0
    finished: datetime | None = None
    tally: Tally = field(default_factory=Tally)
    problem: str | None = None
    parked: bool = False
    stopped: State | None = None
    moved: datetime | None = None
    revived: int = 0
    token: str | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will be done in it."""
        return self.finished is not None or self.stopped is not None

    @property
    def is_repeat(self) -> bool:
        """Whether it goes again, in a later phase, over what another part of the run went over."""
        return "+" in self.name


def state_of(parts: Iterable[Part]) -> State:
    """Stopped when one part is, done when all are, failed when one is parked, running meanwhile."""
    parts = tuple(parts)
    if stopped := next((part.stopped for part in parts if part.stopped), None):
        return stopped
    if all(part.finished for part in parts):
        return State.DONE
    return State.FAILED if any(part.parked for part in parts) else State.RUNNING


def total(parts: Iterable[Part]) -> Tally:
    """Add up the tallies."""
    return sum((part.tally for part in parts), Tally())
