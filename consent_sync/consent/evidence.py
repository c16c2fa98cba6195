"""Reading evidence out of observations: what changed since we last looked, and what that proves.

Own writes are never evidence: after a write the ledger remembers the location as it was left, so a location unchanged
since then proves nothing. Where it cannot be told (a write that was begun and never confirmed, a row touched after our
write), the restrictive reading is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from .landscape import Landscape, Loosened
from .model import NEVER, Act, Kind, Location, Observation, Reading, RecordRef, Scope, Snapshot, Subject
from .registers import Entry, Evidence, Registers, Seen


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a snapshot taught: the entries with it joined in, and the evidence itself.

    `readings` says how each observed location is to be read (an absence can mean that the person left); `loosened` are
    the locations that said out when last seen and no longer do, without proof of an opt-in; `doubtful` are opt-ins
    older than the ledger, which prove nothing but may deserve a person's look; `ours` are those that we wrote out;
    `returned` are those that say what they said before we last looked: somebody restored a backup. `repeated` are
    contact points whose opt-out may have been given again, by an edit of what followed from it.
    """

    entries: dict[Subject, Entry]
    evidence: tuple[Evidence, ...]
    readings: dict[Location, Reading]
    loosened: frozenset[Location]
    doubtful: frozenset[Location]
    ours: frozenset[Location]
    returned: frozenset[Location] = frozenset()
    repeated: Mapping[Subject, Repeat] = field(default_factory=dict)


class Repeat(NamedTuple):
    """The latest opt-out of a contact point that does not only follow from an edit, and the time of the edit."""

    made: datetime
    edited: datetime


LATE = timedelta(minutes=2)
"""How long before a look a change may have happened that the look did not see: a transaction may last that long."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known besides the snapshot: the acts that events tell of, and who inherits the opt-outs of whom.

    `heirs` names, for each heir, other subjects of the snapshot; `estates` holds the registers of contact points that
    nobody carries any more and of which only the ledger's keyed hash is left. Each comes with the time before which its
    opt-outs do not count, because the heir was not there yet. `born` is when the ledger began: opt-ins older than that
    prove nothing, since nobody watched what came after them.
    """

    born: datetime
    acts: tuple[Act, ...] = ()
    heirs: Mapping[Subject, tuple[tuple[Subject, datetime], ...]] = field(default_factory=dict)
    estates: Mapping[Subject, tuple[tuple[Mapping[Scope, Registers], datetime], ...]] = field(default_factory=dict)


def learn(snapshot: Snapshot, entries: Mapping[Subject, Entry], landscape: Landscape, told: Told) -> Lesson:
    """Join what `snapshot` and `told` prove into `entries`, one per subject of the snapshot."""
    seen_by = snapshot.read_until  # an event tells of the past, whatever time it claims
    mapped = [a for a in told.acts if (a.location.kind, a.location.name) in landscape.meanings]
    acts = _by_location(replace(a, at=min(a.at, seen_by)) for a in mapped if a.location.subject in entries)
    before = {o.location: _seen_before(entries[o.location.subject], o.location) for o in snapshot.observations}
    returned = frozenset(o.location for o in snapshot.observations if _has_returned(o, before[o.location]))
    snapshot = _marked_restored(snapshot, returned)
    readings = {o.location: _as_read(o, before[o.location], landscape) for o in snapshot.observations}
    loosened = {o.location for o in snapshot.observations if _is_loosened(o, before[o.location], readings[o.location])}
    found = [*_from_acts(acts, landscape), *_from_observations(snapshot, entries, landscape, acts, told.born, readings)]
    if landscape.policy.loosened is Loosened.TRUST:
        found += _from_trust(loosened, before, landscape)
    made, news = _joined(entries, (evidence for evidence in found if evidence.why != _TOUCHED))
    learnt, touched = _joined(made, (evidence for evidence in found if evidence.why == _TOUCHED))
    learnt, inherited = _joined(learnt, list(_inherited(told, learnt)))
    return Lesson(
        _remembered(learnt, snapshot, readings),
        (*news, *touched, *inherited),
        readings,
        frozenset(loosened),
        frozenset(o.location for o in snapshot.observations if _is_doubtful(o, before[o.location], told.born)),
        frozenset(at for at, seen in before.items() if seen and seen.wrote is Reading.OUT),
        returned,
        _repeated(touched, made),
    )


_TOUCHED = "touched after our write"


def _repeated(touched: Iterable[Evidence], made: Mapping[Subject, Entry]) -> dict[Subject, Repeat]:
    found: dict[Subject, Repeat] = {}
    for evidence in touched:
        point = evidence.subject
        if point != evidence.location.subject:
            latest = max((known.latest_out for known in made[point].registers.values()), default=NEVER)
            edited = max(evidence.registers().latest_out, found[point].edited if point in found else NEVER)
            found[point] = Repeat(latest, edited)
    return found


def _joined(entries: Mapping[Subject, Entry], found: Iterable[Evidence]) -> tuple[dict[Subject, Entry], list[Evidence]]:
    """Join `found`, and give what of it was news."""
    learnt, news = dict(entries), []
    for evidence in found:
        joined = learnt[evidence.subject].joined(evidence)
        if joined is not learnt[evidence.subject]:
            learnt[evidence.subject] = joined
            news.append(evidence)
    return learnt, news


def _from_trust(
    loosened: Iterable[Location], before: Mapping[Location, Seen | None], landscape: Landscape
) -> Iterator[Evidence]:
    """Believe who loosened a location, where the customer's policy says so: it happened after we last looked."""
    for at in loosened:
        if seen := before[at]:
            for scope in landscape.meaning(at).scopes:
                yield Evidence(at.subject, scope, Reading.IN, seen.at, at, "", "loosened, and trusted by policy")


def _inherited(told: Told, entries: Mapping[Subject, Entry]) -> Iterator[Evidence]:
    """Pass on opt-outs, and opt-outs only, to an address that a person took on or a record merged into another."""
    living = ((heir, entries[s].registers, since) for heir, sources in told.heirs.items() for s, since in sources)
    left = ((heir, *estate) for heir, estates in told.estates.items() for estate in estates)
    for heir, registers, since in (*living, *left):
        for scope, known in registers.items():
            if known.out and known.latest_out >= since:
                at = Location(heir, Kind.ROW, str(scope))
                yield Evidence(heir, scope, Reading.OUT, known.latest_out, at, "", "inherited")


def _by_location(acts: Iterable[Act]) -> dict[Location, list[Act]]:
    told: dict[Location, list[Act]] = {}
    for act in acts:
        told.setdefault(act.location, []).append(act)
    return told


def _seen_before(entry: Entry, at: Location) -> Seen | None:
    """What the location said last; for a row that is gone, the most restrictive of what its predecessors said."""
    if at.key in entry.seen or at.row_id is not None:
        return entry.seen.get(at.key)
    gone = [seen for key, seen in entry.seen.items() if key.startswith(f"{at.key}/")]
    return max(gone, key=lambda seen: seen.reading is Reading.OUT, default=None)


def _as_read(o: Observation, seen: Seen | None, landscape: Landscape) -> Reading:
    """An absence is a withdrawal only where we know that there was a presence."""
    if seen and not o.present and landscape.meaning(o.location).leaving_is_out:
        return Reading.OUT if seen.present or seen.reading is Reading.OUT else o.reading
    return o.reading


def _has_returned(o: Observation, seen: Seen | None) -> bool:
    """Whether a location says something else than when we last looked, and yet was changed well before that look."""
    if seen is None or not o.present or o.version == seen.version or o.changed >= seen.at - LATE:
        return False
    return (o.reading if o.trusted or o.reading is not Reading.IN else Reading.SILENT) is not seen.reading


def _marked_restored(snapshot: Snapshot, returned: frozenset[Location]) -> Snapshot:
    marked = (replace(o, restored=True) if o.location in returned else o for o in snapshot.observations)
    return replace(snapshot, observations=tuple(marked)) if returned else snapshot


def _is_loosened(o: Observation, seen: Seen | None, reading: Reading) -> bool:
    unproven = reading is Reading.SILENT or (reading is Reading.IN and (o.restored or not o.trusted))
    return seen is not None and seen.reading is Reading.OUT and unproven


def _is_doubtful(o: Observation, seen: Seen | None, born: datetime) -> bool:
    return seen is None and o.reading is Reading.IN and o.trusted and o.created < born


def _from_acts(acts: Mapping[Location, Iterable[Act]], landscape: Landscape) -> Iterator[Evidence]:
    for location, group in acts.items():
        for act in group:
            if act.reading is Reading.OUT:
                for scope in landscape.meaning(location).scopes:
                    yield Evidence(location.subject, scope, Reading.OUT, act.at, location, "", "event")


def _from_observations(  # noqa: PLR0913  - one argument for each thing that the reading depends on
    snapshot: Snapshot,
    entries: Mapping[Subject, Entry],
    landscape: Landscape,
    acts: Mapping[Location, Iterable[Act]],
    born: datetime,
    readings: Mapping[Location, Reading],
) -> Iterator[Evidence]:
    for o in snapshot.observations:
        seen = _seen_before(entries[o.location.subject], o.location)
        reading = readings[o.location]
        subjects: Iterable[Subject] = (o.location.subject,)
        if reading is Reading.OUT and not _unchanged(o, reading, seen):
            at, why = (o.changed if o.present else snapshot.read_until), "first seen" if seen is None else "changed"
            if _may_be_ours(seen):
                subjects, why = _derived_from(o.location.subject, snapshot, entries), _TOUCHED
        elif reading is Reading.IN and o.trusted:
            at, why = _certainly_in_at(o, seen, acts.get(o.location, ()), born), "opted in"
        else:
            continue
        if at > NEVER:
            for scope in landscape.meaning(o.location).scopes:
                yield from (Evidence(s, scope, reading, at, o.location, o.source, why) for s in subjects)


def _unchanged(o: Observation, reading: Reading, seen: Seen | None) -> bool:
    if seen is None or _is_still_ours(o, reading, seen):
        return seen is not None
    return (seen.reading, seen.present, seen.version) == (reading, o.present, o.version)


def _is_still_ours(o: Observation, reading: Reading, seen: Seen) -> bool:
    """Whether nobody changed anything after a write of ours, confirmed or not: it was our user who changed it last."""
    return seen.wrote is reading and o.by_us is True


def _may_be_ours(seen: Seen | None) -> bool:
    """Whether an opt-out that changed may only have been touched by somebody after we had written it."""
    return seen is not None and seen.wrote is Reading.OUT and not seen.pending and seen.reading is Reading.OUT


def _certainly_in_at(o: Observation, seen: Seen | None, acts: Iterable[Act], born: datetime) -> datetime:
    """The latest time at which the opt-in that the location shows certainly had been given; NEVER if unknown."""
    if seen and seen.pending and seen.wrote is Reading.IN and o.by_us is not False:
        return NEVER  # our own write may have done this
    told = [min(act.at, o.changed) for act in acts if act.reading is Reading.IN]
    if o.restored:
        pass  # the row says what it said once; only an event tells of a new act
    elif seen is None:
        told += [o.created] if o.created >= born else []
    elif _came_since(o, seen):
        told.append(o.created)
    elif seen.reading is not Reading.IN and not (o.present and seen.version == o.version):
        told.append(seen.at)  # it was not in when we looked, so the person acted after that
    return max(told, default=NEVER)


def _came_since(o: Observation, seen: Seen) -> bool:
    """Whether what is there came into being after we looked, and not by us: it was in from its first moment."""
    ours = seen.wrote is Reading.IN and o.by_us is not False
    return o.created > seen.at and o.version != seen.version and not ours


def undated(
    snapshot: Snapshot, entries: Mapping[Subject, Entry], acts: Iterable[Act]
) -> list[tuple[Observation, datetime]]:
    """Give the opt-ins that changed since we last looked and that nothing dates, with the time of that look.

    Only these are worth asking the tenant's own log about. An opt-out is as late as its row was changed, whatever a log
    says: who opts out a second time changes nothing that a log would record.
    """
    told = {act.location for act in acts if act.reading is Reading.IN}
    found = []
    for o in snapshot.observations:
        if o.reading is Reading.IN and o.trusted and not o.restored and o.by_us is not True and o.location not in told:
            seen = _seen_before(entries[o.location.subject], o.location)
            if seen and seen.version != o.version and not _came_since(o, seen):
                found.append((o, seen.at))
    return found


def _is_own_opening(o: Observation, last: Seen) -> bool:
    return last.wrote is Reading.IN and (last.version == o.version if not last.pending else o.by_us is True)


def _derived_from(subject: Subject, snapshot: Snapshot, entries: Mapping[Subject, Entry]) -> Iterable[Subject]:
    """Whose opt-out a location stands for that we wrote out ourselves and that was touched since.

    On a record it followed from an address of that record, so it must not start to speak for the record's other ones;
    where that address is gone or open again, it stands for nobody's word any more.
    """
    if not isinstance(subject, RecordRef):
        return (subject,)
    found: list[Subject] = []
    for point, holders in snapshot.holders.items():
        others: set[Subject] = {point, *(holders - {subject})}
        if subject in holders and any(_any_out(entries[other]) for other in others):
            found.append(point)
    return found


def _any_out(entry: Entry) -> bool:
    return any(known.out for known in entry.registers.values())


def _remembered(
    entries: Mapping[Subject, Entry], snapshot: Snapshot, readings: Mapping[Location, Reading]
) -> dict[Subject, Entry]:
    """Every location of a subject is read at once, so what was not read any more is gone."""
    seen: dict[Subject, dict[str, Seen]] = {subject: {} for subject in entries}
    for o in snapshot.observations:
        reading, last = readings[o.location], entries[o.location.subject].seen.get(o.location.key)
        if reading is Reading.IN and not o.trusted and not (last and _is_own_opening(o, last)):
            reading = Reading.SILENT  # whoever said so, it proves nothing: a later proof must show as a change
        somebody_else = last is not None and last.pending and o.by_us is False
        wrote = last.wrote if last and last.wrote is reading and not somebody_else else None
        restored = last.restored if last else 0
        now = Seen(reading, o.present, o.version, snapshot.read_from, wrote, restored=restored)
        seen[o.location.subject][o.location.key] = now
    return {
        subject: replace(entry, seen=seen[subject], looked=max(entry.looked, snapshot.read_from))
        for subject, entry in entries.items()
    }
