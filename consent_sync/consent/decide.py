"""The decision: what each location should say, and which writes and holds follow. Pure; the engine does the I/O.

An opt-out closes every location whose scopes it covers, unless the location's own side already stops it with something
wider. A location opens only when nothing blocks it at any address it concerns and a proof speaks for exactly its scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from . import rules
from .evidence import Lesson
from .landscape import Landscape, Loosened, Mode
from .model import NEVER, ContactPoint, Kind, Location, Observation, Reading, RecordRef, Snapshot
from .state import Knowledge
from .targets import Target, closed, differs, opened, shadowed


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
class Decision:
    """`writes` in the order to do them, opt-outs first; `unsent` what the server would refuse; `holds` for a person."""

    writes: tuple[Write, ...]
    unsent: tuple[Write, ...]
    holds: tuple[Hold, ...]


def decide(snapshot: Snapshot, lesson: Lesson, landscape: Landscape) -> Decision:
    """Decide for every location of `snapshot`, with `lesson` learnt from it."""
    know = Knowledge(landscape, lesson.entries, snapshot)
    points_of = snapshot.points_of()
    targets: dict[Location, Target] = {}
    for o in snapshot.observations:
        points = _points(o.location, points_of)
        if target := closed(know, o.location, points, lesson) or opened(know, o.location, points, snapshot, lesson):
            targets[o.location] = target
    left_alone = shadowed(snapshot, landscape, lesson, targets)
    targets = {at: target for at, target in targets.items() if at not in left_alone}
    writes = [
        Write(o, target.to, target.rule.id, landscape.meaning(o.location).brand, target.since)
        for o in snapshot.observations
        if (target := targets.get(o.location)) and differs(o, target.to, lesson, landscape)
    ]
    if landscape.policy.loosened is Loosened.HOLD:
        writes = [write for write in writes if write.rule != rules.RESTORE.id]
    unsent = tuple(write for write in writes if not write.observed.writable)
    writes = [write for write in writes if write.observed.writable]
    writes += _instead(unsent, writes, snapshot, landscape)
    writes.sort(key=lambda write: (write.to is not Reading.OUT, write.since))
    holds = tuple(
        hold
        for o in snapshot.observations
        if o.location not in left_alone and (hold := _hold(o, know, lesson, targets.get(o.location), points_of))
    )
    return Decision(tuple(writes), unsent, holds)


def _points(at: Location, points_of: Mapping[RecordRef, frozenset[ContactPoint]]) -> tuple[ContactPoint, ...]:
    """Give the contact points that a location concerns: its own, or all those of its record."""
    if isinstance(at.subject, ContactPoint):
        return (at.subject,)
    return tuple(sorted(points_of.get(at.subject, ())))


def _instead(
    unsent: tuple[Write, ...], writes: list[Write], snapshot: Snapshot, landscape: Landscape
) -> Iterator[Write]:
    """Set the flag of a person who must leave a list that cannot be written: too much is better than too little."""
    if not landscape.policy.flag_for_unwritable_list:
        return
    stuck = {w.location.subject: w for w in unsent if w.to is Reading.OUT and w.location.kind is not Kind.ROW}
    planned = {write.location for write in writes}
    for o in snapshot.observations:
        because, meaning = stuck.get(o.location.subject), landscape.meaning(o.location)
        if because is None or o.location in planned or not meaning.writable or o.reading is Reading.OUT:
            continue
        wanted = {landscape.upwards(scope)[-1] for scope in landscape.meaning(because.location).scopes}
        if landscape.is_wide(o.location) and wanted.issuperset(meaning.scopes):
            yield Write(o, Reading.OUT, rules.UNWRITABLE.id, None, because.since)


def _hold(
    o: Observation,
    know: Knowledge,
    lesson: Lesson,
    target: Target | None,
    points_of: Mapping[RecordRef, frozenset[ContactPoint]],
) -> Hold | None:
    """Find what a person should look at: the restrictive reading stands until somebody settles it."""
    at, closing = o.location, target is not None and target.to is Reading.OUT
    if closing and at in lesson.loosened:
        return Hold(at, rules.HOLD_LOOSENED.id, o.reading, o.source, o.changed)
    if closing and target and at in lesson.doubtful and o.changed > target.since:
        return Hold(at, rules.HOLD_OLD_IN.id, o.reading, o.source)
    if lesson.readings[at] is not Reading.OUT or (target and target.to is Reading.IN):
        return None
    if know.landscape.is_wide(at) and (since := _narrower_proof(know, at, _points(at, points_of))) > NEVER:
        return Hold(at, rules.HOLD_NARROW_IN.id, Reading.OUT, since=since)
    if target is None and at in lesson.ours:
        return Hold(at, rules.HOLD_LEFT_OVER.id, Reading.OUT)
    return None


def _narrower_proof(know: Knowledge, at: Location, points: tuple[ContactPoint, ...]) -> datetime:
    """Give when a part of what a wide location stops was provably opted in again, NEVER where none was."""
    parts = [part for scope in know.landscape.meaning(at).scopes for part in know.landscape.purposes_under(scope)]
    return max((know.proof_of_in(point, part) for point in points for part in parts), default=NEVER)
