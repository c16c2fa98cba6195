"""Reconcile: the only way anything is written.

    gather -> observe -> join -> decide -> plan -> apply -> record

Reading comes first and completely, deciding is pure, and what is about to be written is put into the ledger before it
is written, so that a crash at any point leaves at worst a write that the next look reads restrictively.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from consent_sync.consent import rules
from consent_sync.consent.decide import Decision, Write, decide
from consent_sync.consent.evidence import Lesson, Told, learn, undated
from consent_sync.consent.landscape import Landscape, Mode
from consent_sync.consent.model import NEVER, ContactPoint, Reading, RecordRef, Snapshot, Subject
from consent_sync.consent.registers import Entry
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Stage
from consent_sync.ports.ledger import HistoryLine, Ledger, LedgerConflict
from consent_sync.ports.runs import Tally
from consent_sync.ports.tenant import Outcome, Result, Tenant
from consent_sync.ports.wake import Wake

from . import backups
from .after import remember
from .brake import admits
from .emptied import freeze_emptied, frozen_names, with_memory_of, without
from .gates import hold_service
from .kinship import carried_since, kinship
from .plans import image_of, outcome_of, planned_only
from .report import Report, Reporting, arrivals, silent, under_way
from .undo import Amend

_ATTEMPTS = 20
_PAUSE = 0.2
"""Seconds between two attempts: another worker needs about as long for its own."""

WRITING = timedelta(seconds=30)
"""How long a write that was begun may still be under way; after that, its worker has died."""


class NotSettled(ConsentSyncError):
    """Somebody kept changing the same rows while we tried. The message comes back by itself; nothing is lost."""


type Mine = Callable[[Snapshot, Subject], bool]
"""Whose locations, of all that were read, a caller wants decided."""


def _all(_snapshot: Snapshot, _subject: Subject) -> bool:
    return True


def _as_learnt(_snapshot: Snapshot, lesson: Lesson) -> Lesson:
    return lesson


@dataclass(frozen=True, slots=True)
class Task:
    """How a reconcile is meant: for which run, only to see, narrowed to a share or a brand, up to which mode.

    With `plan`, nothing is written that is not in the plan of that run; `amend` adds to what is learnt.
    """

    run_id: str | None = None
    dry_run: bool = False
    mine: Mine = _all
    brand: str | None = None
    ceiling: Mode = Mode.TWO_WAY
    plan: str | None = None
    amend: Amend = _as_learnt


@dataclass(frozen=True, slots=True)
class Look:
    """What was read for a wake, what the ledger knew before, what was learnt, and what follows; nothing is done yet.

    `busy` means that another worker is at it, so that what was read and what the ledger says may be of different times.
    """

    landscape: Landscape
    snapshot: Snapshot
    entries: dict[Subject, Entry]
    frozen: frozenset[str]
    lesson: Lesson
    decision: Decision
    busy: bool


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be carried out; `wanted` is everything that should be written, by us now or not."""

    lesson: Lesson
    decision: Decision
    mode: Mode
    run_id: str | None
    wanted: tuple[Write, ...]
    now: datetime

    def late(self, entries: Mapping[Subject, Entry], results: Iterable[Result] = ()) -> dict[Subject, Entry]:
        """Give the entries with the time of the oldest opt-out that is still under way when `results` are in."""
        done = {result.write.location for result in results if result.outcome is Outcome.DONE}
        since = under_way(self.wanted, done, self.now)
        return {
            s: e if e.late == since.get(s, NEVER) else replace(e, late=since.get(s, NEVER)) for s, e in entries.items()
        }


@dataclass(frozen=True, slots=True)
class _Done:
    """What a look that was carried out came to; the writing took so many seconds."""

    tally: Tally
    results: list[Result] = field(default_factory=list)
    took: float = 0.0


_NOTHING = _Done(Tally())


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Reconciles contact points between the locations of `tenant`, remembering in `ledger`."""

    tenant: Tenant
    ledger: Ledger
    mode: Callable[[], Mode]
    sleep: Callable[[float], None] = time.sleep
    report: Reporting = silent

    def __call__(self, wake: Wake, task: Task = Task()) -> Tally:
        """Bring what `wake` names in step, as far as `task` asks for it.

        A dry run reads and decides, and leaves no trace but the plan of its run. Raises ConsentSyncError where
        something could not be read, or written: then the same wake has to come again.
        """
        mode = min(self.mode(), task.ceiling, key=lambda m: m.step)
        started, done, failed = time.monotonic(), _NOTHING, None
        with self.tenant.counting(wake.correlation) as counter:
            try:
                done = self._until_done(wake, task, mode)
            except Exception as error:
                failed = error
                raise
            finally:
                tally = replace(done.tally, requests=counter.requests)
                took = time.monotonic() - started
                self.report(Report(wake, task.run_id, tally, arrivals(done.results, done.took), counter, took, failed))
        return tally

    def _until_done(self, wake: Wake, task: Task, mode: Mode) -> _Done:
        """Look and carry out, until nobody was faster. Raises NotSettled."""
        known: dict[Subject, object] = {}
        for attempt in range(_ATTEMPTS):
            if attempt:
                self.sleep(_PAUSE)
            if done := self._once(wake, task, mode, known):
                return done
        raise NotSettled(f"{len(wake.points) + len(wake.records)} contact points changed under every one of our looks")

    def look(
        self, wake: Wake, amend: Amend = _as_learnt, known: Mapping[Subject, object] = MappingProxyType({})
    ) -> Look:
        """Read what `wake` names and decide, leaving no trace anywhere.

        `amend` adds to what is learnt; `known` are versions of entries that we know to be older than this look.
        """
        landscape, before = self.tenant.landscape(), self.ledger.revision()
        found = self.tenant.gather(wake.points, wake.records, wake.rows)
        frozen = frozen_names(self.ledger)  # only now: reading may have found that something is gone
        snapshot = without(found, frozen)
        entries = self.ledger.load({*snapshot.holders, *snapshot.records})
        saved = any(e.revision > before and known.get(e.subject) != e.version for e in entries.values())
        busy = saved or any(_is_writing(entry, snapshot) for entry in entries.values())
        told = self._told(wake, snapshot, entries, frozen)
        if changed := undated(snapshot, entries, told.acts):
            told = replace(told, acts=(*told.acts, *self.tenant.acts_behind(changed)))
        lesson = amend(snapshot, learn(snapshot, entries, landscape, told))
        return Look(landscape, snapshot, entries, frozen, lesson, decide(snapshot, lesson, landscape), busy)

    def _once(self, wake: Wake, task: Task, mode: Mode, known: dict[Subject, object]) -> _Done | None:
        """Look and carry out what follows; None where somebody was faster anywhere, so that we have to look again.

        `known` takes up the versions of the entries as they stand now, before the next look begins.
        """
        look = self.look(wake, task.amend, known)
        snapshot, entries, frozen, lesson = look.snapshot, look.entries, look.frozen, look.lesson
        known |= {subject: entry.version for subject, entry in entries.items()}
        if look.busy or (not task.dry_run and freeze_emptied(self.ledger, lesson.evidence, snapshot.read_until)):
            return None
        whose = {subject for subject in entries if task.mine(snapshot, subject)}
        decision = _narrowed(look.decision, whose, task.brand)
        if task.plan:
            decision = planned_only(decision, self.ledger, task.plan)
        tally = _tally([point for point in snapshot.holders if point in whose], decision, mode)
        if task.dry_run:
            if task.run_id:
                self.ledger.keep_images(task.run_id, [image_of(self.ledger, write) for write in decision.writes])
            return _Done(tally)
        share = self._share_of(lesson, whose, snapshot, entries)
        kept = {subject: with_memory_of(frozen, entries[subject], entry) for subject, entry in share.entries.items()}
        wanted = (*look.decision.writes, *look.decision.unsent)
        started = time.monotonic()
        try:
            work = _Work(replace(share, entries=kept), decision, mode, task.run_id, wanted, snapshot.read_until)
            results = self._carry_out(work, known)
        except LedgerConflict:
            return None
        if any(result.outcome is Outcome.CHANGED for result in results):
            return None
        backups.remember(self.ledger, snapshot, lesson.evidence)
        written = sum(result.outcome is Outcome.DONE for result in results)
        return _Done(replace(tally, written=written), results, time.monotonic() - started)

    def _told(self, wake: Wake, snapshot: Snapshot, entries: Mapping[Subject, Entry], frozen: AbstractSet[str]) -> Told:
        kin = kinship(snapshot, entries, wake.moves, self.ledger)
        kept = self.ledger.registers({key for keys in kin.former.values() for key, _ in keys}) if kin.former else {}
        return Told(
            self.ledger.born(),
            tuple(act for act in wake.acts if act.location.name not in frozen),
            {heir: tuple(sources) for heir, sources in kin.heirs.items()},
            {heir: tuple((kept[key], since) for key, since in keys) for heir, keys in kin.former.items()},
        )

    def _carry_out(self, work: _Work, known: dict[Subject, object]) -> list[Result]:
        """Record what was learnt and what will be written, write it, record what became of it."""
        lesson, decision, run_id = work.lesson, work.decision, work.run_id
        for scope in decision.ignored:
            hold_service(self.ledger, rules.HOLD_UNENFORCED.id, str(scope), datetime.now(UTC))
        writes = self._allowed(decision, work.mode, run_id)
        intended = work.late(_with_intents(lesson.entries, writes))
        try:
            kept = self.ledger.save(intended.values(), _learnt(lesson, run_id), decision.holds)
        except LedgerConflict as conflict:
            self._take_back(conflict.kept, lesson.entries, decision)
            raise
        if not writes:
            return []
        if run_id:
            self.ledger.keep_images(run_id, [replace(image_of(self.ledger, w), stage=Stage.BEGUN) for w in writes])
        results = self.tenant.apply(writes)
        if run_id:
            self.ledger.keep_images(run_id, [outcome_of(self.ledger, result) for result in results])
        after = work.late(remember(kept, lesson.entries, results), results)
        done = self.ledger.save(after.values(), _written(results, run_id), decision.holds)
        known |= {subject: entry.version for subject, entry in done.items()}
        if error := next((result.error for result in results if result.outcome is Outcome.FAILED), None):
            raise error
        return results

    def _take_back(self, kept: Mapping[Subject, Entry], meant: Mapping[Subject, Entry], decision: Decision) -> None:
        """Take the intents back of a save that was refused in part, so that nobody waits for writes that never come.

        What was learnt stays. Whoever changes one of these entries first keeps an intent that is read restrictively.
        """
        intents = [entry for subject, entry in kept.items() if entry.seen != meant[subject].seen]
        with suppress(LedgerConflict):
            self.ledger.save([replace(e, seen=meant[e.subject].seen) for e in intents], [], decision.holds)

    def _allowed(self, decision: Decision, mode: Mode, run_id: str | None) -> list[Write]:
        """Give the writes that the mode and, for events, the brake let through; a run has its own brake."""
        writes = [write for write in decision.writes if write.allowed_in(mode)]
        openings = sum(write.to is Reading.IN for write in writes)
        policy, now = self.tenant.landscape().policy, datetime.now(UTC)
        if openings and run_id is None and not admits(self.ledger, policy, openings, now):
            return [write for write in writes if write.to is Reading.OUT]
        return writes

    def _share_of(
        self, lesson: Lesson, whose: AbstractSet[Subject], snapshot: Snapshot, before: Mapping[Subject, Entry]
    ) -> Lesson:
        """Leave what others will learn to them, so that workers of one run do not get in each other's way."""
        carried = carried_since(snapshot, before, lesson.repeated, self.ledger)
        entries: dict[Subject, Entry] = {}
        for subject in whose:
            entry = lesson.entries[subject]
            entries[subject] = replace(entry, points=carried[subject]) if isinstance(subject, RecordRef) else entry
        return replace(lesson, entries=entries, evidence=tuple(e for e in lesson.evidence if e.subject in whose))


def _is_writing(entry: Entry, snapshot: Snapshot) -> bool:
    """Whether another worker is writing at this moment: its write may be in what we read or not."""
    return any(seen.pending and snapshot.read_until - seen.at < WRITING for seen in entry.seen.values())


def _narrowed(decision: Decision, whose: AbstractSet[Subject], brand: str | None) -> Decision:
    def keep(writes: Iterable[Write]) -> tuple[Write, ...]:
        return tuple(w for w in writes if w.location.subject in whose and _concerns(w, brand))

    holds = tuple(hold for hold in decision.holds if hold.location.subject in whose)
    return replace(decision, writes=keep(decision.writes), unsent=keep(decision.unsent), holds=holds)


def _concerns(write: Write, brand: str | None) -> bool:
    """Whether a write is about `brand`; what belongs to no brand concerns them all."""
    return brand is None or write.brand is None or brand in write.brand.split("+")


def _tally(points: Collection[ContactPoint], decision: Decision, mode: Mode) -> Tally:
    planned: dict[str, int] = {}
    for write in decision.writes:
        key = f"{write.brand or 'all brands'}|{write.rule}|{write.location.kind.value} {write.to.value}"
        planned[key] = planned.get(key, 0) + 1
    unreachable = sum(not point.reachable for point in points)
    return Tally(
        read=len(points),
        decided=len(points),
        skipped=sum(not write.allowed_in(mode) for write in decision.writes),
        held=len(decision.holds),
        failed=len(decision.unsent),
        opening=sum(write.to is Reading.IN for write in decision.writes),
        planned=planned,
        excluded={_NO_ADDRESS: unreachable} if unreachable else {},
    )


_NO_ADDRESS = "no mail can reach it"


def _with_intents(entries: Mapping[Subject, Entry], writes: Iterable[Write]) -> dict[Subject, Entry]:
    """Mark each location that is about to be written: until it is confirmed, the write may or may not have happened."""
    intended = dict(entries)
    for write in writes:
        subject, key = write.location.subject, write.location.key
        entry = intended[subject]
        pending = replace(entry.seen[key], wrote=write.to, pending=True)
        intended[subject] = replace(entry, seen={**entry.seen, key: pending})
    return intended


def _learnt(lesson: Lesson, run_id: str | None) -> list[HistoryLine]:
    return [
        HistoryLine(e.subject, e.at, "evidence", str(e.scope), e.location.key, e.says.value, e.why, e.source, run_id)
        for e in lesson.evidence
    ]


def _written(results: Iterable[Result], run_id: str | None) -> list[HistoryLine]:
    return [
        HistoryLine(
            r.write.location.subject,
            r.at,
            "write",
            r.write.brand or "",
            r.write.location.key,
            r.write.to.value,
            r.write.rule,
            type(r.error).__name__ if r.error else r.outcome.value,
            run_id,
        )
        for r in results
    ]
