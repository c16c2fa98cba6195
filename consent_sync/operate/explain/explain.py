"""Putting an explanation together: look and decide as a reconcile would, leave no trace, and put it into words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from consent_sync.consent.model import ContactPoint, Reading, RecordRef, Subject
from consent_sync.consent.rules import RULES
from consent_sync.engine.reconcile import Look, Reconciler
from consent_sync.operate.body import read_body
from consent_sync.operate.service import Service
from consent_sync.ports.ledger import Archive, Ledger, RecordedLine
from consent_sync.ports.wake import Wake

from .scopes import Known, scopes_of
from .view import ExplainRequest, ExplainView, LineView, PlaceView, PointView, WaitingView
from .words import Words, known, moment, source_in_words

LATEST_LINES = 200
_CHANGED_BY: dict[bool | None, Literal["this service", "somebody else"] | None] = {
    True: "this service",
    False: "somebody else",
    None: None,
}


class Memory(Ledger, Archive, Protocol):
    """The ledger with its histories."""


def read_explain(body: bytes) -> Subject:
    """Read whom a request asks about. Raises BadRequestBody or CannotProcess."""
    return read_body(ExplainRequest, body).subject()


def explained(service: Service, subject: Subject) -> ExplainView:
    """Explain with the running service. Raises what :func:`explain` raises."""
    file = service.mapping.file
    everywhere = file.policy.trusted_opt_in_sources
    own = {name: brand.trusted_opt_in_sources for name, brand in file.brands.items()}
    trusted = {name: sorted(everywhere if sources is None else sources) for name, sources in own.items()}
    return explain(subject, service.passes.reconcile, service.ledger, trusted)


def explain(
    subject: Subject, reconcile: Reconciler, ledger: Memory, trusted: Mapping[str, Sequence[str]]
) -> ExplainView:
    """Explain how a contact point, or a record with its contact points, stands, and why.

    `trusted` are the sources that prove an opt-in, by brand. Raises ConsentSyncError where anything could not be read.
    """
    look = reconcile.look(_wake(subject))
    points = _points(subject, look)
    everybody = _concerned(subject, points, look)
    words = Words(reconcile.tenant.names(), _called(subject, points, everybody))
    what = Known(look, {s: ledger.history(s) for s in everybody}, words, trusted)
    keys = {ledger.key(s): s for s in everybody}
    return ExplainView(
        asked=words.subject(subject),
        read=look.snapshot.read_until,
        busy=look.busy,
        points=[PointView(name=words.subject(p), key=ledger.key(p), scopes=list(scopes_of(p, what))) for p in points],
        places=list(_places(everybody, look, words)),
        waiting=list(_waiting(keys, look, ledger, words)),
        history=list(_history(what))[-LATEST_LINES:],
    )


def concerned(reconcile: Reconciler, subject: Subject) -> list[Subject]:
    """Give all whose histories tell of `subject`: a contact point and its holders, or a record with its own."""
    look = reconcile.look(_wake(subject))
    return _concerned(subject, _points(subject, look), look)


def _wake(subject: Subject) -> Wake:
    return Wake(records=(subject,)) if isinstance(subject, RecordRef) else Wake(points=(subject,))


def _points(subject: Subject, look: Look) -> list[ContactPoint]:
    if isinstance(subject, ContactPoint):
        return [subject]
    return sorted(look.snapshot.points_of.get(subject, frozenset()))


def _concerned(subject: Subject, points: Sequence[ContactPoint], look: Look) -> list[Subject]:
    """Give everybody whose acts or places matter here, the one that was asked about first."""
    holders = {record for point in points for record in look.snapshot.holders.get(point, frozenset())}
    found: list[Subject] = [*points, *sorted(holders)]
    known_here = [s for s in found if s in look.entries]
    return sorted(known_here, key=lambda s: s != subject)


def _called(subject: Subject, points: Sequence[ContactPoint], everybody: Sequence[Subject]) -> dict[Subject, str]:
    called: dict[Subject, str] = {s: f"the {s.table} {s.id}" for s in everybody if isinstance(s, RecordRef)}
    for number, point in enumerate(points, 1):
        called[point] = "the contact point" if len(points) == 1 else f"contact point {number}"
    if isinstance(subject, RecordRef):
        called[subject] = f"the {subject.table} {subject.id}"
    return called


def _places(everybody: Sequence[Subject], look: Look, words: Words) -> Iterator[PlaceView]:
    targets, changing = look.decision.targets, {write.location for write in look.decision.writes}
    for subject in everybody:
        for o in look.snapshot.observations:
            if o.location.subject != subject:
                continue
            target = targets.get(o.location)
            seen = look.entries[subject].seen.get(o.location.key)
            yield PlaceView(
                of=words.subject(subject),
                where=words.place(o.location.key),
                brand=look.landscape.meaning(o.location).brand,
                says=look.lesson.readings[o.location].value,
                present=o.present,
                changed=known(o.changed),
                changed_by=_CHANGED_BY[o.by_us],
                version=o.version,
                source=source_in_words(o.source),
                ours=seen is not None and seen.wrote is look.lesson.readings[o.location],
                should=target.to.value if target else None,
                rule=target.rule.id if target else None,
                why=target.rule.says if target else _left_alone(o.reading),
                in_step=o.location not in changing,
            )


def _waiting(keys: Mapping[str, Subject], look: Look, ledger: Ledger, words: Words) -> Iterator[WaitingView]:
    """Give what is held, and what a reconcile would hold now, which has no id yet."""
    recorded = [hold for hold in ledger.holds() if hold.key in keys]
    for hold in recorded:
        where = f"{words.place(hold.location)} of {words.subject(keys[hold.key])}"
        says = RULES[hold.rule].says
        yield WaitingView(
            id=hold.id, where=where, says=hold.says, stands=hold.stands, explanation=says, opened=hold.opened
        )
    known_here = {(hold.key, hold.location, hold.rule) for hold in recorded}
    for found in look.decision.holds:
        at = found.location
        if at.subject in words.called and (ledger.key(at.subject), at.key, found.rule) not in known_here:
            yield WaitingView(
                id="",
                where=words.location(at),
                says=found.reading.value,
                stands=found.stands.value,
                explanation=RULES[found.rule].says,
                opened=look.snapshot.read_until,
            )


def _left_alone(reading: Reading) -> str:
    if reading is Reading.OUT:
        return "It says out by itself, and nothing asks for more."
    return "Nothing asks for a change: nobody opted out of it here, or something wider beside it stops it already."


def _history(what: Known) -> Iterator[LineView]:
    told = [(line, subject) for subject, history in what.histories.items() for line in history]
    for line, subject in sorted(told, key=lambda found: (found[0].recorded, found[0].number)):
        yield LineView(
            at=line.at,
            of=what.words.subject(subject),
            what=line.what,
            text=_in_words(line, what.words),
            rule=line.rule,
            run=line.run,
            by=line.by,
        )


def _in_words(line: RecordedLine, words: Words) -> str:
    place = words.place(line.location)
    match line.what:
        case "evidence":
            how = f", {source_in_words(line.because)}" if line.because else ""
            return f"an opt-{line.says} at {moment(line.at)}, found in {place}{how}"
        case "write":
            return f"{place} was set to say {line.says}: {line.because}"
        case "settled":
            return f"the hold on {place} was settled, so that it says {line.says}: {line.because}"
    return f"{line.what}: {place} says {line.says}{f' ({line.because})' if line.because else ''}"
