"""What a ledger promises, in memory and without a storage: the measure for those that have one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from consent_sync.consent.model import NEVER, RecordRef
from consent_sync.consent.registers import Entry, Registers
from consent_sync.consent.rules import PASSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from consent_sync.consent.model import Scope, Subject

type Line = tuple[str, str, str, str]
"""What a line of history is, and its scope, location and rule."""
type HoldName = tuple[str, str]
"""The location and the rule of a hold."""


@dataclass
class Account:
    entry: Entry
    version: int | None = None
    holds: dict[HoldName, str] = field(default_factory=dict)
    history: list[Line] = field(default_factory=list)

    def set_hold(self, name: HoldName, state: str) -> None:
        self.holds.pop(name, None)
        self.holds[name] = state  # what became of holds is told in the order in which it was found


class Model:
    """The subjects, and `runs` with the number of checkpoints of each of their parts."""

    def __init__(self, subject_of: Mapping[str, Subject]) -> None:
        self._subject_of = subject_of
        self._commits = count(1)
        self.accounts: dict[Subject, Account] = {}
        self.notes: dict[str, str] = {}
        self.runs: dict[str, dict[str, int]] = {}

    def of(self, subject: Subject) -> Account:
        return deepcopy(self.accounts.get(subject) or Account(Entry(subject)))

    def save(self, entry: Entry, lines: Iterable[Line], held: Iterable[HoldName]) -> None:
        account, held = self.of(entry.subject), list(held)
        account.entry = entry
        for name in held:
            if name not in account.holds:
                account.set_hold(name, "open")
        for name, state in list(account.holds.items()):
            if state == "open" and name[1] in PASSING and name not in held:
                account.set_hold(name, "passed")
        self._commit(account, lines)

    def open_hold(self, subject: Subject, name: HoldName) -> None:
        account = self.of(subject)
        if name not in account.holds:
            account.set_hold(name, "open")
            self._commit(account)

    def settle(self, subject: Subject, name: HoldName, state: str, learnt: Mapping[Scope, Registers]) -> bool:
        account = self.of(subject)
        if account.holds.get(name) != "open":
            return False
        account.set_hold(name, state)
        account.entry = _joined(account.entry, learnt)
        self._commit(account, [("evidence", str(scope), *name) for scope in learnt])
        return True

    def learn(self, subject: Subject, learnt: Mapping[Scope, Registers], lines: list[Line]) -> bool:
        account = self.of(subject)
        account.entry = _joined(account.entry, learnt)
        if lines:
            self._commit(account, lines)
        return bool(lines)

    def erase(self, subject: Subject) -> None:
        entry = self.of(subject).entry
        outs = {s: Registers(latest_out=known.latest_out) for s, known in entry.registers.items() if known.out}
        self.accounts.pop(subject, None)
        if not isinstance(subject, RecordRef):
            if outs:
                kept = Account(Entry(subject, outs, erased=max(known.latest_out for known in outs.values())))
                self._commit(kept, [("erased", str(scope), "", "") for scope in outs])
            return
        for key in entry.points:
            point = self.of(self._subject_of[key])
            after = _joined(point.entry, outs)
            if after != point.entry:
                point.entry = after
                self._commit(point, [("evidence", str(scope), "", "inherited") for scope in outs])

    def forget_members(self, list_id: str) -> None:
        for record in self.members(list_id):
            account = self.of(record)
            account.entry = replace(
                account.entry, seen={k: v for k, v in account.entry.seen.items() if k != f"list/{list_id}"}
            )
            self._commit(account)

    def members(self, list_id: str) -> set[RecordRef]:
        return {s for s, a in self.accounts.items() if isinstance(s, RecordRef) and f"list/{list_id}" in a.entry.seen}

    def late(self) -> list[datetime]:
        return sorted(account.entry.late for account in self.accounts.values() if account.entry.late > NEVER)

    def open_holds(self) -> set[tuple[Subject, HoldName]]:
        return {(s, name) for s, a in self.accounts.items() for name, state in a.holds.items() if state == "open"}

    def _commit(self, account: Account, lines: Iterable[Line] = ()) -> None:
        before = self.of(account.entry.subject).holds
        words = {"open": "held", "passed": "passed"}
        told = [
            (words.get(state, "settled"), "", *name)
            for name, state in account.holds.items()
            if before.get(name) != state
        ]
        account.history += [*lines, *told]
        account.version = next(self._commits)
        self.accounts[account.entry.subject] = account


def _joined(entry: Entry, learnt: Mapping[Scope, Registers]) -> Entry:
    known = {scope: entry.of(scope).join(registers) for scope, registers in learnt.items()}
    return replace(entry, registers={**entry.registers, **known})
