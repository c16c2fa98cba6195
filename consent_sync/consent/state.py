"""Is this contact point out for this scope, and because of what? The one place where registers are compared.

An opt-out made on a record covers the addresses of that record, and blocks an address that others share. An opt-in
speaks for more than its own subject only where address and person are one: where a single record holds the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from .landscape import Landscape
from .model import NEVER, ContactPoint, Scope, Snapshot, Subject
from .registers import Entry


class Breadth(Enum):
    """How an opt-out reaches a scope: given for it, for a wider one, for every part, or for one that is ignored."""

    SAME = "same"
    WIDER = "wider"
    ALL_PARTS = "all parts"
    UNENFORCED = "a part that its own side ignores"


class Cause(NamedTuple):
    """The opt-out that blocks a scope: whose it is, what it was for, and its latest possible time.

    `erased` is when its subject was erased, if it is one of the opt-outs that were kept then.
    """

    subject: Subject
    scope: Scope
    at: datetime
    breadth: Breadth
    erased: datetime = NEVER


class Knowledge:
    """All that decisions depend on: registers by subject, who holds which contact point, the landscape.

    Answers are kept, since several locations ask the same of one contact point; it lives for one decision.
    """

    def __init__(self, landscape: Landscape, entries: Mapping[Subject, Entry], snapshot: Snapshot) -> None:
        self._landscape, self._entries, self._snapshot = landscape, entries, snapshot
        self._standings: dict[ContactPoint, Standing] = {}

    def at(self, point: ContactPoint) -> Standing:
        """Give what stands at `point`."""
        known = self._standings.get(point)
        if known is None:
            holders = self._snapshot.holders.get(point, frozenset())
            subjects: tuple[Subject, ...] = (point, *sorted(holders))
            speakers = tuple([e for s in subjects if (e := self._entries[s]).registers])
            alone = len(holders - self._snapshot.inactive) <= 1
            forgotten = not holders and self._entries[point].erased > NEVER
            known = self._standings[point] = Standing(
                self._landscape, point, speakers, alone=alone, held=bool(holders), forgotten=forgotten
            )
        return known

    def around(self, subject: Subject) -> tuple[Standing, ...]:
        """Give what stands at the contact points that `subject` concerns: itself, or all those of the record."""
        if isinstance(subject, ContactPoint):
            return (self.at(subject),)
        return tuple([self.at(point) for point in sorted(self._snapshot.points_of.get(subject, ()))])


class Standing:
    """What stands at one contact point: the acts of those who speak for it, and what follows for each scope.

    `speakers` are the entries of the contact point and of its holders that know of any act; `alone` says whether
    address and person are one, as far as the active records tell (a lead stays behind, inactive, when it becomes a
    contact: it is the same person); `held` says whether any record carries the contact point, `forgotten` that none
    does since its owner was erased.
    """

    def __init__(  # noqa: PLR0913  - one keyword for each thing that is known of the contact point
        self,
        landscape: Landscape,
        point: ContactPoint,
        speakers: tuple[Entry, ...],
        *,
        alone: bool,
        held: bool,
        forgotten: bool,
    ) -> None:
        self.point, self.alone, self.held, self.forgotten = point, alone, held, forgotten
        self._landscape, self._speakers = landscape, speakers
        self._causes: dict[Scope, Cause | None] = {}

    def cause_of_out(self, scope: Scope) -> Cause | None:
        """Give the opt-out that blocks `scope` here, None where nothing does."""
        if not self._speakers:
            return None  # nobody ever said anything that concerns this contact point
        if scope in self._causes:
            return self._causes[scope]
        parts = self._landscape.purposes_under(scope)
        found = self._causes[scope] = self._cause_over_parts(scope, parts) if parts else self._cause(scope)
        return found

    def proof_of_in(self, scope: Scope) -> datetime:
        """Since when this contact point is provably opted in for `scope`, NEVER where it is blocked or nobody said yes.

        A tenant-wide yes speaks for its purposes, and all of these together for it; a topic is never opened by anything
        but itself.
        """
        if not self._speakers or self.cause_of_out(scope):
            return NEVER
        wide = self._landscape.parents.get(scope)
        said = self.said_yes(scope)
        if wide and self._landscape.purposes_under(wide):
            said = max(said, self.said_yes(wide))
        parts = self._landscape.purposes_under(scope)
        return max(said, min((self.proof_of_in(part) for part in parts), default=NEVER))

    def said_yes(self, scope: Scope) -> datetime:
        """When anybody who speaks here last opted in to exactly `scope`, NEVER if nobody did."""
        return max((entry.of(scope).latest_in for entry in self._speakers), default=NEVER)

    def _cause_over_parts(self, scope: Scope, parts: tuple[Scope, ...]) -> Cause | None:
        causes = [self.cause_of_out(part) for part in parts]
        explicit = self._cause(scope)
        if explicit and any(causes):
            return explicit  # and not every part was opened since
        found = {part: cause for part, cause in zip(parts, causes, strict=True) if cause}
        breadth = Breadth.ALL_PARTS if len(found) == len(parts) else Breadth.UNENFORCED
        if breadth is Breadth.UNENFORCED:
            found = {part: cause for part, cause in found.items() if part in self._landscape.unenforced}
        if not found:
            return None
        latest = max(found.values(), key=lambda cause: cause.at)
        return latest._replace(breadth=breadth)

    def _cause(self, scope: Scope) -> Cause | None:
        """Look for an opt-out of `scope` or anything wider that no later opt-in has lifted.

        An opt-in to a purpose lifts a tenant-wide opt-out for that purpose; one to a topic lifts only the topic's.
        """
        opened = [NEVER] * len(self._speakers)
        for wide in self._landscape.upwards(scope):
            registers = [entry.of(wide) for entry in self._speakers]
            of_all = max([known.latest_in for known in registers])
            has_parts = bool(self._landscape.purposes_under(wide))
            for n, known in enumerate(registers):
                heard = of_all if self.alone else known.latest_in
                opened[n] = heard = max(heard, opened[n]) if has_parts else heard
                if known.latest_out > NEVER and known.latest_out >= heard:
                    breadth = Breadth.SAME if wide == scope else Breadth.WIDER
                    speaker, at = self._speakers[n], known.latest_out
                    erased = speaker.erased if speaker.erased >= at else NEVER
                    return Cause(speaker.subject, wide, at, breadth, erased)
        return None
