"""The decision: what each location should say, and which writes and holds follow. Pure; the engine does the I/O.

An opt-out closes every location whose scopes it covers, unless the location's own side already stops it with something
wider. A location opens only when nothing blocks it at any address it concerns and a proof speaks for exactly its scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from . import rules
from .evidence import Lesson
from .hold import Hold, Watch
from .landscape import Landscape, Loosened, Mode
from .model import Kind, Location, Observation, Reading, Scope, Snapshot, Subject
from .state import Knowledge
from .targets import Target, closed, differs, opened, points_at, shadowed


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

    `ignored` are scopes that people are out of and that are not enforced; `targets` is what each location should say,
    whether it says so already or not, without those that are left alone.
    """

    writes: tuple[Write, ...]
    unsent: tuple[Write, ...]
    holds: tuple[Hold, ...]
    ignored: frozenset[Scope] = frozenset()
    targets: Mapping[Location, Target] = field(default_factory=dict)


def decide(snapshot: Snapshot, lesson: Lesson, landscape: Landscape) -> Decision:
    """Decide for every location of `snapshot`, with `lesson` learnt from it."""
    know = Knowledge(landscape, lesson.entries, snapshot)
    points_of = snapshot.points_of
    snapshot = replace(snapshot, observations=tuple(_telling(snapshot, lesson)))
    targets: dict[Location, Target] = {}
    for o in snapshot.observations:
        points = points_at(o.location, points_of)
        if target := closed(know, o.location, points, lesson) or opened(know, o.location, points, snapshot, lesson):
            targets[o.location] = target
    left_alone = shadowed(snapshot, landscape, lesson, targets)
    targets = {at: target for at, target in targets.items() if at not in left_alone}
    writes = [
        Write(
            o,
            target.to,
            target.rule.id,
            landscape.meaning(o.location).brand,
            target.since,
            target.cause.subject if target.cause else None,
        )
        for o in snapshot.observations
        if (target := targets.get(o.location)) and differs(o, target.to, lesson, landscape)
    ]
    if landscape.policy.loosened is Loosened.HOLD:
        writes = [write for write in writes if write.rule != rules.RESTORE.id]
    unsent = tuple(write for write in writes if not write.observed.writable)
    writes = [write for write in writes if write.observed.writable]
    writes += _instead(unsent, writes, snapshot, landscape)
    writes.sort(key=lambda write: (write.to is not Reading.OUT, write.since))
    opted_in = {
        (o.location.subject, scope)
        for o in snapshot.observations
        if lesson.readings[o.location] is Reading.IN
        for scope in landscape.meaning(o.location).scopes
    }
    watch = Watch(know, lesson, points_of, opted_in)
    holds = [watch.over(o, targets.get(o.location)) for o in snapshot.observations if o.location not in left_alone]
    holds += [Hold(write.location, rules.HOLD_UNSENT.id, write.observed.reading) for write in unsent]
    ignored = frozenset(s for o in snapshot.observations for s in _ignored(o, targets.get(o.location), landscape))
    return Decision(tuple(writes), unsent, tuple(hold for hold in holds if hold), ignored, targets)


def _telling(snapshot: Snapshot, lesson: Lesson) -> Iterator[Observation]:
    """Leave out whom nobody ever said anything about: most people, and nothing follows for them."""
    entries = lesson.entries
    spoken: set[Subject] = {at.subject for at in (*lesson.loosened, *lesson.doubtful, *lesson.ours)}
    for point, holders in snapshot.holders.items():
        if entries[point].registers or any(entries[holder].registers for holder in holders):
            spoken.add(point)
            spoken |= holders
    last, telling = None, False
    for o in snapshot.observations:
        if o.location.subject is not last:  # those of one subject stand together
            last = o.location.subject
            telling = last in spoken
        if telling:
            yield o


def _ignored(o: Observation, target: Target | None, landscape: Landscape) -> frozenset[Scope]:
    """Give the scopes that a location is closed for and that its own side sends to all the same."""
    closing = target is not None and target.to is Reading.OUT
    return landscape.unenforced.intersection(landscape.meaning(o.location).scopes) if closing else frozenset()


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
            yield Write(o, Reading.OUT, rules.UNWRITABLE.id, None, because.since, because.whose)
