"""A tenant in memory, small enough to be attacked: people act, rows get edited, and every write is judged.

It implements the tenant port, and keeps the truth beside it: what each person really said and when.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from consent_sync.consent.decide import Write
from consent_sync.consent.landscape import Landscape, Meaning, Mode, Opened, Policy
from consent_sync.consent.model import (
    Act,
    Channel,
    ContactPoint,
    Kind,
    Location,
    Observation,
    PurposeType,
    Reading,
    RecordRef,
    Scope,
    Snapshot,
    purpose,
    tenant,
    topic,
)
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.runs import Source
from consent_sync.ports.tenant import Outcome, Page, Result

A = ContactPoint(Channel.EMAIL, "a@example.com")
B = ContactPoint(Channel.EMAIL, "b@example.com")
ANN, BOB, LEA = RecordRef("contact", "ann"), RecordRef("contact", "bob"), RecordRef("lead", "lea")

FLAG = "donotbulkemail"
P1, P2 = purpose("p1"), purpose("p2")
T1, T2 = topic("t1"), topic("t2")
COMMERCIAL = tenant(PurposeType.COMMERCIAL)
START = datetime(2026, 1, 1, tzinfo=UTC)


def landscape() -> Landscape:
    """Give two brands, each with a purpose, a topic under it and the topic's list; the first has an opt-out list."""
    meanings: dict[tuple[Kind, str], Meaning] = {(Kind.FLAG, FLAG): Meaning((COMMERCIAL,), "left", shadows=True)}
    parents: dict[Scope, Scope] = {}
    for n, (p, t) in enumerate(((P1, T1), (P2, T2)), 1):
        parents |= {t: p, p: COMMERCIAL}
        meanings[Kind.ROW, str(p)] = Meaning((p,), "right", f"b{n}", shadows=True, opened=Opened.IN)
        meanings[Kind.ROW, str(t)] = Meaning((t,), "right", f"b{n}", opened=Opened.IN)
        meanings[Kind.LIST, f"l{n}"] = Meaning((t,), "left", f"b{n}", opened=Opened.PRESENT)
    meanings[Kind.OPT_OUT_LIST, "o1"] = Meaning((P1,), "left", "b1")
    return Landscape(meanings, parents, {PurposeType.COMMERCIAL: (P1, P2)}, Policy(Mode.TWO_WAY))


class Down(ConsentSyncError):
    """The tenant does not answer."""


@dataclass
class _Record:
    points: set[ContactPoint]
    flag: bool = False
    version: int = 0
    created: datetime = START
    changed: datetime = START
    by_us: bool = False
    lists: dict[str, tuple[int, datetime]] = field(default_factory=dict)


@dataclass
class _Row:
    point: ContactPoint
    scope: Scope
    reading: Reading
    trusted: bool
    version: int
    created: datetime
    changed: datetime
    by_us: bool = False


@dataclass(frozen=True)
class Truth:
    """What a person really did: `who` is the record or address the act was made at."""

    who: RecordRef | ContactPoint
    scope: Scope
    says: Reading
    at: datetime


class World:
    """The tenant, its people and the truth about them."""

    def __init__(self, scene: Landscape | None = None, *, trust_lists: bool = False) -> None:
        self.scene, self.trust_lists = scene or landscape(), trust_lists
        self.now, self._step, self._version = START, timedelta(seconds=2), 0
        self.records: dict[RecordRef, _Record] = {}
        self.rows: dict[str, _Row] = {}
        self.truth: list[Truth] = []
        self.writes: list[Write] = []
        self.judged: list[tuple[Write, tuple[Truth, ...]]] = []
        self._truth_read: tuple[Truth, ...] = ()
        self.down_at: int | None = None
        self.dies_after_writing = False
        self.calls = 0
        self.before_apply: list[Any] = []
        self.audited = False
        self.log: list[Act] = []

    # what people and staff do; each gives the event that the tenant would send

    def add(self, record: RecordRef, *points: ContactPoint) -> None:
        self._tick()
        self.records[record] = _Record(set(points), version=self._next(), created=self.now, changed=self.now)

    def edit(self, record: RecordRef) -> None:
        """Change something that has nothing to do with consent."""
        self._tick()
        self._touch(self.records[record])

    def flag(self, record: RecordRef, value: bool) -> Act:  # noqa: FBT001
        self._tick()
        row = self.records[record]
        row.flag = value
        self._touch(row)
        if value:
            self.truth.append(Truth(record, COMMERCIAL, Reading.OUT, self.now))
        return Act(Location(record, Kind.FLAG, FLAG), Reading.OUT if value else Reading.SILENT, self.now)

    def consent(self, point: ContactPoint, scope: Scope, says: Reading, *, trusted: bool = True, row: str = "") -> Act:
        """Leave a consent row saying `says`, as a preference centre (trusted) or an import (not) would."""
        self._tick()
        row_id = row or next(
            (i for i, r in self.rows.items() if (r.point, r.scope) == (point, scope)), f"row{self._version}"
        )
        old = self.rows.get(row_id)
        created = old.created if old else self.now
        self.rows[row_id] = _Row(point, scope, says, trusted, self._next(), created, self.now)
        if says is Reading.OUT or (says is Reading.IN and trusted):
            self.truth.append(Truth(point, scope, says, self.now))
        act = Act(Location(point, Kind.ROW, str(scope), row_id), says, self.now)
        if self.audited and old and (old.reading, old.trusted) != (says, trusted) and says is not Reading.SILENT:
            self.log.append(act)
        return act

    def edit_row(self, point: ContactPoint, scope: Scope) -> None:
        """Change something of the consent row that has nothing to do with what it says."""
        self._tick()
        for row in self.rows.values():
            if (row.point, row.scope) == (point, scope):
                row.version, row.changed, row.by_us = self._next(), self.now, False

    def delete_row(self, point: ContactPoint, scope: Scope) -> None:
        self._tick()
        self.rows = {i: r for i, r in self.rows.items() if (r.point, r.scope) != (point, scope)}

    def join(self, record: RecordRef, list_id: str) -> Act:
        self._tick()
        self.records[record].lists[list_id] = (self._next(), self.now)
        kind, scopes = self._list(list_id)
        if kind is Kind.OPT_OUT_LIST:
            self.truth += [Truth(record, scope, Reading.OUT, self.now) for scope in scopes]
        elif self.trust_lists:
            self.truth += [Truth(record, scope, Reading.IN, self.now) for scope in scopes]
        return Act(Location(record, kind, list_id), Reading.OUT if kind is Kind.OPT_OUT_LIST else Reading.IN, self.now)

    def leave(self, record: RecordRef, list_id: str) -> Act:
        self._tick()
        self.records[record].lists.pop(list_id, None)
        kind, scopes = self._list(list_id)
        if kind is Kind.LIST:
            self.truth += [Truth(record, scope, Reading.OUT, self.now) for scope in scopes]
        return Act(Location(record, kind, list_id), Reading.OUT if kind is Kind.LIST else Reading.SILENT, self.now)

    def wait(self, seconds: float = 2) -> None:
        """Let time pass, so that what is looked at next lies in an earlier second."""
        self.now += timedelta(seconds=seconds)

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Let everything inside happen in the same second."""
        self._step, step = timedelta(0), self._step
        yield
        self._step = step

    # the tenant port

    def landscape(self) -> Landscape:
        return self.scene

    def names(self) -> dict[str, str]:
        return {}

    def gather(
        self, points: Collection[ContactPoint], records: Collection[RecordRef], rows: Collection[str] = ()
    ) -> Snapshot:
        self._call()
        points = {*points, *(self.rows[row].point for row in rows if row in self.rows)}
        self._truth_read = tuple(self.truth)
        asked = set(points) | {p for r in records if r in self.records for p in self.records[r].points}
        found: set[RecordRef] = set(records) & set(self.records)
        while more := {r for r, row in self.records.items() if row.points & asked} - found:
            found |= more
            asked |= {p for r in more for p in self.records[r].points}
        holders = {p: frozenset(r for r in found if p in self.records[r].points) for p in asked}
        observations = tuple(o for r in sorted(found) for o in self._of_record(r))
        observations += tuple(o for p in sorted(asked) for o in self._of_point(p))
        return Snapshot(self.now, self.now, observations, frozenset(found), holders, frozenset(asked))

    def acts_behind(self, changed: Sequence[tuple[Observation, datetime]]) -> list[Act]:
        at = {o.location: since for o, since in changed}
        return [act for act in self.log if act.location in at and act.at >= at[act.location]]

    def apply(self, writes: Sequence[Write]) -> list[Result]:
        self._call()
        for act in self.before_apply:
            act()
        self.before_apply = []
        before = self.now
        self._tick()
        results = [self._write(write, before) for write in writes]
        if self.dies_after_writing:
            raise Down("the machine died before it could record what it wrote")
        return results

    def page(self, source: Source, after: str | None, size: int) -> Page:
        del after, size
        if source.table != "contact":
            return Page((), (), None, frozenset())
        points = {r.point for r in self.rows.values()} | {p for r in self.records.values() for p in r.points}
        return Page(tuple(sorted(points)), tuple(sorted(self.records)), None)

    def tracked(self) -> frozenset[str]:
        return frozenset()

    def count(self, names: Collection[str]) -> int | None:
        return len(self.records) if names else None

    @contextmanager
    def counting(self, correlation_id: str = "") -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(requests=0, retries=0, throttled=0, correlation_id=correlation_id)

    # judging

    def open_for(self, point: ContactPoint, scope: Scope) -> bool:
        """Whether any world would mail `point` about `scope` where an opt-out must stop it.

        The left side mails when no flag is set and, for a topic, the record is on the list; the right side when neither
        the purpose's nor the topic's row says out (the purpose is non-restrictive).
        """
        chain = self.scene.upwards(scope)
        rows_out = any(r.reading is Reading.OUT for r in self.rows.values() if r.point == point and r.scope in chain)
        return not rows_out or any(self._left_open(r, scope) for r in self._holders(point))

    def out_in_truth(self, point: ContactPoint, scope: Scope, truth: Sequence[Truth] | None = None) -> bool:
        """Whether the latest act that concerns `point` and `scope` was an opt-out, by the people's own record."""
        people = {point, *self._holders(point)}
        alone, truth = len(people) <= 2, self.truth if truth is None else truth
        for wide in self.scene.upwards(scope):
            for who in people:
                outs = [t.at for t in truth if t.who == who and t.scope == wide and t.says is Reading.OUT]
                speakers = people if alone else {who, point} if who == point else {who}
                chain = {wide} | (
                    {s for s in self.scene.upwards(scope) if s.kind == "purpose"} if wide.kind == "tenant" else set()
                )
                ins = [t.at for t in truth if t.who in speakers and t.scope in chain and t.says is Reading.IN]
                if outs and max(outs) >= max(ins, default=START - timedelta(1)):
                    return True
        return False

    # inside

    def _left_open(self, record: RecordRef, scope: Scope) -> bool:
        row = self.records[record]
        lists = [i for (k, i), m in self.scene.meanings.items() if k is Kind.LIST and set(m.scopes) & {scope}]
        return not row.flag and any(i in row.lists for i in lists)

    def _holders(self, point: ContactPoint) -> set[RecordRef]:
        return {r for r, row in self.records.items() if point in row.points}

    def _list(self, list_id: str) -> tuple[Kind, tuple[Scope, ...]]:
        return next((k, m.scopes) for (k, i), m in self.scene.meanings.items() if i == list_id)

    def _of_record(self, record: RecordRef) -> Iterator[Observation]:
        row = self.records[record]
        yield Observation(
            Location(record, Kind.FLAG, FLAG),
            Reading.OUT if row.flag else Reading.SILENT,
            version=str(row.version),
            changed=row.changed,
            created=row.created,
            by_us=row.by_us,
        )
        for kind, list_id in self.scene.meanings:
            if kind not in {Kind.LIST, Kind.OPT_OUT_LIST}:
                continue
            at, on = Location(record, kind, list_id), row.lists.get(list_id)
            if on is None:
                yield Observation(at, Reading.SILENT, present=False)
                continue
            reading = Reading.OUT if kind is Kind.OPT_OUT_LIST else Reading.IN if self.trust_lists else Reading.SILENT
            yield Observation(
                at, reading, version=str(on[0]), changed=on[1], created=on[1], trusted=reading is Reading.IN
            )

    def _of_point(self, point: ContactPoint) -> Iterator[Observation]:
        for kind, name in self.scene.meanings:
            if kind is not Kind.ROW:
                continue
            rows = [(i, r) for i, r in self.rows.items() if r.point == point and str(r.scope) == name]
            for i, r in rows:
                yield Observation(
                    Location(point, kind, name, i),
                    r.reading,
                    version=str(r.version),
                    changed=r.changed,
                    created=r.created,
                    trusted=r.trusted and r.reading is Reading.IN,
                    by_us=r.by_us,
                )
            if not rows:
                yield Observation(Location(point, kind, name), Reading.SILENT, present=False)

    def _write(self, write: Write, before: datetime) -> Result:
        at, subject = write.location, write.location.subject
        self.writes.append(write)
        self.judged.append((write, self._truth_read))  # an act after the read is another event's work
        if isinstance(subject, ContactPoint):
            return self._write_row(write, subject, before)
        record = self.records[subject]
        if at.kind is Kind.FLAG:
            if str(record.version) != write.observed.version:
                return Result(write, Outcome.CHANGED, before)
            record.flag = write.to is Reading.OUT
            self._touch(record, by_us=True)
            return Result(write, Outcome.DONE, before, str(record.version))
        if (write.to is Reading.OUT) == (at.kind is Kind.OPT_OUT_LIST):
            record.lists[at.name] = (self._next(), self.now)
            return Result(write, Outcome.DONE, before, str(record.lists[at.name][0]))
        on = record.lists.get(at.name)
        if on is not None and str(on[0]) == write.observed.version:
            del record.lists[at.name]
        return Result(write, Outcome.DONE, before)

    def _write_row(self, write: Write, point: ContactPoint, before: datetime) -> Result:
        row_id = write.location.row_id or f"ours-{point.value}-{write.location.name}"
        old = self.rows.get(row_id)
        if (str(old.version) if old else None) != write.observed.version:
            return Result(write, Outcome.CHANGED, before)
        created = old.created if old else self.now
        scope = Scope.parse(write.location.name)
        version = self._next()
        self.rows[row_id] = _Row(point, scope, write.to, False, version, created, self.now, by_us=True)
        return Result(write, Outcome.DONE, before, str(self.rows[row_id].version), row_id)

    def _call(self) -> None:
        self.calls += 1
        if self.down_at is not None and self.calls >= self.down_at:
            raise Down("the tenant does not answer")

    def _touch(self, record: _Record, *, by_us: bool = False) -> None:
        record.version, record.changed, record.by_us = self._next(), self.now, by_us

    def _next(self) -> int:
        self._version += 1
        return self._version

    def _tick(self) -> None:
        self.now += self._step
