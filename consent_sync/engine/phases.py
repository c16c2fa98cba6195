"""What comes after a phase of a run: opt-outs first, then, if the brake lets them, the opt-ins.

What change tracking could not tell is read before any opt-in.

A run that applies a plan looks before it writes: if it finds anything but the plan, it stops there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from consent_sync.consent import rules
from consent_sync.consent.landscape import Mode
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Part, Phase, Run, RunKind, total
from consent_sync.ports.tenant import Tenant

from .feeds import overdue
from .gates import hold_service
from .plans import what_changed
from .reconcile import Reconciler
from .scopes import part_name


@dataclass(frozen=True, slots=True)
class Next:
    """The parts of the next phase, none at the end; or what keeps the run from going on."""

    parts: tuple[Part, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Phases:
    """Knows the order of a run's phases."""

    tenant: Tenant
    ledger: Ledger
    reconcile: Reconciler
    lists: tuple[str, ...]

    def after(self, run: Run, parts: Collection[Part]) -> Next:
        """Say what comes after `parts`, which are all that the run has."""
        if run.dry_run or not all(part.finished for part in parts) or any(part.stopped for part in parts):
            return Next()
        phases = {part.phase for part in parts}
        if phases == {Phase.CHECK}:
            refusal = what_changed(self.ledger, run.plan or "", run.id)
            return Next(refusal=refusal) if refusal else Next(following(parts, Phase.OPT_OUTS))
        if Phase.OPT_INS in phases:
            return Next()
        if missing := overdue(parts, self.lists):
            return Next(tuple(Part(run.id, part_name(source), source) for source in missing))
        return self._opt_ins(run, parts)

    def _opt_ins(self, run: Run, parts: Collection[Part]) -> Next:
        """Ask the mode and the brake; a named person who answers for the run is the brake's approval already."""
        tally, policy = total(parts), self.tenant.landscape().policy
        if policy.is_too_much(sum(tally.planned.values()) - tally.opening, tally.decided):
            hold_service(self.ledger, rules.HOLD_MANY_OUT.id, run.id, _now())
        unapproved_undo = run.kind is RunKind.UNDO and not run.by
        if not tally.opening or self.reconcile.mode() is not Mode.TWO_WAY or unapproved_undo:
            return Next()
        if not run.by and policy.is_too_much(tally.opening, tally.decided):
            hold_service(self.ledger, rules.HOLD_BRAKE.id, run.id, _now())
            return Next()
        return Next(following(parts, Phase.OPT_INS))


def following(parts: Collection[Part], phase: Phase) -> tuple[Part, ...]:
    """Give the parts that go over the same sources again in another phase."""
    first = [part for part in parts if not part.is_repeat]
    return tuple(
        Part(part.run_id, f"{part.name}+{phase}", part.source, phase, start=part.start, cursor=part.start)
        for part in first
    )


def _now() -> datetime:
    return datetime.now(UTC)
