"""The decision: what each location should say, and which writes and holds follow. Pure; the engine does the I/O.

An opt-out closes every location whose scopes it covers, unless the location's own side already stops it with something
wider. A location opens only when nothing blocks it at any address it concerns and a proof speaks for exactly its scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter

from . import rules
from .evidence import Lesson
from .hold import Hold, Watch
from .landscape import Landscape, Loosened, Mode
from .model import Kind, Location, Observation, Reading, Scope, Snapshot, Subject
from .state import Knowledge, Standing
from .targets import Place, Target, closed, differs, is_under, opened, stops

_SUBJECT = attrgetter("location.subject")

type Judged = Sequence[tuple[Place, Target | None]]
"""Locations with what each should say, None where nothing asks for anything."""


@dataclass(frozen=True, slots=True)
class Write:
    """One location to change, as it was read, and why.

    `since` is the latest possible time of the act behind it; `whose` names who opted out, None for an opt-in.
    """

    observed: Observation
    to: Reading
    rule: str
    brand: str | None
    since: datetime
    whose: Subject | None = None

    @property
    def location(self) -> Location:
        """The location to change."""
        return self.observed.location

    def allowed_in(self, mode: Mode) -> bool:
        """Whether the ladder lets this write happen."""
        return mode is Mode.TWO_WAY or (mode is Mode.RESTRICT and self.to is Reading.OUT)


@dataclass(frozen=True, slots=True)
class Decision:
    """`writes` in the order to do them, opt-outs first; `unsent` what the server would refuse; `holds` for a person.

    `ignored` are scopes that people are out of and that are not enforced; `judged` are all locations but those that
    are left alone.
    """

    writes: tuple[Write, ...]
    unsent: tuple[Write, ...]
    holds: tuple[Hold, ...]
    ignored: frozenset[Scope] = frozenset()
    judged: Judged = ()

    @property
    def targets(self) -> dict[Location, Target]:
        """What each location should say, whether it says so already or not."""
        return {place.at: target for place, target in self.judged if target}


def decide(snapshot: Snapshot, lesson: Lesson, landscape: Landscape) -> Decision:
    """Decide for every location of `snapshot`, with `lesson` learnt from it."""
    know = Knowledge(landscape, lesson.entries, snapshot)
    writes: list[Write] = []
    unsent: list[Write] = []
    holds: list[Hold] = []
    ignored: set[Scope] = set()
    everything: list[tuple[Place, Target | None]] = []
    for subject, observations in _telling(snapshot, lesson):
        standings = know.around(subject)
        places = [Place(o, lesson.readings[o.location], landscape.meaning(o.location)) for o in observations]
        judged = _judged(places, standings, lesson, landscape, partial(_may_open, subject, standings, snapshot))
        everything += judged
        wanted = _writes(judged, landscape)
        refused = [write for write in wanted if not write.observed.writable]
        writes += [write for write in wanted if write.observed.writable]
        writes += _instead(refused, judged, landscape)
        unsent += refused
        opted_in = {scope for place in places if place.reading is Reading.IN for scope in place.meaning.scopes}
        watch = Watch(landscape, lesson, standings, opted_in)
        holds += [hold for place, target in judged if (hold := watch.over(place, target))]
        holds += [Hold(write.location, rules.HOLD_UNSENT.id, write.observed.reading) for write in refused]
        if landscape.unenforced:
            ignored.update(scope for place, target in judged for scope in _ignored(place, target, landscape))
    writes.sort(key=lambda write: (write.to is not Reading.OUT, write.since))
    return Decision(tuple(writes), tuple(unsent), tuple(holds), frozenset(ignored), tuple(everything))


def _telling(snapshot: Snapshot, lesson: Lesson) -> Iterator[tuple[Subject, Iterable[Observation]]]:
    """Leave out whom nobody ever said anything about: most people, and nothing follows for them."""
    spoken: set[Subject] = {at.subject for at in (*lesson.loosened, *lesson.doubtful, *lesson.ours)}
    said = {subject for subject, entry in lesson.entries.items() if entry.registers}
    for point, holders in snapshot.holders.items():
        if point in said or not said.isdisjoint(holders):
            spoken.add(point)
            spoken |= holders
    for subject, observations in groupby(snapshot.observations, key=_SUBJECT):
        if subject in spoken:
            yield subject, observations


def _may_open(subject: Subject, standings: Iterable[Standing], snapshot: Snapshot) -> bool:
    """Whether everything that concerns `subject` was read, and nobody it reaches is a child or inactive."""
    return subject not in snapshot.inactive and all(
        standing.point in snapshot.complete and snapshot.minors.isdisjoint(snapshot.holders[standing.point])
        for standing in standings
    )


def _judged(
    places: list[Place],
    standings: tuple[Standing, ...],
    lesson: Lesson,
    landscape: Landscape,
    may_open: Callable[[], bool],
) -> Judged:
    """Judge the locations of one subject, those left out that something wider stops already."""
    targets = [closed(place, standings, lesson.loosened) for place in places]
    if not all(targets) and may_open():
        targets = [target or opened(place, standings, landscape) for place, target in zip(places, targets, strict=True)]
    judged = list(zip(places, targets, strict=True))
    if stopped := stops(judged):
        return [(place, target) for place, target in judged if not is_under(place, stopped, landscape)]
    return judged


def _writes(judged: Judged, landscape: Landscape) -> list[Write]:
    """Give the writes that follow; where the policy leaves loosened locations to a person, without these."""
    writes = [
        Write(place.observed, target.to, target.rule.id, place.meaning.brand, target.since, target.whose)
        for place, target in judged
        if target and differs(place, target.to)
    ]
    if landscape.policy.loosened is Loosened.HOLD:
        return [write for write in writes if write.rule != rules.RESTORE.id]
    return writes


def _ignored(place: Place, target: Target | None, landscape: Landscape) -> frozenset[Scope]:
    """Give the scopes that a location is closed for and that its own side sends to all the same."""
    closing = target is not None and target.to is Reading.OUT
    return landscape.unenforced.intersection(place.meaning.scopes) if closing else frozenset()


def _instead(refused: Iterable[Write], judged: Judged, landscape: Landscape) -> Iterator[Write]:
    """Set the flag of a person who must leave a list that cannot be written: too much is better than too little."""
    stuck = [write for write in refused if write.to is Reading.OUT and write.location.kind is not Kind.ROW]
    if not stuck or not landscape.policy.flag_for_unwritable_list:
        return
    wanted = {landscape.upwards(scope)[-1] for write in stuck for scope in landscape.meaning(write.location).scopes}
    for place, target in judged:
        open_ = target is None and place.meaning.writable and place.reading is not Reading.OUT
        if open_ and landscape.is_wide(place.at) and wanted.issuperset(place.meaning.scopes):
            yield Write(place.observed, Reading.OUT, rules.UNWRITABLE.id, None, stuck[-1].since, stuck[-1].whose)
