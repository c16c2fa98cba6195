"""Where the frequent sweep gets its changes from: change tracking where a table has it, else the times of its rows.

A token is got by passing over a whole table once, which a run of its own does. Whether it counts from the first page
of that pass or from the last is not documented, so the next sweep reads the times as well; its own tokens then stand
alone. They are kept with the parts of the runs that read them: a run that failed leaves nothing to go on from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_sync.consent.landscape import Mode
from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import Part, Run, RunKind, Source, State, state_of

from .scopes import MEMBERS, TABLES, changed_in, everything

OVERLAP = timedelta(minutes=10)
"""How far a sweep by times reaches back behind the start of the last one: clocks differ, transactions end late."""
REMEMBERED_RUNS = 50
RETRY = timedelta(days=1)
"""When a token that was refused is asked for again: it costs a pass over the table."""
_LATEST = "tracking"


@dataclass(frozen=True, slots=True)
class Feed:
    """Where change tracking goes on; `alone` if a sweep has seen all that is older. Without a token, it was lost."""

    token: str | None
    alone: bool


def feeds(ledger: Ledger, tracked: Collection[str], mode: Mode, restored: datetime | None) -> dict[str, Feed]:
    """Give where to go on in each of the `tracked` tables, as far as the latest runs know.

    Tokens from before a backup of the tenant was `restored` are of data that is no longer there. A sweep in a lower
    mode than `mode` saw what it was not allowed to write.
    """
    found: dict[str, Feed] = {}
    runs, tracking = ledger.runs(REMEMBERED_RUNS), _latest_tracking(ledger)
    for run in [*runs, *([tracking] if tracking and tracking not in runs else [])]:
        if set(tracked) <= found.keys() or (restored and run.started < restored):
            break
        swept = run.kind is RunKind.SWEEP and run.mode.step >= mode.step
        if (swept or run.kind is RunKind.TRACK) and state_of(parts := ledger.parts(run.id)) is State.DONE:
            found = {table: Feed(token, swept) for table, token in _tokens(parts).items() if table in tracked} | found
    return found


def _tokens(parts: Iterable[Part]) -> dict[str, str | None]:
    """Give the tokens that the parts of a run ended with, the earlier of two phases; None where one was lost."""
    reading = [part for part in parts if part.source.token is not None]
    lost = {part.source.table for part in reading if part.token is None}
    first = {part.source.table: part.token for part in reading if not part.is_repeat}
    return {table: None if table in lost else token for table, token in first.items()}


def untracked(ledger: Ledger, known: Mapping[str, Feed], tracked: Collection[str], now: datetime) -> list[str]:
    """Name the `tracked` tables for which there is no token, none while that is tried or was tried of late."""
    lacking = sorted(table for table in tracked if table not in known or not known[table].token)
    latest = _latest_tracking(ledger) if lacking else None
    if latest and (now - latest.started < RETRY or state_of(ledger.parts(latest.id)) is State.RUNNING):
        return []
    return lacking


def note_tracking(ledger: Ledger, run: Run) -> None:
    """Remember a run that gets tokens: it may take longer than the latest runs reach back."""
    ledger.set_note(_LATEST, run.id, ledger.note(_LATEST))


def _latest_tracking(ledger: Ledger) -> Run | None:
    stands = ledger.note(_LATEST)
    return ledger.run(stands) if stands else None


def sweep_sources(since: datetime | None, known: Mapping[str, Feed], lists: Collection[str]) -> list[Source]:
    """Give what a sweep looks at: what changed since the last complete one began, or everything."""
    back = since - OVERLAP if since else None
    found = [Source(table, since=back, token=feed.token) for table, feed in known.items() if feed.token]
    if back is None:
        return [*everything(), *found]
    alone = {table for table, feed in known.items() if feed.token and feed.alone}
    return [*found, *(s for table in TABLES if table not in alone for s in changed_in(table, back, lists))]


def overdue(parts: Collection[Part], lists: Collection[str]) -> list[Source]:
    """Give what a sweep still has to look at because of what change tracking told, or lost.

    A deletion does not say who left which list, so the lists are compared with the members that the ledger remembers.
    """
    found: list[Source] = []
    for part in parts:
        source = part.source
        if source.token and source.since and part.token is None:
            found += changed_in(source.table, source.since, lists)
        elif source.token and source.table == MEMBERS and part.tally.deleted:
            found += [Source(MEMBERS, list_id, gone=True) for list_id in lists]
    there = {part.source for part in parts}
    return [source for source in dict.fromkeys(found) if source not in there]
