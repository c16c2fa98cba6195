"""What one location should say: closed, open, or left alone because its own side stops it already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from . import rules
from .evidence import Lesson
from .landscape import Landscape, Opened
from .model import NEVER, ContactPoint, Location, Observation, Reading, RecordRef, Scope, Snapshot, Subject
from .rules import Rule
from .state import Breadth, Cause, Knowledge


@dataclass(frozen=True, slots=True)
class Target:
    """What a location should say, by which rule, and the time of the act behind it; `cause` is the opt-out, if any."""

    to: Reading
    rule: Rule
    since: datetime
    cause: Cause | None = None


def points_at(at: Location, points_of: Mapping[RecordRef, frozenset[ContactPoint]]) -> tuple[ContactPoint, ...]:
    """Give the contact points that a location concerns: its own, or all those of its record."""
    if isinstance(at.subject, ContactPoint):
        return (at.subject,)
    return tuple(sorted(points_of.get(at.subject, ())))


_BY_BREADTH = {
    Breadth.SAME: rules.SAME_SCOPE,
    Breadth.WIDER: rules.COVERS_NARROWER,
    Breadth.ALL_PARTS: rules.ALL_PURPOSES,
    Breadth.UNENFORCED: rules.UNENFORCED,
}


def closed(know: Knowledge, at: Location, points: Iterable[ContactPoint], lesson: Lesson) -> Target | None:
    """Say out where, at any address concerned, every scope of the location is blocked."""
    scopes = know.landscape.meaning(at).scopes
    for point in points:
        causes = [know.cause_of_out(point, scope) for scope in scopes]
        found = [cause for cause in causes if cause]
        if len(found) == len(causes):
            cause = max(found, key=lambda c: c.at)
            rule = rules.RESTORE if at in lesson.loosened else _rule_for(cause, at)
            return Target(Reading.OUT, rule, cause.at, cause)
    return None


def _rule_for(cause: Cause, at: Location) -> Rule:
    if cause.breadth is Breadth.SAME and isinstance(at.subject, RecordRef) and isinstance(cause.subject, RecordRef):
        return rules.SAME_SCOPE if cause.subject == at.subject else rules.SHARED_ADDRESS
    return _BY_BREADTH[cause.breadth]


def opened(
    know: Knowledge, at: Location, points: tuple[ContactPoint, ...], snapshot: Snapshot, lesson: Lesson
) -> Target | None:
    """Say in where nothing blocks any address concerned, and one that speaks for the subject alone proves it.

    What does not say out is opened only by a yes to exactly its scope.
    """
    meaning = know.landscape.meaning(at)
    if not snapshot.complete.issuperset(points) or at.subject in snapshot.inactive:
        return None
    if any(snapshot.holders[point] & snapshot.minors for point in points):
        return None
    parts = [part for scope in meaning.scopes for part in (scope, *know.landscape.purposes_under(scope))]
    if any(know.cause_of_out(point, part) for point in points for part in parts):
        return None
    if meaning.opened is Opened.IN and any(know.landscape.needs_confirmation(scope) for scope in meaning.scopes):
        return None
    wide = know.landscape.is_wide(at)
    if wide and not know.landscape.policy.release_flag:
        return None
    closed_now = lesson.readings[at] is Reading.OUT
    proofs = [
        min(know.proof_of_in(point, scope) for scope in meaning.scopes)
        for point in points
        if point == at.subject or know.alone(point)
        if closed_now or all(know.said_yes(point, scope) > NEVER for scope in meaning.scopes)
    ]
    since = max(proofs, default=NEVER)
    return Target(Reading.IN, rules.RELEASE if wide else rules.PROVEN_IN, since) if since > NEVER else None


def shadowed(
    snapshot: Snapshot, landscape: Landscape, lesson: Lesson, targets: Mapping[Location, Target]
) -> frozenset[Location]:
    """Give the locations that something wider on their own side stops already."""
    stopped: set[tuple[Subject, str, Scope]] = set()
    for o in snapshot.observations:
        meaning, target = landscape.meaning(o.location), targets.get(o.location)
        if meaning.shadows and not (target and target.to is Reading.IN):
            will_close = target is not None and meaning.writable and o.writable
            if lesson.readings[o.location] is Reading.OUT or will_close:
                stopped.update((o.location.subject, meaning.side, scope) for scope in meaning.scopes)
    return frozenset(o.location for o in snapshot.observations if _under_any(o.location, landscape, stopped))


def _under_any(at: Location, landscape: Landscape, stopped: set[tuple[Subject, str, Scope]]) -> bool:
    meaning = landscape.meaning(at)
    return all(
        any((at.subject, meaning.side, wide) in stopped for wide in landscape.upwards(scope)[1:])
        for scope in meaning.scopes
    )


def differs(o: Observation, to: Reading, lesson: Lesson, landscape: Landscape) -> bool:
    """Whether a location that we may write has to change, to say `to`."""
    meaning, reading = landscape.meaning(o.location), lesson.readings[o.location]
    is_open = {
        Opened.NOT_OUT: reading is not Reading.OUT,
        Opened.PRESENT: o.present,
        Opened.IN: reading is Reading.IN,
    }[meaning.opened]
    if to is Reading.IN:
        return meaning.writable and not is_open
    closed = not o.present if meaning.opened is Opened.PRESENT else reading is Reading.OUT
    return meaning.writable and not closed
