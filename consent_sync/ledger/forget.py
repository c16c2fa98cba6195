"""Forgetting: a person who asks for it, and what of the histories is old enough.

What is taken out of a history leaves a checkpoint in the sealed document (how many lines, and the digest from which the
next one goes on) and a line that says so; what is left can be verified as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from consent_sync.consent.model import Reading, RecordRef, Scope
from consent_sync.consent.registers import Registers
from consent_sync.ports.ledger import HistoryLine

from .account import Account, step
from .accounts import Accounts, Amendment
from .chain import Chain, stamp
from .codec import NOBODY, decode, decode_registers, joined, points_in, read_line, record_under, suppression, text_of
from .store import Change, Kept, Line, Storage

_NIL = "00000000-0000-0000-0000-000000000000"
"""Stands in notes in the place of a record that is erased: the id of no record."""


def erase(accounts: Accounts, storage: Storage, key: str, by: str, why: str) -> None:
    """Forget whose account is under `key`, except for the opt-outs that stand; see the port."""
    record, at = record_under(key), accounts.now().replace(microsecond=0)
    if record:
        _pass_on(accounts, key, by, why)

    def history_first(account: Account) -> Amendment | None:
        """Cut off a history that goes altogether: it may be longer than what one transaction deletes."""
        chain = account.chain.cut(account.chain.length, account.chain.head)
        stays = not record and _standing(account.body)
        return None if stays else (replace(account, chain=chain), [])

    def left(before: Kept | None) -> Change | None:
        if before is None:
            return None
        rest = None if record else _suppressed(accounts.read(before), by, why, at)
        return accounts.changed(key, before, *rest) if rest else step(key, before, None, ())

    accounts.amend(key, history_first)
    accounts.change(key, left)
    storage.index.forget(key)
    storage.runs.forget(key, f"{record.table} {record.id}" if record else None)
    if record:
        _forget_in_notes(storage, record)
    storage.documents.shred()


def _pass_on(accounts: Accounts, key: str, by: str, why: str) -> None:
    """Give the opt-outs of a record to the contact points that it carries, before it is erased."""
    body = accounts.read(accounts.fetch([key]).get(key)).body
    outs, out = _standing(body), Reading.OUT.value
    lines = [
        text_of(HistoryLine(NOBODY, known.latest_out, "evidence", str(scope), "", out, "inherited", why, by=by))
        for scope, known in outs.items()
    ]
    for point in points_in(body):
        accounts.amend(point, lambda account: (replace(account, body=joined(account.body, outs)), lines))


def _suppressed(account: Account, by: str, why: str, now: datetime) -> Amendment | None:
    """Give what is left of a contact point, and the lines that say so; None where no opt-out has to be kept."""
    kept = _standing(account.body)
    if not kept:
        return None
    out, chain = Reading.OUT.value, account.chain.cut(account.chain.length, account.chain.head)
    lines = [HistoryLine(NOBODY, now, "erased", str(scope), "", out, "", why, by=by) for scope in kept]
    latest = max(now, *(known.latest_out for known in kept.values()))  # another clock dates the opt-outs
    return Account(suppression(kept, latest), (), chain), [text_of(line) for line in lines]


def _forget_in_notes(storage: Storage, record: RecordRef) -> None:
    notes = storage.documents
    for name in [name for name, value in notes.notes().items() if record.id in value]:
        while record.id in (stands := notes.note(name) or ""):
            notes.set_note(name, stands.replace(record.id, _NIL), stands)


def trim(accounts: Accounts, storage: Storage, before: datetime, by: str) -> int:
    """Take out of the histories what was recorded before that time and is not needed any more; see the port."""
    count = 0
    for key, kept, history in storage.documents.scan():
        if kept is None or not history or history[0].recorded >= stamp(before):
            continue
        account = accounts.read(kept)
        rest = _trimmed(key, account, history, before)
        if rest is None:
            if history[0].number <= account.chain.trimmed:  # a process died before it had deleted them
                storage.documents.commit([[replace(step(key, kept, kept.document, ()), trim=account.chain.trimmed)]])
            continue
        chain, because = rest
        line = text_of(HistoryLine(NOBODY, accounts.now(), "trimmed", "", "", "", "", because, by=by))
        if storage.documents.commit([[accounts.changed(key, kept, replace(account, chain=chain), [line])]]):
            count += chain.trimmed - account.chain.trimmed
    storage.documents.shred()
    return count


def _trimmed(key: str, account: Account, history: Iterable[Line], before: datetime) -> tuple[Chain, str] | None:
    """Give the chain without its lines from before that time, and which ones these are; None where none may go.

    A history stays whole where an opt-out stands, or was written because of another subject's: it proves that this was
    done. So does one from the line on that proves an opt-in which counts.
    """
    says_out = any(place.reading is Reading.OUT for place in decode(NOBODY, account.body).seen.values())
    if says_out or _standing(account.body):
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
    return account.chain.cut(last.number, last.digest), because


def _standing(body: str) -> dict[Scope, Registers]:
    """Give the opt-outs that stand, and nothing else."""
    known = decode_registers(body).items()
    return {scope: Registers(latest_out=registers.latest_out) for scope, registers in known if registers.out}
