"""How each scope stands at a contact point, because of what, and what would change it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import NEVER, ContactPoint, Kind, Reading, Scope, Snapshot, Subject
from consent_sync.consent.registers import Evidence
from consent_sync.consent.state import Breadth, Cause, Knowledge
from consent_sync.engine.intake import FOR_GOOD
from consent_sync.engine.reconcile import Look
from consent_sync.ports.ledger import RecordedLine

from .view import SaidView, ScopeView
from .words import BREADTHS, WAYS_OF_KNOWING, Words, known, moment, source_in_words


@dataclass(frozen=True, slots=True)
class Known:
    """What an explanation goes by: the look, the histories of those it concerns, and the words.

    `trusted` are the sources that prove an opt-in, by brand.
    """

    look: Look
    histories: dict[Subject, list[RecordedLine]]
    words: Words
    trusted: Mapping[str, Sequence[str]]


def scopes_of(point: ContactPoint, what: Known) -> Iterator[ScopeView]:
    """Explain every scope of the mapping for one contact point, widest first."""
    know = Knowledge(what.look.landscape, what.look.lesson.entries, what.look.snapshot)
    for scope in _widest_first(what.look.landscape):
        standing = know.at(point)
        cause, proof = standing.cause_of_out(scope), standing.proof_of_in(scope)
        if cause:
            stands, since = Reading.OUT, cause.at
        else:
            stands, since = (Reading.IN, proof) if proof > NEVER else (Reading.SILENT, NEVER)
        meaning = what.look.landscape.meanings.get((Kind.ROW, str(scope)))
        yield ScopeView(
            scope=str(scope),
            name=what.words.scope(scope),
            brand=meaning.brand if meaning else None,
            stands=stands.value,
            since=known(since) if since < FOR_GOOD else None,
            because=_because(scope, cause, stands, what),
            change=_change(scope, cause, stands, what),
            said=list(_said(point, scope, what)),
        )


def _widest_first(landscape: Landscape) -> list[Scope]:
    scopes = {wide for scope in landscape.parents for wide in landscape.upwards(scope)}
    return sorted(scopes, key=lambda scope: (len(landscape.upwards(scope)), str(scope)))


def _said(point: ContactPoint, scope: Scope, what: Known) -> Iterator[SaidView]:
    for subject in speakers(point, what.look.snapshot):
        registers = what.look.lesson.entries[subject].registers.get(scope)
        if registers:
            yield SaidView(
                of=what.words.subject(subject),
                latest_in=known(registers.latest_in),
                latest_out=known(registers.latest_out),
            )


def speakers(point: ContactPoint, snapshot: Snapshot) -> tuple[Subject, ...]:
    """Give who speaks for a contact point: itself, and the records that hold it."""
    return (point, *sorted(snapshot.holders.get(point, frozenset())))


def _because(scope: Scope, cause: Cause | None, stands: Reading, what: Known) -> str:
    if cause:
        for_scope = "" if cause.scope == scope else f" of {what.words.scope(cause.scope)}"
        when = "for good" if cause.at >= FOR_GOOD else f"at {moment(cause.at)}"
        text = f"{_capital(what.words.subject(cause.subject))} opted out{for_scope} {when}{BREADTHS[cause.breadth]}."
        return f"{text} {_trace(cause.subject, cause.scope, Reading.OUT, cause, what)}".strip()
    if stands is Reading.IN:
        return f"A proven opt-in is later than every possible opt-out. {_opt_in(scope, what)}".strip()
    return "Nobody said anything about it that counts as proof."


def _opt_in(scope: Scope, what: Known) -> str:
    lines = [line for history in what.histories.values() for line in history if _says(line, scope, Reading.IN)]
    return _told(max(lines, key=lambda line: line.at), what) if lines else ""


def _trace(subject: Subject, scope: Scope, reading: Reading, cause: Cause, what: Known) -> str:
    """Say which click it was: where it was found, how, and how we know."""
    lines = [line for line in what.histories.get(subject, ()) if _says(line, scope, reading)]
    exact = [line for line in lines if line.at.replace(microsecond=0) == cause.at]
    if exact or (lines and cause.at >= FOR_GOOD):
        line = (exact or lines)[0]
        return _sentence(line.location, line.because or _shown(subject, line, what), line.rule, what.words, line.by)
    news = [e for e in what.look.lesson.evidence if (e.subject, e.scope, e.says) == (subject, scope, reading)]
    return _found(news[-1], what) if news else ""


def _shown(subject: Subject, line: RecordedLine, what: Known) -> str:
    """Give the source that the place itself shows, where it was not changed since; an event does not tell it."""
    for o in what.look.snapshot.observations:
        here = o.location.subject == subject and o.location.key.startswith(line.location)
        if here and o.changed.replace(microsecond=0) == line.at.replace(microsecond=0):
            return o.source
    return ""


def _says(line: RecordedLine, scope: Scope, reading: Reading) -> bool:
    return (line.what, line.scope, line.says) == ("evidence", str(scope), reading.value)


def _told(line: RecordedLine, what: Known) -> str:
    return _sentence(line.location, line.because, line.rule, what.words, line.by)


def _found(evidence: Evidence, what: Known) -> str:
    return _sentence(evidence.location.key, evidence.source, evidence.why, what.words)


def _sentence(location: str, source: str, why: str, words: Words, by: str = "") -> str:
    how, recorded = (f", given {source_in_words(source)}" if source else ""), (f" by {by}" if by else "")
    return f"It stands in {words.place(location)}{how}; {WAYS_OF_KNOWING.get(why, why)}{recorded}."


def _change(scope: Scope, cause: Cause | None, stands: Reading, what: Known) -> str:
    landscape = what.look.landscape
    if stands is not Reading.OUT or cause is None:
        if stands is Reading.SILENT and scope in landscape.restrictive:
            return "Until the person opts in, real-time journeys send nothing: the purpose is restrictive."
        return "An opt-out in any place, or one that is taken in by hand."
    if _complained(scope, cause, what):
        return "Nothing: a complaint counts for good."
    where = _any_of(source_in_words(source) for source in _trusted(scope, what))
    later = f"given {where}, later than {moment(cause.at)}"
    wanted = what.words.scope(_lifted_by(scope, cause, landscape))
    if cause.breadth is Breadth.ALL_PARTS:
        return f"An opt-in to each purpose that it stands for, {later}; or a person's decision on the hold."
    return f"An opt-in to {wanted}, {later}; or a person's decision where something is held."


def _complained(scope: Scope, cause: Cause, what: Known) -> bool:
    """Whether somebody complained about the scope or anything wider, so that no opt-in lifts it."""
    wider = what.look.landscape.upwards(scope)
    registers = what.look.lesson.entries[cause.subject].registers
    return cause.at >= FOR_GOOD or any(registers[wide].latest_out >= FOR_GOOD for wide in wider if wide in registers)


def _lifted_by(scope: Scope, cause: Cause, landscape: Landscape) -> Scope:
    """Give the scope whose opt-in lifts a cause: a wide one is lifted for a purpose, never for a topic alone."""
    under_wider = cause.breadth is Breadth.WIDER and landscape.purposes_under(landscape.parents[scope]) == ()
    return landscape.parents[scope] if under_wider else scope


def _trusted(scope: Scope, what: Known) -> list[str]:
    """Give the sources that every brand of the scope trusts; of a scope of no brand, every brand."""
    meaning = what.look.landscape.meanings.get((Kind.ROW, str(scope)))
    brands = meaning.brand.split("+") if meaning and meaning.brand else list(what.trusted)
    return sorted(frozenset.intersection(*(frozenset(what.trusted.get(brand, ())) for brand in brands)))


def _any_of(texts: Iterable[str]) -> str:
    found = list(texts)
    return (
        found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}" if found else "in a trusted source"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
