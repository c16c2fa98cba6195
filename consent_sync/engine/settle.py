"""Settling a hold: a person's word, with name and reason, is evidence like any other act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import Kind, RecordRef, Scope
from consent_sync.consent.registers import Registers
from consent_sync.consent.rules import OPENING
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.ledger import Ledger, StoredHold, Verdict
from consent_sync.ports.wake import Wake

SERVICE = "service"
"""The key of holds that concern the whole service instead of one person."""


class CannotSettle(ConsentSyncError):
    """The hold cannot be settled this way. Look at its state in the list of holds, and at what the message says."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """Who settled a hold which way, and why: both are kept with it."""

    verdict: Verdict
    by: str
    why: str


def settle(
    ledger: Ledger,
    landscape: Landscape,
    hold_id: str,
    settlement: Settlement,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Wake | None:
    """Settle an open hold, and give the wake that carries its consequences out, None where there are none.

    Applying takes the looser reading as an opt-in given now for the location's scopes; dismissing leaves the
    restrictive reading for good. Raises CannotSettle.
    """
    hold = ledger.hold(hold_id)
    if hold is None or hold.state != "open":
        raise CannotSettle("there is no such open hold")
    if not settlement.by.strip() or not settlement.why.strip():
        raise CannotSettle("a settlement needs a name and a reason")
    applied = settlement.verdict is Verdict.APPLY
    if applied and hold.key != SERVICE and hold.rule not in OPENING:
        raise CannotSettle("this hold opens nothing: deal with its reason, then dismiss it")
    at = now().replace(microsecond=0)
    settled = replace(
        hold,
        state="applied" if applied else "dismissed",
        settled=at,
        by=settlement.by.strip(),
        why=settlement.why.strip(),
    )
    learnt: dict[Scope, Registers] = {}
    if applied and hold.key != SERVICE:
        learnt = {scope: Registers(latest_in=at) for scope in _scopes(hold, landscape)}
    if not ledger.settle(settled, learnt):
        raise CannotSettle("somebody else settled this hold at the same moment")
    return _wake(hold) if learnt else None


def _scopes(hold: StoredHold, landscape: Landscape) -> tuple[Scope, ...]:
    kind, name, *_ = hold.location.split("/")
    meaning = landscape.meanings.get((Kind(kind), name))
    if meaning is None:
        raise CannotSettle("the mapping no longer names this location: dismiss the hold")
    return meaning.scopes


def _wake(hold: StoredHold) -> Wake | None:
    """Name the subject again: a record by its id, a contact point by the row that it was held for."""
    what, _, rest = hold.key.partition(":")
    if what == "record":
        table, _, id_ = rest.partition(":")
        return Wake(records=(RecordRef(table, id_),))
    _, _, row_id = hold.location.rpartition("/") if hold.location.count("/") > 1 else ("", "", "")
    return Wake(rows=(row_id,)) if row_id else None
