"""The two registers: why one rule is enough.

For a contact point and a scope, ``latest_in`` (written L) is the latest time at which an explicit opt-in *certainly*
happened, ``latest_out`` (written U) the latest time at which an opt-out *possibly* happened. Both only grow, so joining
evidence is a component-wise maximum: order and duplicates cannot matter. Mailable for the scope if and only if L > U;
a tie is an opt-out, and so is not knowing.

Times are the server's, at whole seconds: an opt-in counts as late as the start of its second, an opt-out too, and the
strict comparison then only lets an opt-in win that is in a later second than any possible opt-out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from .model import NEVER, Location, Reading, Scope, Subject


@dataclass(frozen=True, slots=True)
class Registers:
    """L and U of one subject for one scope."""

    latest_in: datetime = NEVER
    latest_out: datetime = NEVER

    def join(self, other: Registers) -> Registers:
        """Give what is known from both: commutative, associative, idempotent."""
        return Registers(max(self.latest_in, other.latest_in), max(self.latest_out, other.latest_out))

    @property
    def out(self) -> bool:
        """Whether an opt-out stands, as far as these two alone tell."""
        return self.latest_out > NEVER and self.latest_out >= self.latest_in


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an observation or event proves: an opt-out possible, or an opt-in certain, at `at`.

    It belongs to `subject`; `location` and `source` say where it was found, `why` names the way of reading it.
    """

    subject: Subject
    scope: Scope
    says: Reading
    at: datetime
    location: Location
    source: str
    why: str

    def registers(self) -> Registers:
        """Give this evidence alone as registers, cut to the whole second."""
        at = self.at.replace(microsecond=0)
        return Registers(latest_out=at) if self.says is Reading.OUT else Registers(latest_in=at)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one location said when last looked at, and what we last wrote there.

    `at` is the server's time of that look. `wrote` is the reading that we last wrote, as long as the location still
    shows it; `pending` marks a write that was begun and never confirmed, so that it may or may not have happened;
    `restored` counts how often we had to close it again.
    """

    reading: Reading
    present: bool
    version: str | None
    at: datetime
    wrote: Reading | None = None
    pending: bool = False
    restored: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of one subject.

    `looked` is the server's time of the last look, NEVER for a subject never seen. `seen` is keyed by
    :attr:`Location.key`; `points` says since when at the latest a record carries each contact point, by its key; `late`
    is the time of the oldest opt-out that has not reached every location of the subject, NEVER where all have.
    `version` and `revision` are the ledger's own: what it was loaded as, None where nothing is stored yet, and a number
    that grows with every save of any entry. `erased` is when a person asked to be forgotten, NEVER where nobody did: of
    such an entry only the opt-outs are left, and whatever was learnt since.
    """

    subject: Subject
    registers: dict[Scope, Registers] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    looked: datetime = NEVER
    points: dict[str, datetime] = field(default_factory=dict)
    erased: datetime = NEVER
    late: datetime = NEVER
    revision: int = 0
    version: object = None

    def of(self, scope: Scope) -> Registers:
        """Give the registers of `scope`, empty where nothing is known."""
        return self.registers.get(scope, _UNKNOWN)

    def joined(self, evidence: Evidence) -> Entry:
        """Give this entry with `evidence` joined in."""
        known = self.of(evidence.scope)
        joined = known.join(evidence.registers())
        return self if joined == known else replace(self, registers={**self.registers, evidence.scope: joined})


_UNKNOWN = Registers()
