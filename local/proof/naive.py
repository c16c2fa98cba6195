"""The rules that others use, on two rows that hold the same consent: what goes wrong with each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .walk import Verdict


class Row(NamedTuple):
    """One side: whether it says in, and when it was last touched (which is its version, too)."""

    says_in: bool
    touched: int


type Rows = tuple[Row, Row]
type Base = tuple[bool, bool]
type Rule = Callable[[Rows, Base], Base]


def last_modified_wins(rows: Rows, _base: Base) -> Base:
    """The side whose row was touched last is right; a tie is an opt-out."""
    a, b = rows
    says_in = (a if a.touched > b.touched else b).says_in if a.touched != b.touched else a.says_in and b.says_in
    return says_in, says_in


def out_always_wins(rows: Rows, _base: Base) -> Base:
    """An opt-out on either side closes both."""
    says_in = rows[0].says_in and rows[1].says_in
    return says_in, says_in


def three_way_base(rows: Rows, base: Base) -> Base:
    """The side that changed since the last agreement is right; if both did, an opt-out closes both."""
    a, b = (row.says_in for row in rows)
    if a == b:
        return a, b
    a_changed, b_changed = a != base[0], b != base[1]
    says_in = a_changed != b_changed and (a if a_changed else b)
    return says_in, says_in


class State(NamedTuple):
    """The rows, the remembered base, what was read and not yet written, and the latest act (None before the first)."""

    rows: Rows = (Row(says_in=True, touched=0), Row(says_in=True, touched=0))
    base: Base = (True, True)
    read: Rows | None = None
    latest_in: bool | None = None
    said: bool = False


@dataclass(frozen=True)
class Naive:
    """A rule at work: it reads, and writes later what it decided on what it had read."""

    rule: Rule
    if_match: bool

    def step(self, state: State, symbol: str) -> State:
        """Do one step; see :data:`local.proof.table.ALPHABET`."""
        now = 1 + max(row.touched for row in (*state.rows, *(state.read or ())))
        side, what = "ab".find(symbol[0]), symbol[1:]
        if side >= 0:
            state = state._replace(said=state.said or what != "*")
            says_in = state.rows[side].says_in if what == "*" else what == "+"
            if what == "*" or says_in != state.rows[side].says_in:
                state = _with_row(state, side, Row(says_in, now))
                state = state if what == "*" else state._replace(latest_in=says_in)
        elif symbol == "read":
            agreed = state.rows[0].says_in == state.rows[1].says_in
            base = (state.rows[0].says_in,) * 2 if agreed else state.base
            state = state._replace(read=state.rows, base=base)
        elif state.read:
            state = self._write(state, now, symbol)
        return _ranked(state)

    def _write(self, state: State, now: int, symbol: str) -> State:
        read, base = state.read or state.rows, list(state.base)
        for side, says_in in enumerate(self.rule(read, state.base) if symbol != "crash-before" else ()):
            differs = says_in != read[side].says_in
            if differs and self.if_match and state.rows[side].touched != read[side].touched:
                continue
            base[side] = says_in
            if differs:
                state = _with_row(state, side, Row(says_in, now))
        return state._replace(read=None, base=(base[0], base[1]) if symbol == "write" else state.base)

    def judge(self, state: State) -> Verdict:
        """Let it read and write undisturbed until nothing changes, and compare with the latest act."""
        if not state.said:
            return Verdict.NOTHING
        before = None
        while before != (state.rows, state.base):
            before = (state.rows, state.base)
            state = self.step(self.step(state, "read"), "write")
        is_in = [row.says_in for row in state.rows]
        if state.latest_in is False and any(is_in):
            return Verdict.WRONG
        return Verdict.STUCK if state.latest_in and not all(is_in) else Verdict.RIGHT


def _with_row(state: State, side: int, row: Row) -> State:
    return state._replace(rows=(row, state.rows[1]) if side == 0 else (state.rows[0], row))


def _ranked(state: State) -> State:
    """Rename times by their order: nothing else about them matters."""
    seen = sorted({row.touched for row in (*state.rows, *(state.read or ()))})
    rank = {touched: n for n, touched in enumerate(seen)}
    rows, read = ([Row(r.says_in, rank[r.touched]) for r in rs] for rs in (state.rows, state.read or ()))
    return state._replace(rows=(rows[0], rows[1]), read=(read[0], read[1]) if read else None)
