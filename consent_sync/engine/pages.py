"""Working one page of one part of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import batched

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import RecordRef, Snapshot, Subject
from consent_sync.errors import says
from consent_sync.ports.drift import Drift
from consent_sync.ports.images import Image
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Part, Phase, Run, Source, Tally
from consent_sync.ports.tenant import Page, Tenant
from consent_sync.ports.wake import Wake

from .drift import DRIFT, DriftPages
from .odd import note_odd
from .reconcile import Mine, Reconciler, Task
from .scopes import IMAGES, RECORD, RECORDS, record_of
from .undo import Amend, named_in, taking_back

PAGE_ROWS = 500
"""People in one look: their queries fit into one batch of Dataverse, and so do the writes that are usual for them."""
_WHOLE_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Pages:
    """Reads the pages of a run's parts, and has them reconciled."""

    tenant: Tenant
    drift: Drift
    ledger: Ledger
    reconcile: Reconciler

    def work(self, run: Run, part: Part, *, last_try: bool, page: Page | None = None) -> Part:
        """Read the next page, or take this one, reconcile it, and give the part with its checkpoint behind the page.

        Raises whatever kept it from being worked completely: then the checkpoint stays, and the part says why.
        """
        try:
            with self.tenant.counting() as counter:
                given = page or self._read(part)
                tally = part.tally + Tally(rows=given.size, deleted=0 if part.is_repeat else given.deleted)
                for wake in _wakes(given):
                    tally += _counted(run, part, self.reconcile(wake, self._task(run, part, given)))
                if given.odd and not run.dry_run:
                    note_odd(self.ledger, given.odd)
                tally = replace(tally, requests=part.tally.requests + counter.requests)
        except Exception as error:
            failed = replace(part, problem=says(error), parked=last_try, moved=_now())
            self.ledger.advance(failed, part.seq)
            raise
        return replace(
            part,
            cursor=given.after,
            seq=part.seq + 1,
            finished=None if given.after else _now(),
            tally=tally,
            problem=None,
            parked=False,
            moved=_now(),
            revived=0,
            token=given.token,
        )

    def _task(self, run: Run, part: Part, page: Page) -> Task:
        ceiling = Mode.RESTRICT if part.phase is Phase.OPT_OUTS else Mode.TWO_WAY
        task = Task(
            run.id,
            dry_run=run.dry_run or part.phase is Phase.CHECK,
            mine=_share(page.covers),
            brand=part.source.name if part.source.table in RECORDS else None,
            ceiling=ceiling,
            plan=run.plan if part.phase is not Phase.CHECK else None,
        )
        return replace(task, amend=self._amend(run, part)) if part.source.table == IMAGES else task

    def _amend(self, run: Run, part: Part) -> Amend:
        planned = self.ledger.run(run.plan) if run.plan else run
        by = planned.by if planned else ""
        return taking_back(self._images(part), self.ledger, self.tenant.landscape(), run.started, by)

    def _images(self, part: Part) -> list[Image]:
        return self.ledger.images(part.source.name or "", part.cursor or "", PAGE_ROWS)

    def _read(self, part: Part) -> Page:
        source = part.source
        if source.table == RECORD:
            return Page((), (record_of(source),), None, size=1)
        if source.table == IMAGES:
            images = self._images(part)
            records, rows = named_in(images)
            after = images[-1].place if len(images) == PAGE_ROWS else None
            return Page((), records, after, rows=rows, size=len(images))
        if source.table == DRIFT:  # what a look found to open must be looked at again to be opened
            trusted = source.since if part.phase is Phase.OPT_OUTS else None
            return DriftPages(self.drift, self.ledger).read(part.cursor, trusted)
        if source.gone:
            return self._gone(source, part.cursor)
        return self.tenant.page(source, part.cursor, PAGE_ROWS)

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
        return Page((), tuple(sorted(left)), gone[-1].id if len(gone) == PAGE_ROWS else None, size=len(gone))


def _wakes(page: Page) -> Iterator[Wake]:
    """Cut a page that finds many into wakes that are worked one after the other."""
    together = PAGE_ROWS if page.covers is None else max(PAGE_ROWS, len(page.points))
    first, *others = list(batched(page.points, together, strict=False)) or [()]
    if first or page.records or page.rows:
        yield Wake(first, page.records, rows=page.rows)
    yield from map(Wake, others)


def _counted(run: Run, part: Part, found: Tally) -> Tally:
    """Count what is looked at several times only once: a run looks again to write what it found before."""
    again = part.is_repeat or (run.plan is not None and part.phase is not Phase.CHECK)
    return Tally(written=found.written) if again else found


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
