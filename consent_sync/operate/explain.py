"""Why a person is mailed or not: every location, what it proves, the rule that decided, and what would change it.

The explanation takes the very decision that a reconcile would take, and leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from pydantic import BaseModel

from consent_sync.consent.model import NEVER, ContactPoint, Kind, Location, Observation, RecordRef, Scope, Subject
from consent_sync.consent.rules import RULES
from consent_sync.consent.state import Breadth, Cause, Knowledge
from consent_sync.engine.passes import Passes
from consent_sync.engine.reconcile import Look
from consent_sync.ports.ledger import Archive, RecordedLine
from consent_sync.ports.wake import Wake


class ScopeView(BaseModel):
    """What stands for one scope: blocked or not, L and U, and the opt-out that blocks it."""

    scope: str
    name: str
    blocked: bool
    opted_in: datetime | None
    opted_out: datetime | None
    because: str
    would_change: str


class PlaceView(BaseModel):
    """One location: whose, what it says and since when, and what it should say by which rule."""

    whose: str
    place: str
    says: str
    since: datetime | None
    source: str
    should_say: str
    rule: str
    why: str


class LineView(BaseModel):
    """One line of the history in words."""

    at: datetime
    whose: str
    says: str
    run: str


class ExplainView(BaseModel):
    """The explanation. It holds no address: the one that was asked for is "this address"."""

    scopes: list[ScopeView]
    places: list[PlaceView]
    held: list[str]
    history: list[LineView]


def explain(passes: Passes, archive: Archive, whose: Subject) -> ExplainView:
    """Explain what stands for an address, or for a record and all of its addresses. Raises ConsentSyncError."""
    wake = Wake(records=(whose,)) if isinstance(whose, RecordRef) else Wake(points=(whose,))
    look = passes.reconcile.look(wake)
    points = _points(look, whose)
    words = Words(passes.tenant.names(), whose, points)
    subjects = _concerned(look, whose)
    held = {hold.location: hold.rule for hold in look.decision.holds if hold.location.subject in subjects}
    return ExplainView(
        scopes=[view for point in points for view in _scopes(look, point, words)],
        places=[_place(look, o, words) for o in look.snapshot.observations if o.location.subject in subjects],
        held=[f"{words.place(at)} of {words.whose(at.subject)}: {RULES[rule].says}" for at, rule in held.items()],
        history=[
            LineView(at=line.at, whose=words.whose(subject), says=words.line(line), run=line.run)
            for subject, line in sorted(
                ((subject, line) for subject in subjects for line in archive.history(subject)),
                key=lambda told: (told[1].at, told[1].recorded),
            )
        ],
    )


def concerned(passes: Passes, whose: Subject) -> list[Subject]:
    """Give all whose histories tell of a person: an address and the records that carry it, or a record with its own."""
    wake = Wake(records=(whose,)) if isinstance(whose, RecordRef) else Wake(points=(whose,))
    return _concerned(passes.reconcile.look(wake), whose)


def _concerned(look: Look, whose: Subject) -> list[Subject]:
    points = _points(look, whose)
    holders = [record for point in points for record in sorted(look.snapshot.holders.get(point, ()))]
    return list(dict.fromkeys([whose, *points, *holders]))


def _points(look: Look, whose: Subject) -> list[ContactPoint]:
    return sorted(look.snapshot.points_of.get(whose, ())) if isinstance(whose, RecordRef) else [whose]


class Words:
    """Puts subjects, scopes, places and lines into words, with the names that people use."""

    def __init__(self, names: Mapping[str, str], asked: Subject, points: Iterable[ContactPoint]) -> None:
        self._names, self._asked = names, asked
        self._points = {point: number for number, point in enumerate(points, 1)}

    def whose(self, subject: Subject) -> str:
        """Name a subject without an address."""
        if isinstance(subject, RecordRef):
            return f"{subject.table} {subject.id}"
        if subject == self._asked:
            return "this address"
        number = self._points.get(subject)
        return f"address {number} of the record" if number else "another address"

    def scope(self, text: str) -> str:
        """Name a scope, given in its stored form."""
        scope = Scope.parse(text)
        return f"all {scope.id} mail" if scope.kind == "tenant" else f"'{self._names.get(scope.id, scope.id)}'"

    def place(self, at: Location) -> str:
        """Name a location within its subject."""
        return self.key(at.key)

    def key(self, key: str) -> str:
        """Name a location by its key."""
        kind, _, rest = key.partition("/")
        name = rest.partition("/")[0]
        match kind:
            case Kind.FLAG.value:
                return f"the flag {name}"
            case Kind.ROW.value:
                return f"the consent row for {self.scope(name)}"
            case Kind.LIST.value:
                return f"the list '{self._names.get(name, name)}'"
            case Kind.OPT_OUT_LIST.value:
                return f"the opt-out list '{self._names.get(name, name)}'"
            case _:
                return key or "the ledger"

    def line(self, line: RecordedLine) -> str:
        """Say what a line of the history tells."""
        by = f" by {line.by}" if line.by else ""
        if line.what == "evidence":
            said = "opted out of" if line.says == "out" else "opted in to"
            source = f", source {line.because}" if line.because else ""
            return f"{said} {self.scope(line.scope)}: {self.key(line.location)} ({line.rule}{source}){by}"
        if line.what == "write":
            why = RULES[line.rule].says if line.rule in RULES else line.rule
            return f"consent-sync made {self.key(line.location)} say {line.says}: {line.because}. {why}"
        scope = f" for {self.scope(line.scope)}" if ":" in line.scope else ""
        return f"{line.what}{scope}: {self.key(line.location)} {line.says} {line.rule} {line.because}{by}".strip()


def _scopes(look: Look, point: ContactPoint, words: Words) -> Iterator[ScopeView]:
    """Say what stands at an address for every scope that anything was said about, or that has a place."""
    standing = Knowledge(look.landscape, look.lesson.entries, look.snapshot).at(point)
    speakers = [point, *look.snapshot.holders.get(point, ())]
    entries = [look.lesson.entries[subject] for subject in speakers if subject in look.lesson.entries]
    scopes = {scope for entry in entries for scope in entry.registers}
    for scope in sorted(scopes, key=str):
        cause = standing.cause_of_out(scope)
        known = [entry.of(scope) for entry in entries]
        yield ScopeView(
            scope=str(scope),
            name=words.scope(str(scope)),
            blocked=cause is not None,
            opted_in=_moment(max(k.latest_in for k in known)),
            opted_out=_moment(max(k.latest_out for k in known)),
            because=_because(cause, words) if cause else "nothing stops it",
            would_change=_would_change(cause, words),
        )


def _because(cause: Cause, words: Words) -> str:
    how = {
        Breadth.SAME: "",
        Breadth.WIDER: " That is wider, and covers it.",
        Breadth.ALL_PARTS: " Every part of it is stopped.",
        Breadth.UNENFORCED: " That purpose is Disabled, so its own side would mail all the same.",
    }[cause.breadth]
    who, what = words.whose(cause.subject), words.scope(str(cause.scope))
    return f"{who} opted out of {what}, at the latest on {cause.at:%Y-%m-%d %H:%M:%S} UTC.{how}"


def _would_change(cause: Cause | None, words: Words) -> str:
    if cause is None:
        return "an opt-out, anywhere"
    what = words.scope(str(cause.scope))
    return f"a proven opt-in to {what} after that moment, or a hold that a person applies"


def _place(look: Look, o: Observation, words: Words) -> PlaceView:
    target = look.decision.targets.get(o.location)
    says = look.lesson.readings.get(o.location, o.reading).value
    return PlaceView(
        whose=words.whose(o.location.subject),
        place=words.place(o.location),
        says=says if o.present else f"{says}, absent",
        since=_moment(o.changed),
        source=o.source,
        should_say=target.to.value if target else "",
        rule=target.rule.id if target else "",
        why=f"{target.rule.says} {target.rule.reason}" if target else "",
    )


def _moment(at: datetime) -> datetime | None:
    return at if at > NEVER else None
