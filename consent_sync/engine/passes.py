"""Sweeps and resyncs: starting runs, working their messages, and what a person may do with them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from consent_sync.consent import rules
from consent_sync.ports.drift import Drift
from consent_sync.ports.images import Stage
from consent_sync.ports.ledger import Ledger, Verdict
from consent_sync.ports.runs import Part, Phase, Run, RunKind, Source, State, state_of
from consent_sync.ports.tenant import Page, Tenant
from consent_sync.ports.wake import PageTurn, Wake

from . import backups
from .drift import DRIFT, trusted_until
from .feeds import REMEMBERED_RUNS, Feed, feeds, note_tracking, sweep_sources, untracked
from .gates import planned_with
from .open_runs import is_stalled, note_open, note_over, open_runs, turn_of
from .pages import Pages
from .phases import Phases, following
from .plans import CannotApply, all_images, plan_to_apply, what_changed
from .reconcile import Reconciler
from .scopes import (
    EVERYTHING,
    IMAGES,
    RANGES,
    RECORD,
    RECORDS,
    WAKE,
    Scope,
    part_name,
    slice_of_everything,
    sources_of,
    split,
)
from .settle import CannotSettle, Settlement, settle
from .undo import CannotUndo

_SLICE = "audit slice"


@dataclass(frozen=True, slots=True)
class Passes:
    """Starts runs and works their pages. `fingerprint` is the mapping's, stored with every run."""

    tenant: Tenant
    drift: Drift
    ledger: Ledger
    reconcile: Reconciler
    fingerprint: str
    lists: tuple[str, ...]

    # starting a run; each gives the messages that begin it

    def start_resync(self, scope: Scope, *, dry_run: bool, reason: str) -> tuple[Run, list[Wake | PageTurn]]:
        """Begin a resync that a person asked for. A dry run that is done is a plan."""
        run = self._run(RunKind.RESYNC, scope.says, reason, dry_run=dry_run)
        if scope.wake is None and scope.list_id is None and scope.since is None:
            run = replace(run, expected=self.tenant.count(RECORDS))
        return run, self._begin(run, sources_of(scope, self.lists), scope.named)

    def start_sweep(self) -> tuple[Run, list[Wake | PageTurn]]:
        """Begin a sweep over what changed since the last complete one began, or over everything."""
        self._let_go(RunKind.SWEEP)
        backups.watch(self.ledger, lambda wake: self.reconcile.look(wake).lesson)
        since = self._last_complete()
        run = self._run(RunKind.SWEEP, "changes" if since else EVERYTHING, "timer")
        return run, self._begin(run, sweep_sources(since, self._feeds(), self.lists))

    def start_tracking(self) -> tuple[Run, list[Wake | PageTurn]] | None:
        """Begin to pass over the tables that have change tracking and no token; None where each has one."""
        if not (tables := untracked(self.ledger, self._feeds(), self.tenant.tracked(), _now())):
            return None
        run = self._run(RunKind.TRACK, ", ".join(tables), "timer")
        note_tracking(self.ledger, run)
        return run, self._begin(run, [Source(table, token="") for table in tables])

    def start_drift(self) -> tuple[Run, list[Wake | PageTurn]]:
        """Begin a sweep over what contradicts, whenever it changed and whoever failed to tell."""
        self._let_go(RunKind.DRIFT)
        run = self._run(RunKind.DRIFT, "contradictions", "timer")
        return run, self._begin(run, [Source(DRIFT, since=trusted_until(self.ledger, run))])

    def start_audit(self) -> tuple[Run, list[Wake | PageTurn]]:
        """Begin the next slice of a rolling pass over everything, whatever changed or not."""
        number = self._next_slice()
        run = self._run(RunKind.AUDIT, f"slice {number + 1} of {RANGES}", "timer")
        return run, self._begin(run, slice_of_everything(number))

    def start_apply(
        self, plan_id: str, *, by: str, reason: str, wake: Wake | None = None
    ) -> tuple[Run, list[Wake | PageTurn]]:
        """Begin to write what a plan says, after looking whether it still is what would be written.

        A plan of one contact point needs the `wake` again, since no plan keeps an address. Raises CannotApply where the
        mapping has changed; where the tenant has, the run is refused before it writes anything.
        """
        plan = plan_to_apply(self.ledger, plan_id, self.fingerprint)
        if not by.strip():
            raise CannotApply("applying a plan needs a name")
        run = replace(
            self._run(RunKind.APPLY, plan.scope, reason),
            plan=plan.id,
            undoes=plan.undoes,
            by=by.strip(),
            expected=plan.expected,
        )
        parts = [
            Part(run.id, part.name, part.source, Phase.CHECK, start=part.start, cursor=part.start)
            for part in self.ledger.parts(plan.id)
        ]
        if any(part.source.table == WAKE for part in parts) and wake is None:
            raise CannotApply("the plan is about one contact point: name it again")
        return run, self._record(run, parts, wake)

    def start_undo(self, run_id: str, *, by: str, why: str, dry_run: bool) -> tuple[Run, list[Wake | PageTurn]]:
        """Begin to take back what a run wrote. Without a name `by` it only restricts. Raises CannotUndo."""
        undone = self.ledger.run(run_id)
        if (
            undone is None
            or undone.dry_run
            or not any(i.stage is not Stage.PLANNED for i in all_images(self.ledger, run_id))
        ):
            raise CannotUndo("no such run wrote anything")
        run = self._run(RunKind.UNDO, f"undo of {undone.id}", why, dry_run=dry_run)
        run = replace(run, undoes=undone.id, by=by.strip())
        return run, self._begin(run, [Source(IMAGES, undone.id)])

    # working messages

    def wake(self, wake: Wake, *, last_try: bool = False) -> None:
        """Reconcile what `wake` names. Raises ConsentSyncError; the part of a run that asked for it says why."""
        part = self.ledger.part(wake.run_id, WAKE) if wake.run_id else None
        run = self.ledger.run(part.run_id) if part else None
        if part is None or run is None:
            self.reconcile(wake)
            return
        if part.over:
            return
        page, pages = Page(wake.points, wake.records, None, rows=wake.rows, size=1), self._pages
        done = pages.work(run, part, last_try=last_try, page=page)
        if part.phase is Phase.CHECK:
            refusal = what_changed(self.ledger, run.plan or "", run.id)
            going_on = replace(done, phase=Phase.OPT_INS)
            done = (
                replace(done, stopped=State.REFUSED, problem=refusal)
                if refusal
                else replace(pages.work(run, going_on, last_try=last_try, page=page), seq=done.seq)
            )
        self.ledger.advance(done, part.seq)

    def turn(self, turn: PageTurn, *, last_try: bool = False) -> list[PageTurn]:
        """Work the next page of a part and give the turns after it, none at the end or where another was faster.

        Raises ConsentSyncError where the page could not be worked completely: the checkpoint stays, the part says why.
        """
        part, run = self.ledger.part(turn.run_id, turn.part), self.ledger.run(turn.run_id)
        if part is None or run is None or part.over or part.seq != turn.seq:
            return []
        done = self._pages.work(run, part, last_try=last_try)
        if done.finished is None:
            ranges = split(done)
            if not ranges:
                return [turn_of(done)] if self.ledger.advance(done, part.seq) else []
            self.ledger.add_parts(ranges)
            ended = replace(done, source=replace(done.source, upto=done.cursor), finished=_now())
            return [turn_of(each) for each in ranges] if self.ledger.advance(ended, part.seq) else []
        return self._end(run, done, part.seq)

    # what a timer and a person may do with runs

    def is_at_work(self, kind: RunKind) -> bool:
        """Whether an earlier run of this kind is still at work, so that another one would do the same again."""
        return any(run.kind is kind and state_of(parts) is State.RUNNING for run, parts in open_runs(self.ledger))

    def revive(self) -> list[PageTurn]:
        """Give the messages of chains that were lost or given up, and of phases that nobody began."""
        turns, now = list[PageTurn](), _now()
        for run, parts in open_runs(self.ledger):
            for part in parts:
                if not part.over and part.source.table != WAKE and is_stalled(part, run, now):
                    alive = replace(part, parked=False, moved=now, revived=part.revived + 1)
                    turns += [turn_of(part)] if self.ledger.advance(alive, part.seq) else []
            if all(part.over for part in parts):
                begun = self._go_on(run)
                turns += begun
                if not begun:
                    note_over(self.ledger, run, parts)
        return turns

    def approve(self, run_id: str) -> list[PageTurn]:
        """Let a run that the brake stopped write its opt-ins: give the turns that begin it."""
        further = following(self.ledger.parts(run_id), Phase.OPT_INS)
        self.ledger.add_parts(further)
        note_open(self.ledger, run_id)
        return [turn_of(part) for part in further]

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

    # inside

    @property
    def _pages(self) -> Pages:
        return Pages(self.tenant, self.drift, self.ledger, self.reconcile)

    def _end(self, run: Run, done: Part, expected_seq: int) -> list[PageTurn]:
        """Record the end of a part; whoever ends the last one of a phase begins the next.

        The next phase's parts are recorded first, so that a run never looks done in between.
        """
        others = [part for part in self.ledger.parts(run.id) if part.name != done.name]
        coming = self._phases.after(run, [done, *others])
        if coming.refusal:
            done = replace(done, stopped=State.REFUSED, problem=coming.refusal)
        self.ledger.add_parts(coming.parts)
        if not self.ledger.advance(done, expected_seq):
            return []
        if coming.refusal or coming.parts:
            return [turn_of(part) for part in coming.parts]
        return self._go_on(run)  # two may have ended at the same moment, each taking the other for unfinished

    def _go_on(self, run: Run) -> list[PageTurn]:
        """Begin the next phase of a run, if all its parts are over and nobody else did."""
        parts = self.ledger.parts(run.id)
        coming = self._phases.after(run, parts)
        if coming.refusal:
            self.ledger.advance(replace(parts[0], stopped=State.REFUSED, problem=coming.refusal), parts[0].seq)
        self.ledger.add_parts(coming.parts)
        return [turn_of(part) for part in coming.parts]

    @property
    def _phases(self) -> Phases:
        return Phases(self.tenant, self.ledger, self.reconcile, self.lists)

    def _let_go(self, kind: RunKind) -> None:
        """Revive earlier sweeps that failed no more: the next one of their kind covers whatever they left."""
        for run, parts in open_runs(self.ledger):
            if run.kind is kind and state_of(parts) is State.FAILED:
                note_over(self.ledger, run, parts)

    def _begin(self, run: Run, sources: list[Source], wake: Wake | None = None) -> list[Wake | PageTurn]:
        """Record a run over these sources. One address or one record was asked for: it is written in one go."""
        phases = {WAKE: Phase.OPT_INS, RECORD: Phase.OPT_INS}
        parts = [Part(run.id, part_name(s), s, phases.get(s.table, Phase.OPT_OUTS)) for s in sources]
        return self._record(run, parts, wake)

    def _record(self, run: Run, parts: list[Part], wake: Wake | None) -> list[Wake | PageTurn]:
        self.ledger.start_run(run, parts)
        note_open(self.ledger, run.id)
        return [
            replace(wake, run_id=run.id, dry_run=run.dry_run) if wake and part.source.table == WAKE else turn_of(part)
            for part in parts
        ]

    def _run(self, kind: RunKind, scope: str, reason: str, *, dry_run: bool = False) -> Run:
        mode = self.reconcile.mode()
        return Run(uuid.uuid4().hex, kind, mode, dry_run, scope, reason, self.fingerprint, _now())

    def _last_complete(self) -> datetime | None:
        """When the latest run began after which nothing older can have been missed.

        A run in a lower mode saw what it was not allowed to write, so it does not count.
        """
        mode, restored = self.reconcile.mode(), backups.noticed(self.ledger)
        for run in self.ledger.runs(REMEMBERED_RUNS):
            if restored and run.started < restored:
                return None
            looked = run.scope == EVERYTHING or run.kind is RunKind.SWEEP
            if (
                looked
                and not run.dry_run
                and run.mode.step >= mode.step
                and state_of(self.ledger.parts(run.id)) is State.DONE
            ):
                return run.started
        return None

    def _feeds(self) -> dict[str, Feed]:
        return feeds(self.ledger, self.tenant.tracked(), self.reconcile.mode(), backups.noticed(self.ledger))

    def _next_slice(self) -> int:
        while True:
            stands = self.ledger.note(_SLICE)
            number = (int(stands) + 1) % RANGES if stands else 0
            if self.ledger.set_note(_SLICE, str(number), stands):
                return number


def _now() -> datetime:
    return datetime.now(UTC)
