"""The account of one subject, read out of its document: what is known, what is held, how far its history goes.

Everything that changes an account goes through :func:`change`, which finds out what the history and the indexes have
to say about it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import TypeAdapter

from consent_sync.consent.hold import Hold
from consent_sync.consent.model import NEVER
from consent_sync.consent.rules import PASSING
from consent_sync.ports.ledger import StoredHold

from .chain import Chain, Notary
from .codec import late_in, lateness, line_of_hold, lists_in, record_under
from .store import Change, Document, Kept, Line

_HOLDS = TypeAdapter(tuple[StoredHold, ...])
_NONE = "[]"


@dataclass(frozen=True, slots=True)
class Account:
    """`body` is the encoded entry, `holds` all that there ever were."""

    body: str
    holds: tuple[StoredHold, ...] = ()
    chain: Chain = field(default_factory=Chain)

    @classmethod
    def of(cls, kept: Kept | None, empty: str) -> Account:
        """Read a document; where there is none, the account has the body `empty`."""
        return cls(empty) if kept is None else cls.read(kept.document)

    @classmethod
    def read(cls, document: Document) -> Account:
        """Read a document."""
        holds = () if document.holds == _NONE else _HOLDS.validate_json(document.holds)
        return cls(document.body, holds, Chain.from_json(document.chain))

    def hold(self, hold_id: str) -> StoredHold | None:
        """Give one hold."""
        return next((hold for hold in self.holds if hold.id == hold_id), None)

    def held(self, hold: StoredHold) -> Account:
        """Give the account with a hold added, or put in the place of the one with its id."""
        others = tuple(other for other in self.holds if other.id != hold.id)
        return replace(self, holds=(*others, hold))

    def reviewed(self, found: Iterable[StoredHold], now: datetime) -> Account:
        """Open what is held now, and let go of what was held for a passing reason that is gone."""
        after, ids = self, set()
        for hold in found:
            ids.add(hold.id)
            after = after if after.hold(hold.id) else after.held(hold)
        for hold in self.holds:
            if hold.state == "open" and hold.rule in PASSING and hold.id not in ids:
                after = after.held(replace(hold, state="passed", settled=now))
        return after


def change(  # noqa: PLR0913  - one argument for each thing that goes into it
    notary: Notary, key: str, before: Kept | None, after: Account, lines: Iterable[str], now: datetime
) -> Change:
    """Give what has to be stored so that `after` stands where `before` stood; `lines` are added to the history."""
    old = Account.of(before, _NOTHING)
    known = {hold.id: hold.state for hold in old.holds}
    told = [line_of_hold(h, _became(h)) for h in after.holds if known.get(h.id) != h.state]
    chain, added = notary.extend(key, after.chain, (*lines, *told), now)
    holds = _HOLDS.dump_json(after.holds).decode() if after.holds else _NONE
    return step(key, before, notary.seal(key, after.body, holds, chain.to_json()), added)


def step(key: str, before: Kept | None, document: Document | None, lines: Iterable[Line]) -> Change:
    """Give the change from one document to another, with what it means for the indexes."""
    old, new = Account.of(before, _NOTHING), Account.read(document) if document else Account(_NOTHING)
    known, kept = {hold.id: hold.state for hold in old.holds}, {hold.id for hold in new.holds}
    changed = [hold for hold in new.holds if known.get(hold.id) != hold.state]
    was_on, is_on = (_indexed(key, account.body) for account in (old, new))
    return Change(
        key,
        before,
        document,
        tuple(lines),
        joined=is_on - was_on,
        left=was_on - is_on,
        opened=tuple(hold for hold in changed if hold.state == "open"),
        closed=tuple(hold for hold in changed if hold.state != "open"),
        dropped=tuple(hold for hold in old.holds if hold.id not in kept),
        trim=new.chain.trimmed if new.chain.trimmed > old.chain.trimmed else 0,
    )


def _became(hold: StoredHold) -> str:
    return {"open": "held", "passed": "passed"}.get(hold.state, "settled")


def _indexed(key: str, body: str) -> frozenset[str]:
    """Give the lists that the index has to name a subject for: its memberships, and the list of those who are late."""
    late = late_in(body)
    on = lists_in(body) if record_under(key) else frozenset()
    return on | {lateness(late)} if late else on


_NOTHING = '{"seen":{}}'


def stored(key: str, hold: Hold, opened: datetime) -> StoredHold:
    """Give the form in which a new hold is kept; its id is the same however often it is found."""
    since = None if hold.since == NEVER else int(hold.since.timestamp())
    occurrence = f"{key}\n{hold.location.key}\n{hold.rule}\n{since}"
    id_ = hashlib.sha256(occurrence.encode()).hexdigest()[:24]
    says, stands = hold.reading.value, hold.stands.value
    return StoredHold(id_, key, hold.location.key, hold.rule, says, stands, hold.source, opened)
