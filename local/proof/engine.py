"""The engine at work in a scene: the production reconcile, step by step, against whatever people do meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, cast

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Act, Kind, Reading, Scope
from consent_sync.engine.reconcile import NotSettled, Reconciler
from consent_sync.ports.wake import Wake

from .frozen import Look, State, canonical, freeze, thaw
from .scene import NOT_YET, Scene, Truth
from .tenant import LISTS, START, MachineDiedError, Memory, Rows, later, place_of, touched
from .walk import Verdict

LIVES_FOR = {"write": None, "crash-before": 0, "crash-amid": 1, "crash-after": 99}
"""The ways to act on what was read, and how many writes happen before the machine dies."""

_PATIENCE = 6


class Events(Enum):
    """What becomes of the events that people's deeds send."""

    LOST = "all events lost"
    LATE = "all events late, reversed, doubled"
    KNOWN = "all events told at every look"
    AUDITED = "all events lost, an audit log kept"


_KEPT = {Events.KNOWN, Events.AUDITED}
"""Of each deed, the last time is told again and again."""


class NeverSettlesError(Exception):
    """Undisturbed looks went on writing."""


@dataclass(frozen=True)
class Engine:
    """Steps and judges the states of `scene` with production code; `events` is what it gets to know besides reading."""

    scene: Scene
    events: Events = Events.LOST

    def start(self) -> State:
        """Give the scene before anybody does anything."""
        state = State(self.scene.start, truth=(NOT_YET,) * len(self.scene.deeds))
        return self._canonical(self._reconcile(state, self._now()) if self.scene.first_look else state)

    def step(self, state: State, symbol: str) -> State:
        """Do a deed, or read, or act on what was read."""
        if symbol in self.scene.deeds:
            state = self._deed(state, list(self.scene.deeds).index(symbol))
        elif symbol == "read":
            state = state._replace(look=Look(state.cells, self._now(), state.truth))
        elif state.look:
            state = self._reconcile(state, self._now(), LIVES_FOR[symbol])
        return self._canonical(state)

    def judge(self, state: State) -> Verdict:
        """Let late events come, look until nothing changes, and compare every place with what people said."""
        if not state.said:
            return Verdict.NOTHING
        if self.events is Events.LATE:
            for event in (event for event in reversed(state.sent) for _ in "ab"):
                state = self._reconcile(state._replace(look=None, sent=(event,)), later())
        state = self._quiet(state)
        if state.opened_wrongly or any(self._is_wrong(state, n) for n in range(len(state.cells))):
            return Verdict.WRONG
        stuck = any(self._is_stuck(state, n) for n in range(len(state.cells)))
        return Verdict.STUCK if stuck else Verdict.RIGHT

    def _now(self) -> datetime:
        return START if self.scene.one_second else later()

    # what people do

    def _deed(self, state: State, n: int) -> State:
        deed, now = tuple(self.scene.deeds.values())[n], self._now()
        cell = state.cells[deed.at]
        if deed.says is None:
            now = cell.changed if self.scene.exact_times else now
            if not cell.present:
                return state
            edited = touched(state.cells, deed.at, cell, now)
            return _with(state, deed.at, edited._replace(by_us=cell.by_us) if self.scene.exact_times else edited)
        state = state._replace(said=True)
        is_list = self.scene.places[deed.at].kind in LISTS
        present = not is_list or deed.says is not self.scene.says_when_absent(deed.at)
        unchanged = (cell.says, cell.present) == (deed.says if present else Reading.SILENT, present)
        if unchanged and not self.scene.repeats:
            return state
        done = cell._replace(says=deed.says if present else Reading.SILENT, present=present, trusted=True)
        truth = tuple(max(state.truth) + 1 if i == n else at for i, at in enumerate(state.truth))
        kept = () if self.events is Events.LOST else state.sent
        if self.events in _KEPT:
            kept = tuple(event for event in kept if event[0] != n)
        if self.events is Events.AUDITED and unchanged:
            sent = state.sent  # the log records changes only
        else:
            sent = kept if self.events is Events.LOST else (*kept, (n, now))
        return _with(state._replace(truth=truth, sent=sent), deed.at, touched(state.cells, deed.at, done, now))

    def _acts(self, state: State) -> Iterable[Act]:
        deeds = tuple(self.scene.deeds.values())
        for n, at in state.sent:
            place, says = self.scene.places[deeds[n].at], deeds[n].says
            row = place_of(self.scene, deeds[n].at, state.cells[deeds[n].at])
            if says and (state.look is None or at <= state.look.at):
                yield Act(row if place.kind is Kind.ROW else place, says, at)

    # what the engine does

    def _reconcile(self, state: State, now: datetime, lives_for: int | None = None) -> State:
        rows = Rows(self.scene, list(state.cells), now, lives_for=lives_for)
        if state.look:
            rows.read_before = (state.look.cells, state.look.at)
        memory = Memory(thaw(state.ledger))
        acts, audited = tuple(self._acts(state)), self.events is Events.AUDITED
        rows.log = acts if audited else ()
        wake = Wake(tuple(self.scene.holders), (), () if audited else acts)
        with suppress(MachineDiedError, NotSettled):
            Reconciler(cast("Any", rows), cast("Any", memory), lambda: Mode.TWO_WAY, sleep=lambda _: None)(wake)
        wrongly = any(
            self._may_not_open(state.look.truth if state.look and look == 1 else state.truth, n)
            for n, look in rows.opened
        )
        return state._replace(
            cells=tuple(rows.cells),
            ledger=freeze(memory.entries),
            look=None,
            opened_wrongly=state.opened_wrongly or wrongly,
        )

    def _quiet(self, state: State) -> State:
        state = state._replace(look=None, sent=state.sent if self.events in _KEPT else ())
        for _ in range(_PATIENCE):
            before, state = state.cells, self._reconcile(state, later())
            if state.cells == before:
                return state
        raise NeverSettlesError(state)

    def _canonical(self, state: State) -> State:
        order = {at: n for n, at in enumerate(sorted({NOT_YET, *state.truth}), NOT_YET)}
        state = state._replace(truth=tuple(order[at] for at in state.truth))
        return canonical(state, one_second=self.scene.one_second)

    # the truth

    def _parts(self, n: int) -> tuple[Scope, ...]:
        scopes = self.scene.meaning(n).scopes
        return tuple(part for s in scopes for part in self.scene.landscape.purposes_under(s) or (s,))

    def _may_not_open(self, truth: Truth, n: int) -> bool:
        return any(self.scene.stopped(truth, p, s) for p in self.scene.points_of[n] for s in self._parts(n))

    def _is_wrong(self, state: State, n: int) -> bool:
        scene = self.scene
        stopped = any(all(scene.stopped(state.truth, p, s) for s in self._parts(n)) for p in scene.points_of[n])
        return stopped and not any(scene.closed(i, state.cells[i]) for i in (n, *scene.wider[n]))

    def _is_stuck(self, state: State, n: int) -> bool:
        scene = self.scene
        asked = all(
            scene.latest(state.truth, frozenset({p, *scene.holders[p]}), frozenset({s}), Reading.IN) > NOT_YET
            for p in scene.points_of[n]
            for s in self._parts(n)
        )
        return asked and scene.closed(n, state.cells[n]) and not self._may_not_open(state.truth, n)


def _with(state: State, n: int, cell: Any) -> State:
    return state._replace(cells=(*state.cells[:n], cell, *state.cells[n + 1 :]))
