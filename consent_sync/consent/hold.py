"""What a rule will not settle: found beside the decision and shown to a person; the restrictive reading stands."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from . import rules
from .evidence import Lesson
from .landscape import Opened
from .model import NEVER, ContactPoint, Location, Observation, Reading, RecordRef, Scope, Subject
from .state import Knowledge
from .targets import Target, points_at

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


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at each location for what a person should see; `opted_in` is who says in to which scope."""

    know: Knowledge
    lesson: Lesson
    points_of: Mapping[RecordRef, frozenset[ContactPoint]]
    opted_in: AbstractSet[tuple[Subject, Scope]]

    def over(self, o: Observation, target: Target | None) -> Hold | None:
        """Give the hold that a location asks for, None where nothing does."""
        if target is not None and target.to is Reading.OUT:
            return self._closed_against_somebody(o, target) or self._narrower(o)
        if target is not None:
            return self._without_effect(o)
        return self._narrower(o) or self._left_over(o) or self._without_effect(o)

    def _closed_against_somebody(self, o: Observation, target: Target) -> Hold | None:
        at = o.location
        if at in self.lesson.loosened:
            seen = self.lesson.entries[at.subject].seen[at.key]
            rule = rules.HOLD_FIGHT if seen.restored >= OFTEN else rules.HOLD_LOOSENED
            return Hold(at, rule.id, o.reading, o.source, o.changed)
        if at in self.lesson.doubtful and o.changed > target.since:
            return Hold(at, rules.HOLD_OLD_IN.id, o.reading, o.source)
        if o.trusted and o.reading is Reading.IN and self._said_yes(at) > target.since:
            return Hold(at, rules.HOLD_OVERRULED.id, o.reading, o.source, o.changed)
        return None

    def _narrower(self, o: Observation) -> Hold | None:
        """A part of what a wide location stops was opted in again."""
        at, landscape = o.location, self.know.landscape
        if self.lesson.readings[at] is not Reading.OUT or not landscape.is_wide(at):
            return None
        parts = [part for scope in landscape.meaning(at).scopes for part in landscape.purposes_under(scope)]
        points = points_at(at, self.points_of)
        since = max((self.know.proof_of_in(point, part) for point in points for part in parts), default=NEVER)
        return Hold(at, rules.HOLD_NARROW_IN.id, Reading.OUT, since=since) if since > NEVER else None

    def _left_over(self, o: Observation) -> Hold | None:
        """We closed it, and nothing asks for that any more."""
        at = o.location
        if self.lesson.readings[at] is not Reading.OUT or at not in self.lesson.ours:
            return None
        landscape = self.know.landscape
        waiting = (
            any(landscape.needs_confirmation(s) for s in landscape.meaning(at).scopes) and self._said_yes(at) > NEVER
        )
        return Hold(at, (rules.HOLD_UNCONFIRMED if waiting else rules.HOLD_LEFT_OVER).id, Reading.OUT)

    def _without_effect(self, o: Observation) -> Hold | None:
        """An opt-in that cannot do what the person asked for."""
        at, landscape = o.location, self.know.landscape
        meaning, said = landscape.meaning(at), self._said_yes(at)
        if said == NEVER or meaning.opened is not Opened.IN:
            return None
        if self.lesson.readings[at] is not Reading.IN:
            confirmed = not any(landscape.needs_confirmation(scope) for scope in meaning.scopes)
            return None if confirmed else Hold(at, rules.HOLD_UNCONFIRMED.id, o.reading, since=said)
        wider = {wide for scope in meaning.scopes for wide in landscape.upwards(scope)[1:]} & landscape.restrictive
        lacking = any((at.subject, scope) not in self.opted_in for scope in wider)
        return Hold(at, rules.HOLD_INEFFECTIVE.id, o.reading, o.source) if lacking else None

    def _said_yes(self, at: Location) -> datetime:
        points, scopes = points_at(at, self.points_of), self.know.landscape.meaning(at).scopes
        return max((self.know.said_yes(point, scope) for point in points for scope in scopes), default=NEVER)
