"""Which runs are not over: a timer asks after each of them, a person may stop one or let it go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Part, Run, State, state_of, total
from consent_sync.ports.wake import PageTurn
from consent_sync.telemetry import Event, say

from .scopes import WAKE

_OPEN = "open runs"

STALLED = timedelta(minutes=10)
"""A page shows life at least so often: the host hides a message for ten minutes while it is worked."""
_MOST_DOUBLINGS = 5
"""A part is revived after ten minutes, then after twice as long each time: every five hours in the end."""


class NoSuchRun(ConsentSyncError):
    """There is no such run, or it is over. Look at the list of runs."""


def note_open(ledger: Ledger, run_id: str) -> None:
    """Remember that a run has begun."""
    _change(ledger, add=run_id)


def note_over(ledger: Ledger, run: Run, parts: Sequence[Part]) -> None:
    """Forget a run that is over, and say how it went."""
    tally, end = total(parts), max((part.finished for part in parts if part.finished), default=run.started)
    say(
        Event.RUN_OVER,
        run=run.id,
        kind=run.kind.value,
        scope=run.scope,
        state=state_of(parts).value,
        read=tally.read,
        drift=sum(tally.planned.values()),
        written=tally.written,
        skipped=tally.skipped,
        held=tally.held,
        failed=tally.failed,
        requests=tally.requests,
        seconds=round((end - run.started).total_seconds(), 1),
    )
    _change(ledger, remove=run.id)


def open_runs(ledger: Ledger) -> list[tuple[Run, list[Part]]]:
    """Give the runs that were not noted as over, with their parts."""
    runs = [ledger.run(run_id) for run_id in _known(ledger.note(_OPEN))]
    return [(run, ledger.parts(run.id)) for run in runs if run]


def cancel(ledger: Ledger, run_id: str) -> None:
    """Stop a run where it stands; pages under way are finished. Raises NoSuchRun."""
    stopped = [_stop(ledger, part) for part in ledger.parts(run_id)]
    if not any(stopped):
        raise NoSuchRun("no such run is under way")


def resume(ledger: Ledger, run_id: str) -> list[PageTurn]:
    """Give the messages with which a run that failed, or was cancelled, goes on. Raises NoSuchRun.

    A wake that was given up cannot be made anew, since the ledger has no addresses: it is among the parked messages.
    """
    turns = list[PageTurn]()
    for part in ledger.parts(run_id):
        if part.finished is None and part.stopped is not State.REFUSED and part.source.table != WAKE:
            again = replace(part, stopped=None, parked=False, problem=None, moved=datetime.now(UTC), revived=0)
            turns += [turn_of(part)] if ledger.advance(again, part.seq) else []
    if not turns:
        raise NoSuchRun("there is no such run with pages left to work")
    note_open(ledger, run_id)
    return turns


def turn_of(part: Part) -> PageTurn:
    """Give the message for the next page of a part."""
    return PageTurn(part.run_id, part.name, part.seq)


def is_stalled(part: Part, run: Run, now: datetime) -> bool:
    """Whether a part is to be revived: it was given up, or its message or the process that had it seems lost.

    The pause doubles, since the message that revives it may get lost as well, and what fails may go on failing.
    """
    patience = STALLED * (1 << min(part.revived, _MOST_DOUBLINGS))
    return now - (part.moved or run.started) > patience


def _stop(ledger: Ledger, part: Part) -> bool:
    """Stop a part, however far it has come meanwhile; false if it is over."""
    stands: Part | None = part
    while stands and not stands.over:
        if ledger.advance(replace(stands, stopped=State.CANCELLED, seq=stands.seq + 1), stands.seq):
            return True
        stands = ledger.part(part.run_id, part.name)
    return False


def _change(ledger: Ledger, add: str | None = None, remove: str | None = None) -> None:
    while True:
        stands = ledger.note(_OPEN)
        runs = [run_id for run_id in _known(stands) if run_id not in {add, remove}] + ([add] if add else [])
        if json.dumps(runs) == stands or ledger.set_note(_OPEN, json.dumps(runs), stands):
            return


def _known(note: str | None) -> list[str]:
    runs: list[str] = json.loads(note or "[]")
    return runs
