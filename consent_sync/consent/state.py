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
from .model import NEVER, ContactPoint, Scope, Snapshot, Subject
from .registers import Entry


class Breadth(Enum):
    """How an opt-out reaches a scope: given for it, for a wider one, for every part, or for one that is ignored."""

    SAME = "same"
    WIDER = "wider"
    ALL_PARTS = "all parts"
    UNENFORCED = "a part that its own side ignores"


@dataclass(frozen=True, slots=True)
class Cause:
    """The opt-out that blocks a scope: whose it is, what it was for, and its latest possible time."""

    subject: Subject
    scope: Scope
    at: datetime
    breadth: Breadth


class Knowledge:
    """All that decisions depend on: registers by subject, who holds which contact point, the landscape.

    Answers are kept, since several locations ask the same of one contact point; it lives for one decision.
    """

    def __init__(
        self,
        landscape: Landscape,
        entries: Mapping[Subject, Entry],
        snapshot: Snapshot,
    ) -> None:
        self.landscape, self._entries, self._holders = landscape, entries, snapshot.holders
        self._inactive = snapshot.inactive
        self._causes: dict[tuple[ContactPoint, Scope], Cause | None] = {}
        self._speakers: dict[ContactPoint, tuple[Entry, ...]] = {}

    def cause_of_out(self, point: ContactPoint, scope: Scope) -> Cause | None:
        """Give the opt-out that blocks `scope` at `point`, None where nothing does."""
        speakers = self._who_spoke(point)
        if not speakers:
            return None  # nobody ever said anything that concerns this contact point
        key = (point, scope)
        if key not in self._causes:
            parts = self.landscape.purposes_under(scope)
            find = self._cause_over_parts(point, scope, parts) if parts else self._cause(point, scope, speakers)
            self._causes[key] = find
        return self._causes[key]

    def proof_of_in(self, point: ContactPoint, scope: Scope) -> datetime:
        """Since when `point` is provably opted in for `scope`, NEVER where it is blocked or nobody said yes.

        A tenant-wide yes speaks for its purposes, and all of these together for it; a topic is never opened by anything
        but itself.
        """
        if not self._who_spoke(point) or self.cause_of_out(point, scope):
            return NEVER
        wide = self.landscape.parents.get(scope)
        said = self.said_yes(point, scope)
        if wide and self.landscape.purposes_under(wide):
            said = max(said, self.said_yes(point, wide))
        parts = self.landscape.purposes_under(scope)
        return max(said, min((self.proof_of_in(point, part) for part in parts), default=NEVER))

    def said_yes(self, point: ContactPoint, scope: Scope) -> datetime:
        """When anybody who speaks for `point` last opted in to exactly `scope`, NEVER if nobody did."""
        return max((entry.of(scope).latest_in for entry in self._who_spoke(point)), default=NEVER)

    def alone(self, point: ContactPoint) -> bool:
        """Whether address and person are one, as far as the active records tell.

        A lead stays behind, inactive, when it becomes a contact: it is the same person.
        """
        return len(self._holders.get(point, frozenset()) - self._inactive) <= 1

    def _who_spoke(self, point: ContactPoint) -> tuple[Entry, ...]:
        """Give the entries of the contact point and of its holders that know of any act."""
        if point not in self._speakers:
            subjects: tuple[Subject, ...] = (point, *sorted(self._holders.get(point, ())))
            self._speakers[point] = tuple(e for s in subjects if (e := self._entries[s]).registers)
        return self._speakers[point]

    def _cause_over_parts(self, point: ContactPoint, scope: Scope, parts: tuple[Scope, ...]) -> Cause | None:
        causes = [self.cause_of_out(point, part) for part in parts]
        explicit = self._cause(point, scope, self._who_spoke(point))
        if explicit and any(causes):
            return explicit  # and not every part was opened since
        found = {part: cause for part, cause in zip(parts, causes, strict=True) if cause}
        breadth = Breadth.ALL_PARTS if len(found) == len(parts) else Breadth.UNENFORCED
        if breadth is Breadth.UNENFORCED:
            found = {part: cause for part, cause in found.items() if part in self.landscape.unenforced}
        if not found:
            return None
        latest = max(found.values(), key=lambda cause: cause.at)
        return Cause(latest.subject, latest.scope, latest.at, breadth)

    def _cause(self, point: ContactPoint, scope: Scope, speakers: tuple[Entry, ...]) -> Cause | None:
        """Look for an opt-out of `scope` or anything wider that no later opt-in has lifted.

        An opt-in to a purpose lifts a tenant-wide opt-out for that purpose; one to a topic lifts only the topic's.
        """
        alone = self.alone(point)
        opened: dict[Subject, datetime] = {}
        for wide in self.landscape.upwards(scope):
            registers = [(entry.subject, entry.of(wide)) for entry in speakers]
            of_all = max(known.latest_in for _, known in registers)
            for subject, known in registers:
                heard = of_all if alone else known.latest_in
                if self.landscape.purposes_under(wide):
                    heard = max(heard, opened.get(subject, NEVER))
                opened[subject] = heard
                if known.latest_out > NEVER and known.latest_out >= heard:
                    return Cause(subject, wide, known.latest_out, Breadth.SAME if wide == scope else Breadth.WIDER)
        return None
