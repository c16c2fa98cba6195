"""The decision: what each location should say, and which writes and holds follow. Pure; the engine does the I/O.

An opt-out closes every location whose scopes it covers, unless the location's own side already stops it with something
wider. A location opens only when nothing blocks it at any address it concerns and a proof speaks for exactly its scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from . import rules
from .evidence import Lesson
from .landscape import Landscape, Mode, Opened
from .model import NEVER, ContactPoint, Location, Observation, Reading, RecordRef, Scope, Snapshot, Subject
from .rules import Rule
from .state import Breadth, Cause, Knowledge


@dataclass(frozen=True, slots=True)
class Write:
    """One location to change, as it was read, and why. `since` is the latest possible time of the act behind it."""

    observed: Observation
    to: Reading
    rule: str
    brand: str | None
    since: datetime

    @property
    def location(self) -> Location:
        """The location to change."""
        return self.observed.location

    def allowed_in(self, mode: Mode) -> bool:
        """Whether the ladder lets this write happen."""
        return mode is Mode.TWO_WAY or (mode is Mode.RESTRICT and self.to is Reading.OUT)


@dataclass(frozen=True, slots=True)
class Hold:
    """What a rule will not settle: the location, what it says, and the restrictive reading that stands meanwhile."""

    location: Location
    rule: str
    reading: Reading
    source: str
    stands: Reading = Reading.OUT


@dataclass(frozen=True, slots=True)
class Decision:
    """`writes` in the order to do them, opt-outs first; `unsent` what the server would refuse; `holds` for a person."""

    writes: tuple[Write, ...]
    unsent: tuple[Write, ...]
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    to: Reading
    rule: Rule
    since: datetime


def decide(snapshot: Snapshot, lesson: Lesson, landscape: Landscape) -> Decision:
    """Decide for every location of `snapshot`, with `lesson` learnt from it."""
    know = Knowledge(landscape, lesson.entries, snapshot.holders)
    points_of = snapshot.points_of()
    targets: dict[Location, _Target] = {}
    for o in snapshot.observations:
        subject = o.location.subject
        points = (subject,) if isinstance(subject, ContactPoint) else tuple(sorted(points_of.get(subject, ())))
        if target := _closed(know, o.location, points, lesson) or _opened(know, o.location, points, snapshot):
            targets[o.location] = target
    for location in _shadowed(snapshot, landscape, lesson, targets):
        del targets[location]

    writes = [
        Write(o, target.to, target.rule.id, landscape.meaning(o.location).brand, target.since)
        for o in snapshot.observations
        if (target := targets.get(o.location)) and _differs(o, target.to, lesson, landscape)
    ]
    writes.sort(key=lambda w: (w.to is not Reading.OUT, w.since))
    return Decision(
        writes=tuple(w for w in writes if w.observed.writable),
        unsent=tuple(w for w in writes if not w.observed.writable),
        holds=tuple(_holds(snapshot, lesson, targets)),
    )


_BY_BREADTH = {
    Breadth.SAME: rules.SAME_SCOPE,
    Breadth.WIDER: rules.COVERS_NARROWER,
    Breadth.ALL_PARTS: rules.ALL_PURPOSES,
}


def _closed(know: Knowledge, at: Location, points: Iterable[ContactPoint], lesson: Lesson) -> _Target | None:
    """Say out where, at any address concerned, every scope of the location is blocked."""
    scopes = know.landscape.meaning(at).scopes
    for point in points:
        causes = [know.cause_of_out(point, scope) for scope in scopes]
        found = [cause for cause in causes if cause]
        if len(found) == len(causes):
            cause = max(found, key=lambda c: c.at)
            return _Target(Reading.OUT, rules.RESTORE if at in lesson.loosened else _rule_for(cause, at), cause.at)
    return None


def _rule_for(cause: Cause, at: Location) -> Rule:
    if cause.breadth is Breadth.SAME and isinstance(at.subject, RecordRef) and isinstance(cause.subject, RecordRef):
        return rules.SAME_SCOPE if cause.subject == at.subject else rules.SHARED_ADDRESS
    return _BY_BREADTH[cause.breadth]


def _opened(know: Knowledge, at: Location, points: tuple[ContactPoint, ...], snapshot: Snapshot) -> _Target | None:
    """Say in where nothing blocks any address concerned, and one that speaks for the subject alone proves it."""
    meaning = know.landscape.meaning(at)
    if not snapshot.complete.issuperset(points):
        return None
    parts = [part for scope in meaning.scopes for part in (scope, *know.landscape.purposes_under(scope))]
    if any(know.cause_of_out(point, part) for point in points for part in parts):
        return None
    wide = any(know.landscape.purposes_under(scope) for scope in meaning.scopes)
    if wide and not know.landscape.policy.release_flag:
        return None
    proofs = [
        min(know.proof_of_in(point, scope) for scope in meaning.scopes)
        for point in points
        if point == at.subject or know.alone(point)
    ]
    since = max(proofs, default=NEVER)
    return _Target(Reading.IN, rules.RELEASE if wide else rules.PROVEN_IN, since) if since > NEVER else None


def _shadowed(
    snapshot: Snapshot, landscape: Landscape, lesson: Lesson, targets: Mapping[Location, _Target]
) -> list[Location]:
    """Locations that something wider on their own side stops already."""
    stopped: set[tuple[Subject, str, Scope]] = set()
    for o in snapshot.observations:
        meaning, target = landscape.meaning(o.location), targets.get(o.location)
        if meaning.shadows and not (target and target.to is Reading.IN):
            will_close = target is not None and meaning.writable and o.writable
            if lesson.readings[o.location] is Reading.OUT or will_close:
                stopped.update((o.location.subject, meaning.side, scope) for scope in meaning.scopes)
    return [at for at in targets if _under_any(at, landscape, stopped)]


def _under_any(at: Location, landscape: Landscape, stopped: set[tuple[Subject, str, Scope]]) -> bool:
    meaning = landscape.meaning(at)
    return all(
        any((at.subject, meaning.side, wide) in stopped for wide in landscape.upwards(scope)[1:])
        for scope in meaning.scopes
    )


def _differs(o: Observation, to: Reading, lesson: Lesson, landscape: Landscape) -> bool:
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


def _holds(snapshot: Snapshot, lesson: Lesson, targets: Mapping[Location, _Target]) -> Iterator[Hold]:
    for o in snapshot.observations:
        target = targets.get(o.location)
        if target and target.to is Reading.OUT:
            if o.location in lesson.loosened:
                yield Hold(o.location, rules.HOLD_LOOSENED.id, o.reading, o.source)
            elif o.location in lesson.doubtful and o.changed > target.since:
                yield Hold(o.location, rules.HOLD_OLD_IN.id, o.reading, o.source)
