"""What a rule will not settle: found beside the decision and shown to a person; the restrictive reading stands."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from . import rules
from .evidence import Lesson
from .landscape import Landscape, Opened
from .model import NEVER, Location, Reading, Scope
from .state import Breadth, Standing
from .targets import Place, Target

OFTEN = 3
"""How often a location may have to be closed again before somebody should find out why."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What a rule will not settle: the location, what it says, and the restrictive reading that stands meanwhile.

    `since` tells two occurrences apart, NEVER where it can only be open once.
    """

    location: Location
    rule: str
    reading: Reading
    source: str = ""
    since: datetime = NEVER
    stands: Reading = Reading.OUT


class Watch(NamedTuple):
    """Looks at each location of a subject for what a person should see; `opted_in` are the scopes it says in to."""

    landscape: Landscape
    lesson: Lesson
    standings: tuple[Standing, ...]
    opted_in: AbstractSet[Scope]

    def over(self, place: Place, target: Target | None) -> Hold | None:
        """Give the hold that a location asks for, None where nothing does."""
        if target is not None and target.to is Reading.OUT:
            return (
                self._returned(place, target) or self._closed_against_somebody(place, target) or self._narrower(place)
            )
        if target is not None:
            return self._without_effect(place)
        return self._narrower(place) or self._left_over(place) or self._without_effect(place)

    def _closed_against_somebody(self, place: Place, target: Target) -> Hold | None:
        at, o = place.at, place.observed
        if at in self.lesson.loosened:
            seen = self.lesson.entries[at.subject].seen[at.key]
            rule = rules.HOLD_FIGHT if seen.restored >= OFTEN else rules.HOLD_LOOSENED
            return Hold(at, rule.id, o.reading, o.source, o.changed)
        if at in self.lesson.doubtful and o.changed > target.since:
            return Hold(at, rules.HOLD_OLD_IN.id, o.reading, o.source)
        if o.trusted and o.reading is Reading.IN and self._said_yes(place) > target.since:
            return Hold(at, rules.HOLD_OVERRULED.id, o.reading, o.source, o.changed)
        return None

    def _returned(self, place: Place, target: Target) -> Hold | None:
        """An opt-out that was kept when somebody was erased meets a record that carries the contact point again."""
        cause = target.cause
        if cause is None or cause.erased == NEVER or cause.breadth is not Breadth.SAME:
            return None
        if not any(standing.held for standing in self.standings):
            return None
        return Hold(place.at, rules.HOLD_ERASED.id, place.observed.reading, place.observed.source, cause.erased)

    def _narrower(self, place: Place) -> Hold | None:
        """A part of what a wide location stops was opted in again."""
        if place.reading is not Reading.OUT or not self.landscape.is_wide(place.at):
            return None
        parts = [part for scope in place.meaning.scopes for part in self.landscape.purposes_under(scope)]
        since = max((standing.proof_of_in(part) for standing in self.standings for part in parts), default=NEVER)
        return Hold(place.at, rules.HOLD_NARROW_IN.id, Reading.OUT, since=since) if since > NEVER else None

    def _left_over(self, place: Place) -> Hold | None:
        """We closed it, and nothing asks for that any more."""
        if place.reading is not Reading.OUT or place.at not in self.lesson.ours:
            return None
        unconfirmed = self._needs_confirmation(place) and self._said_yes(place) > NEVER
        return Hold(place.at, (rules.HOLD_UNCONFIRMED if unconfirmed else rules.HOLD_LEFT_OVER).id, Reading.OUT)

    def _without_effect(self, place: Place) -> Hold | None:
        """An opt-in that cannot do what the person asked for."""
        if place.meaning.opened is not Opened.IN or (said := self._said_yes(place)) == NEVER:
            return None
        at, o = place.at, place.observed
        if place.reading is not Reading.IN:
            unconfirmed = self._needs_confirmation(place)
            return Hold(at, rules.HOLD_UNCONFIRMED.id, o.reading, since=said) if unconfirmed else None
        wider = {wide for scope in place.meaning.scopes for wide in self.landscape.upwards(scope)[1:]}
        lacking = not self.opted_in >= wider & self.landscape.restrictive
        return Hold(at, rules.HOLD_INEFFECTIVE.id, o.reading, o.source) if lacking else None

    def _needs_confirmation(self, place: Place) -> bool:
        return any(self.landscape.needs_confirmation(scope) for scope in place.meaning.scopes)

    def _said_yes(self, place: Place) -> datetime:
        scopes = place.meaning.scopes
        return max((standing.said_yes(scope) for standing in self.standings for scope in scopes), default=NEVER)
