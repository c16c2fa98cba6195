"""Forgetting: a person who asks for it, and what of the histories is old enough.

What is taken out of a history leaves a checkpoint in the sealed document (how many lines, and the digest from which the
next one goes on) and a line that says so; what is left can be verified as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from consent_sync.consent.model import Reading, Scope
from consent_sync.consent.registers import Registers
from consent_sync.ports.ledger import HistoryLine

from .account import Account
from .chain import stamp
from .codec import NOBODY, decode_registers, read_line, suppression, text_of
from .store import Line


def standing(body: str) -> dict[Scope, Registers]:
    """Give the opt-outs that stand, and nothing else."""
    known = decode_registers(body).items()
    return {scope: Registers(latest_out=registers.latest_out) for scope, registers in known if registers.out}


def erased(account: Account, by: str, why: str, now: datetime) -> tuple[Account, list[str]] | None:
    """Give what is left of a contact point, and the lines that say so; None where no opt-out has to be kept."""
    kept = standing(account.body)
    if not kept:
        return None
    out, chain = Reading.OUT.value, account.chain.cut(account.chain.length, account.chain.head)
    lines = [HistoryLine(NOBODY, now, "erased", str(scope), "", out, "", why, by=by) for scope in kept]
    latest = max(now, *(known.latest_out for known in kept.values()))  # another clock dates the opt-outs
    return Account(suppression(kept, latest), (), chain), [text_of(line) for line in lines]


def trimmed(
    key: str, account: Account, history: Iterable[Line], before: datetime, now: datetime
) -> tuple[Account, list[str]] | None:
    """Give the account without its lines from before that time, and the line that says so; None where none may go.

    A history in which an opt-out stands stays whole; so does one from the line on that proves an opt-in which counts.
    """
    if standing(account.body):
        return None
    proofs = {(str(scope), known.latest_in) for scope, known in decode_registers(account.body).items()}
    lines = [(line, read_line(key, line)) for line in history if line.number > account.chain.trimmed]
    proving = [
        line.recorded
        for line, said in lines
        if said.says == Reading.IN.value and (said.scope, said.at.replace(microsecond=0)) in proofs
    ]
    limit = min([stamp(before), *proving])
    gone = [(line, said) for line, said in lines if line.recorded < limit]
    if all(said.what == "trimmed" for _, said in gone):
        return None
    (first, _), (last, _) = gone[0], gone[-1]
    because = f"lines {first.number} to {last.number}, from before {before.date()}"
    line = HistoryLine(NOBODY, now, "trimmed", "", "", "", "", because)
    return replace(account, chain=account.chain.cut(last.number, last.digest)), [text_of(line)]
