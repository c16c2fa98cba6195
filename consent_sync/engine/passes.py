"""Sweeps and resyncs: cutting a run into parts, and working one page of one part at a time.

A full pass goes over the records: a consent row of an address that nobody holds has nothing to be in step with.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from consent_sync.consent import rules
from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import RecordRef, Snapshot, Subject
from consent_sync.ports.ledger import Ledger, Verdict
from consent_sync.ports.runs import Part, Run, RunKind, Source, State, Tally, state_of, total
from consent_sync.ports.tenant import Page, Tenant
from consent_sync.ports.wake import PageTurn, Wake

from .gates import planned_with, service_hold
from .reconcile import Mine, Reconciler, Task
from .settle import CannotSettle, Settlement, settle

PAGE_ROWS = 250
OVERLAP = timedelta(minutes=10)
"""How far a sweep reaches back behind the start of the last one: clocks differ, and transactions end late."""

_WAKE = "wake"
_RECORDS = ("contact", "lead")
_ROWS = "msdynmkt_contactpointconsent4"
_MEMBERS = "listmember"
_REMEMBERED_RUNS = 50


@dataclass(frozen=True, slots=True)
class Scope:
    """What a resync is to look at: everything, what changed since, one brand, one list, or what `wake` names."""

    says: str
    since: datetime | None = None
    brand: str | None = None
    list_id: str | None = None
    wake: Wake | None = None


@dataclass(frozen=True, slots=True)
class Passes:
    """Starts runs and works their pages. `fingerprint` is the mapping's, stored with every run."""

    tenant: Tenant
    ledger: Ledger
    reconcile: Reconciler
    fingerprint: str
    lists: tuple[str, ...]

    def start_resync(self, scope: Scope, *, dry_run: bool, reason: str) -> tuple[Run, list[Wake | PageTurn]]:
        """Record a resync and give the messages that begin it."""
        run = self._run(RunKind.RESYNC, scope.says, reason, dry_run=dry_run)
        if scope.wake:
            self.ledger.start_run(run, [Part(run.id, _WAKE, Source(_WAKE))])
            return run, [replace(scope.wake, run_id=run.id, dry_run=dry_run)]
        if scope.list_id:
            sources = [Source(_MEMBERS, scope.list_id), Source(_MEMBERS, scope.list_id, gone=True)]
        elif scope.since:
            sources = self._changed_since(scope.since)
        else:
            sources = [Source(table, scope.brand) for table in _RECORDS]
        return run, self._begin(run, sources)

    def start_sweep(self) -> tuple[Run, list[Wake | PageTurn]]:
        """Record a sweep over what changed since the last complete one began, and give its first messages."""
        since = self._last_complete()
        sources = self._changed_since(since - OVERLAP) if since else [Source(table) for table in _RECORDS]
        run = self._run(RunKind.SWEEP, "changes" if since else "all", "timer", dry_run=False)
        return run, self._begin(run, sources)

    def wake(self, wake: Wake, *, last_try: bool = False) -> None:
        """Reconcile what `wake` names. Raises ConsentSyncError; the part of a run that asked for it says why."""
        part = self.ledger.part(wake.run_id, _WAKE) if wake.run_id else None
        if part is None:
            self.reconcile(wake)
        elif not part.finished:
            done = self._work(part, lambda: Page(wake.points, wake.records, after=None), last_try=last_try)
            self.ledger.advance(done, part.seq)

    def turn(self, turn: PageTurn, *, last_try: bool = False) -> list[PageTurn]:
        """Work the next page of a part and give the turns after it, none at the end or where another was faster.

        A run writes its opt-outs first. When all of them are written and the opt-ins it found are few enough, it goes
        over the same sources again for these; if they are too many, it stops and a hold asks a person.

        Raises ConsentSyncError where the page could not be worked completely: the checkpoint stays, the part says why.
        """
        part = self.ledger.part(turn.run_id, turn.part)
        if part is None or part.finished or part.seq != turn.seq:
            return []
        done = self._work(part, lambda: self._page(part), last_try=last_try)
        further = self._openings(done) if done.finished else []
        self.ledger.add_parts(further)
        if not self.ledger.advance(done, part.seq):
            return []
        if not done.finished:
            return [PageTurn(turn.run_id, turn.part, done.seq)]
        return [PageTurn(part.run_id, part.name) for part in further]

    def approve(self, run_id: str) -> list[PageTurn]:
        """Let a run that the brake stopped write its opt-ins: give the turns that begin it."""
        further = [_opening_part(part) for part in self.ledger.parts(run_id) if not part.opening]
        self.ledger.add_parts(further)
        return [PageTurn(part.run_id, part.name) for part in further]

    def settle(self, hold_id: str, settlement: Settlement) -> list[Wake | PageTurn]:
        """Settle a hold, and give the messages that carry its consequences out. Raises CannotSettle."""
        hold = self.ledger.hold(hold_id)
        applied = settlement.verdict is Verdict.APPLY
        if hold and hold.rule == rules.HOLD_MAPPING.id and applied and not planned_with(self.ledger, hold.location):
            raise CannotSettle("make a full plan with the changed mapping first: a resync of everything")
        wake = settle(self.ledger, self.tenant.landscape(), hold_id, settlement)
        if hold and hold.rule == rules.HOLD_EMPTIED.id and not applied:
            self.ledger.forget_members(hold.location.rpartition("-")[0])
        if hold and hold.rule == rules.HOLD_BRAKE.id and applied and self.ledger.run(hold.location):
            return [*self.approve(hold.location)]
        return [wake] if wake else []

    def _openings(self, done: Part) -> list[Part]:
        """Give the parts that write the run's opt-ins, if `done` was the last of the others and the brake allows it."""
        run = self.ledger.run(done.run_id)
        parts = [done, *(part for part in self.ledger.parts(done.run_id) if part.name != done.name)]
        if run is None or run.dry_run or not all(part.finished for part in parts) or any(p.opening for p in parts):
            return []
        tally, policy = total(parts), self.tenant.landscape().policy
        if policy.is_too_much(sum(tally.planned.values()) - tally.opening, tally.decided):
            self.ledger.open_hold(service_hold(rules.HOLD_MANY_OUT.id, run.id, _now()))
        if not tally.opening or self.reconcile.mode() is not Mode.TWO_WAY:
            return []
        if policy.is_too_much(tally.opening, tally.decided):
            self.ledger.open_hold(service_hold(rules.HOLD_BRAKE.id, run.id, _now()))
            return []
        return [_opening_part(part) for part in parts]

    def _work(self, part: Part, read: Callable[[], Page], *, last_try: bool) -> Part:
        """Read a page, reconcile it, and give the part with its checkpoint behind the page."""
        run = self.ledger.run(part.run_id)
        dry_run = run is not None and run.dry_run
        try:
            with self.tenant.counting() as counter:
                page = read()
                tally = part.tally
                if page.points or page.records:
                    task = Task(
                        part.run_id,
                        dry_run,
                        _share(page.covers),
                        None if part.source.table == _MEMBERS else part.source.name,
                        Mode.TWO_WAY if part.opening or part.source.table == _WAKE else Mode.RESTRICT,
                    )
                    found = self.reconcile(Wake(page.points, page.records), task)
                    tally += Tally(written=found.written) if part.opening else found
                tally = replace(tally, requests=part.tally.requests + counter.requests)
        except Exception as error:
            says = f"{type(error).__name__}: {error}"
            self.ledger.advance(replace(part, problem=says, parked=last_try), part.seq)
            raise
        finished = None if page.after else _now()
        return replace(
            part, cursor=page.after, seq=part.seq + 1, finished=finished, tally=tally, problem=None, parked=False
        )

    def _page(self, part: Part) -> Page:
        if not part.source.gone:
            return self.tenant.page(part.source, part.cursor, PAGE_ROWS)
        return self._gone(part.source, part.cursor)

    def _gone(self, source: Source, after: str | None) -> Page:
        """Find members that the ledger remembers and the list no longer has: leaving a list leaves no trace."""
        remembered = {record for record in self.ledger.members(source.name or "") if record.id > (after or "")}
        cursor = None
        while remembered:
            page = self.tenant.page(replace(source, gone=False), cursor, _WHOLE_PAGE)
            remembered.difference_update(page.records)
            if (cursor := page.after) is None:
                break
        gone = sorted(remembered, key=lambda record: record.id)[:PAGE_ROWS]
        left = self.ledger.remembers(source.name or "", gone)
        return Page((), tuple(sorted(left)), gone[-1].id if len(gone) == PAGE_ROWS else None)

    def _changed_since(self, since: datetime) -> list[Source]:
        tables = [Source(table, since=since) for table in (*_RECORDS, _ROWS)]
        joined = [Source(_MEMBERS, list_id, since) for list_id in self.lists]
        return [*tables, *joined, *(Source(_MEMBERS, list_id, gone=True) for list_id in self.lists)]

    def _begin(self, run: Run, sources: list[Source]) -> list[Wake | PageTurn]:
        parts = [Part(run.id, _part_name(source), source) for source in sources]
        self.ledger.start_run(run, parts)
        return [PageTurn(run.id, part.name) for part in parts]

    def _run(self, kind: RunKind, scope: str, reason: str, *, dry_run: bool) -> Run:
        mode = self.reconcile.mode()
        return Run(uuid.uuid4().hex, kind, mode, dry_run, scope, reason, self.fingerprint, _now())

    def _last_complete(self) -> datetime | None:
        """When the latest run began after which nothing older can have been missed.

        A run in a lower mode saw what it was not allowed to write, so it does not count.
        """
        mode = self.reconcile.mode()
        for run in self.ledger.runs(_REMEMBERED_RUNS):
            looked = run.scope == "all" or run.kind is RunKind.SWEEP
            if (
                looked
                and not run.dry_run
                and run.mode.step >= mode.step
                and state_of(self.ledger.parts(run.id)) is State.DONE
            ):
                return run.started
        return None


_WHOLE_PAGE = 5000


def _opening_part(part: Part) -> Part:
    return Part(part.run_id, f"{part.name}{_OPENING}", part.source, opening=True)


_OPENING = "+opt-ins"


def _share(covers: frozenset[RecordRef] | None) -> Mine:
    """Give what a page decides, so that the pages of a full pass decide each contact point and record exactly once."""

    def mine(snapshot: Snapshot, subject: Subject) -> bool:
        if covers is None:
            return True
        # only a page that sees a merged record knows what its master inherits, and all who share an address with it
        masters = set(snapshot.merged.values())
        if isinstance(subject, RecordRef):
            points = snapshot.points_of.get(subject, frozenset()) if masters else ()
            return subject in covers or any(not masters.isdisjoint(snapshot.holders[point]) for point in points)
        holders = snapshot.holders.get(subject, frozenset())
        return bool(holders) and (min(holders) in covers or not masters.isdisjoint(holders))

    return mine


def _now() -> datetime:
    return datetime.now(UTC)


def _part_name(source: Source) -> str:
    return "-".join(str(piece) for piece in (source.table, source.name, "gone" if source.gone else None) if piece)
