"""What one location should say: closed, open, or left alone because its own side stops it already."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from . import rules
from .landscape import Landscape, Meaning, Opened
from .model import NEVER, ContactPoint, Location, Observation, Reading, RecordRef, Scope, Subject
from .rules import Rule
from .state import Breadth, Cause, Standing


class Place(NamedTuple):
    """One location as a decision sees it: what was observed, how that is to be read, and what it speaks for."""

    observed: Observation
    reading: Reading
    meaning: Meaning

    @property
    def at(self) -> Location:
        """The location."""
        return self.observed.location

    @property
    def is_missing(self) -> bool:
        """Whether it is a consent row that would have to be made."""
        return not self.observed.present and isinstance(self.at.subject, ContactPoint)


class Target(NamedTuple):
    """What a location should say, by which rule, and the time of the act behind it; `cause` is the opt-out, if any."""

    to: Reading
    rule: Rule
    since: datetime
    cause: Cause | None = None

    @property
    def whose(self) -> Subject | None:
        """Who opted out."""
        return self.cause.subject if self.cause else None


_TIME = attrgetter("at")
_BY_BREADTH = {
    Breadth.SAME: rules.SAME_SCOPE,
    Breadth.WIDER: rules.COVERS_NARROWER,
    Breadth.ALL_PARTS: rules.ALL_PURPOSES,
    Breadth.UNENFORCED: rules.UNENFORCED,
}


def closed(place: Place, standings: Iterable[Standing], loosened: AbstractSet[Location]) -> Target | None:
    """Say out where, at any contact point concerned, every scope of the location is blocked.

    Nothing new is written about the contact point of somebody who was erased, as long as no record carries it.
    """
    scopes = place.meaning.scopes
    for standing in standings:
        found = [cause for scope in scopes if (cause := standing.cause_of_out(scope))]
        if len(found) == len(scopes):
            cause = max(found, key=_TIME)
            if standing.forgotten and place.is_missing:
                return None
            rule = rules.RESTORE if place.at in loosened else _rule_for(cause, place.at.subject)
            return Target(Reading.OUT, rule, cause.at, cause)
    return None


def _rule_for(cause: Cause, subject: Subject) -> Rule:
    if cause.erased > NEVER:
        return rules.ERASED
    if cause.breadth is Breadth.SAME and isinstance(subject, RecordRef) and isinstance(cause.subject, RecordRef):
        return rules.SAME_SCOPE if cause.subject == subject else rules.SHARED_ADDRESS
    return _BY_BREADTH[cause.breadth]


def opened(place: Place, standings: Iterable[Standing], landscape: Landscape) -> Target | None:
    """Say in where nothing blocks any contact point concerned, and one that speaks for the subject alone proves it.

    What does not say out is opened only by a yes to exactly its scope, and nothing new is written about a contact point
    that no record carries.
    """
    meaning = place.meaning
    if place.is_missing and not any(standing.held for standing in standings):
        return None
    parts = [part for scope in meaning.scopes for part in (scope, *landscape.purposes_under(scope))]
    if any(standing.cause_of_out(part) for standing in standings for part in parts):
        return None
    if meaning.opened is Opened.IN and any(landscape.needs_confirmation(scope) for scope in meaning.scopes):
        return None
    wide = landscape.is_wide(place.at)
    if wide and not landscape.policy.release_flag:
        return None
    closed_now = place.reading is Reading.OUT
    proofs = [
        min(standing.proof_of_in(scope) for scope in meaning.scopes)
        for standing in standings
        if standing.point == place.at.subject or standing.alone
        if closed_now or all(standing.said_yes(scope) > NEVER for scope in meaning.scopes)
    ]
    since = max(proofs, default=NEVER)
    return Target(Reading.IN, rules.RELEASE if wide else rules.PROVEN_IN, since) if since > NEVER else None


type Stop = tuple[str, Scope]
"""A side, and a scope that something there stops."""


def stops(judged: Iterable[tuple[Place, Target | None]]) -> set[Stop]:
    """Give what the locations of one subject stop that are wide enough to stop others on their side."""
    found: set[Stop] = set()
    for place, target in judged:
        meaning = place.meaning
        if meaning.shadows and not (target and target.to is Reading.IN):
            will_close = target is not None and meaning.writable and place.observed.writable
            if place.reading is Reading.OUT or will_close:
                found.update([(meaning.side, scope) for scope in meaning.scopes])
    return found


def is_under(place: Place, stopped: AbstractSet[Stop], landscape: Landscape) -> bool:
    """Whether something wider on its own side stops a location already."""
    side = place.meaning.side
    for scope in place.meaning.scopes:
        _, *wider = landscape.upwards(scope)
        if stopped.isdisjoint([(side, wide) for wide in wider]):
            return False
    return True


def differs(place: Place, to: Reading) -> bool:
    """Whether a location that we may write has to change, to say `to`."""
    meaning, present = place.meaning, place.observed.present
    if to is Reading.IN:
        is_open = {
            Opened.NOT_OUT: place.reading is not Reading.OUT,
            Opened.PRESENT: present,
            Opened.IN: place.reading is Reading.IN,
        }[meaning.opened]
        return meaning.writable and not is_open
    closed = not present if meaning.opened is Opened.PRESENT else place.reading is Reading.OUT
    return meaning.writable and not closed
