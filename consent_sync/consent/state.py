"""Is this contact point out for this scope, and because of what? The one place where registers are compared.

An opt-out made on a record covers the addresses of that record, and blocks an address that others share. An opt-in
speaks for more than its own subject only where address and person are one: where a single record holds the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from .landscape import Landscape
from .model import NEVER, ContactPoint, RecordRef, Scope, Subject
from .registers import Entry


class Breadth(Enum):
    """How an opt-out reaches a scope: given for it, for a wider one, or for every part of it."""

    SAME = "same"
    WIDER = "wider"
    ALL_PARTS = "all parts"


@dataclass(frozen=True, slots=True)
class Cause:
    """The opt-out that blocks a scope: whose it is, what it was for, and its latest possible time."""

    subject: Subject
    scope: Scope
    at: datetime
    breadth: Breadth


@dataclass(frozen=True)
class Knowledge:
    """All that decisions depend on: registers by subject, who holds which contact point, the landscape."""

    landscape: Landscape
    entries: Mapping[Subject, Entry]
    holders: Mapping[ContactPoint, frozenset[RecordRef]]

    def cause_of_out(self, point: ContactPoint, scope: Scope) -> Cause | None:
        """Give the opt-out that blocks `scope` at `point`, None where nothing does."""
        if parts := self.landscape.purposes_under(scope):
            return self._cause_over_parts(point, scope, parts)
        return self._cause(point, scope)

    def proof_of_in(self, point: ContactPoint, scope: Scope) -> datetime:
        """Since when `point` is provably opted in for `scope`, NEVER where it is blocked or nobody said yes.

        A tenant-wide scope is proven by each of its parts.
        """
        if self.cause_of_out(point, scope):
            return NEVER
        if parts := self.landscape.purposes_under(scope):
            return min(self.proof_of_in(point, part) for part in parts)
        return max(self._latest_in(s, point, scope) for s in (point, *self.holders.get(point, ())))

    def alone(self, point: ContactPoint) -> bool:
        """Whether address and person are one, as far as the records tell."""
        return len(self.holders.get(point, ())) <= 1

    def _cause_over_parts(self, point: ContactPoint, scope: Scope, parts: tuple[Scope, ...]) -> Cause | None:
        causes = [self._cause(point, part) for part in parts]
        explicit = self._cause(point, scope)
        if explicit and any(causes):
            return explicit  # and not every part was opened since
        found = [cause for cause in causes if cause]
        if len(found) < len(causes):
            return None
        latest = max(found, key=lambda cause: cause.at)
        return Cause(latest.subject, latest.scope, latest.at, Breadth.ALL_PARTS)

    def _cause(self, point: ContactPoint, scope: Scope) -> Cause | None:
        subjects: tuple[Subject, ...] = (point, *sorted(self.holders.get(point, ())))
        opened = dict.fromkeys(subjects, NEVER)
        for wide in self.landscape.upwards(scope):
            for subject in subjects:
                opened[subject] = max(opened[subject], self._latest_in(subject, point, wide))
                out = self.entries[subject].of(wide).latest_out
                if out > NEVER and out >= opened[subject]:
                    return Cause(subject, wide, out, Breadth.SAME if wide == scope else Breadth.WIDER)
        return None

    def _latest_in(self, subject: Subject, point: ContactPoint, scope: Scope) -> datetime:
        speakers: tuple[Subject, ...] = (subject,)
        if self.alone(point):
            speakers = (point, *self.holders.get(point, ()))
        return max(self.entries[speaker].of(scope).latest_in for speaker in speakers)
