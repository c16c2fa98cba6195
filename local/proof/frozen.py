"""States as values that can be compared: two that differ only in the names of moments and versions are one.

The engine compares times only by their order and versions only for being the same, so times are renamed by rank and
versions by first appearance. What it remembers is kept as its own values, so nothing of them is forgotten here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from consent_sync.consent.model import NEVER, Scope, Subject
from consent_sync.consent.registers import Entry, Registers, Seen

from .scene import Cell, Truth
from .tenant import moment

_REST = tuple(f.name for f in fields(Entry) if f.name not in {"registers", "seen", "points"})


class Note(NamedTuple):
    """An entry of the ledger that can be hashed; `rest` are the values of its other fields."""

    registers: tuple[tuple[Scope, Registers], ...]
    seen: tuple[tuple[str, Seen], ...]
    points: tuple[tuple[str, datetime], ...]
    rest: tuple[Any, ...]


class Look(NamedTuple):
    """What was read and not yet acted on, and what people had said by then."""

    cells: tuple[Cell, ...]
    at: datetime
    truth: Truth


class State(NamedTuple):
    """The tenant, the ledger, a look in memory, what people said, and whether a write ever opened against it.

    `sent` are the events on their way: the number of the deed, and when it was done.
    """

    cells: tuple[Cell, ...]
    ledger: tuple[Note, ...] = ()
    look: Look | None = None
    truth: Truth = ()
    sent: tuple[tuple[int, datetime], ...] = ()
    said: bool = False
    opened_wrongly: bool = False


def freeze(entries: dict[Subject, Entry]) -> tuple[Note, ...]:
    """Give the ledger as a value."""
    return tuple(
        Note(
            tuple(sorted(entry.registers.items(), key=lambda item: item[0])),
            tuple(sorted(entry.seen.items(), key=lambda item: item[0])),
            tuple(sorted(entry.points.items())),
            tuple(getattr(entry, name) for name in _REST),
        )
        for _, entry in sorted(entries.items(), key=lambda item: str(item[0]))
    )


@lru_cache(maxsize=100_000)
def _thawed(note: Note) -> Entry:
    rest = dict(zip(_REST, note.rest, strict=True))
    return Entry(registers=dict(note.registers), seen=dict(note.seen), points=dict(note.points), **rest)


def thaw(ledger: tuple[Note, ...]) -> dict[Subject, Entry]:
    """Give back what :func:`freeze` took."""
    return {entry.subject: entry for entry in map(_thawed, ledger)}


def canonical(state: State, *, one_second: bool) -> State:
    """Rename moments and versions, so that states with the same future are equal."""
    times: set[datetime] = set()
    versions: dict[str, str] = {}

    def version(old: int) -> int:
        return int(versions.setdefault(str(old), str(len(versions))))

    def collect(at: datetime) -> datetime:
        times.add(at)
        return at

    state = _renamed(state, collect, version)
    if one_second:
        return state
    rank = {at: moment(n) for n, at in enumerate(sorted(times - {NEVER}))}
    rank[NEVER] = NEVER
    return _renamed(state, rank.__getitem__, lambda n: n)


def _renamed(state: State, time: Callable[[datetime], datetime], version: Callable[[int], int]) -> State:
    def cell(c: Cell) -> Cell:
        return c._replace(version=version(c.version), changed=time(c.changed), created=time(c.created))

    def seen(s: Seen) -> Seen:
        return replace(s, at=time(s.at), version=s.version and _apart(s.version, version))

    def registers(r: Registers) -> Registers:
        return Registers(time(r.latest_in), time(r.latest_out))

    def note(n: Note) -> Note:
        return Note(
            tuple((scope, registers(r)) for scope, r in n.registers),
            tuple((key, seen(s)) for key, s in n.seen),
            tuple((key, time(since)) for key, since in n.points),
            tuple(time(value) if isinstance(value, datetime) else value for value in n.rest),
        )

    look = state.look
    return state._replace(
        cells=tuple(map(cell, state.cells)),
        ledger=tuple(map(note, state.ledger)),
        look=look and Look(tuple(map(cell, look.cells)), time(look.at), look.truth),
        sent=tuple((deed, time(at)) for deed, at in state.sent),
    )


def _apart(version: str, rename: Callable[[int], int]) -> str:
    number, _, cell = version.partition("@")
    return f"{rename(int(number))}@{cell}"
