"""The accounts of a ledger: read with their seals checked, and changed however often others change them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from consent_sync.consent.registers import Entry
from consent_sync.ports.ledger import LedgerConflict, LedgerTampered, RecordedLine

from .account import Account, change
from .chain import Notary
from .codec import NOBODY, encode, read_line
from .store import Change, Documents, Kept

_ATTEMPTS = 50
_EMPTY = encode(Entry(NOBODY))

type Amendment = tuple[Account, list[str]]
"""An account as it is to be, and the lines to add to its history."""


class Accounts:
    """The accounts in one storage, under the seals of one hash key."""

    def __init__(self, documents: Documents, notary: Notary) -> None:
        self._documents, self._notary = documents, notary

    def now(self) -> datetime:
        """Tell the time at which things are recorded."""
        return datetime.now(UTC)

    def fetch(self, keys: Collection[str]) -> dict[str, Kept]:
        """Give the documents that there are under `keys`. Raises LedgerTampered."""
        found = self._documents.fetch(keys)
        for key, kept in found.items():
            if not self._notary.is_sealed(key, kept.document):
                raise LedgerTampered(key)
        return found

    def read(self, kept: Kept | None) -> Account:
        """Read a document, an empty account where there is none."""
        return Account.of(kept, _EMPTY)

    def lines(self, key: str, kept: Kept | None) -> list[RecordedLine]:
        """Give the history that goes with a document."""
        trimmed = self.read(kept).chain.trimmed
        return [read_line(key, line) for line in self._documents.lines(key) if line.number > trimmed]

    def changed(self, key: str, before: Kept | None, after: Account, lines: Iterable[str]) -> Change:
        """Give what has to be stored so that `after` stands where `before` stood, with `lines` added to the history."""
        return change(self._notary, key, before, after, lines, self.now())

    def amend(self, key: str, how: Callable[[Account], Amendment | None]) -> bool:
        """Change one account; false where there is nothing to change. Raises LedgerConflict and LedgerTampered."""

        def amended(before: Kept | None) -> Change | None:
            account = self.read(before)
            after = how(account)
            return self.changed(key, before, *after) if after and after[0] != account else None

        return self.change(key, amended)

    def change(self, key: str, how: Callable[[Kept | None], Change | None]) -> bool:
        """Change what is kept under a key; false where `how` says that nothing is to do. Raises as :meth:`amend`."""
        for _ in range(_ATTEMPTS):
            wanted = how(self.fetch([key]).get(key))
            if wanted is None:
                return False
            if self._documents.commit([[wanted]]):
                return True
        raise LedgerConflict
