"""The queue messages: a wake ("look at these contact points") and the next page of a run's part.

A wake carries contact points, because the ledger only knows their hashes; it lives in the customer's own storage for as
long as it takes to work it. Everything a wake says is read again before anything is decided.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from consent_sync.consent.model import Act, ContactPoint, Move, RecordRef
from consent_sync.errors import ConsentSyncError


class BadMessage(ConsentSyncError):
    """A queue message that nothing here wrote. Look at what else writes to the queue, then delete the message."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at these contact points, records and consent rows (by id); `acts` and `moves` are what events told of them.

    A wake that a person asked for belongs to the run `run_id`, and with `dry_run` only says what it would do. The
    `correlation` id names what caused it, and goes with every request that follows from it.
    """

    points: tuple[ContactPoint, ...] = ()
    records: tuple[RecordRef, ...] = ()
    acts: tuple[Act, ...] = ()
    moves: tuple[Move, ...] = ()
    run_id: str | None = None
    dry_run: bool = False
    rows: tuple[str, ...] = ()
    correlation: str = ""

    def to_json(self) -> str:
        """Give the queue message."""
        return _WAKE.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Wake:
        """Read a queue message. Raises :class:`BadMessage`."""
        try:
            return _WAKE.validate_json(text)
        except ValidationError as error:
            raise BadMessage(f"not a wake: {error.error_count()} mistakes in the message") from None


@dataclass(frozen=True, slots=True)
class PageTurn:
    """Work the next page of a part of a run, unless its checkpoint has moved on from `seq`."""

    run_id: str
    part: str
    seq: int = 0

    def to_json(self) -> str:
        """Give the queue message."""
        return _TURN.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> PageTurn:
        """Read a queue message. Raises :class:`BadMessage`."""
        try:
            return _TURN.validate_json(text)
        except ValidationError as error:
            raise BadMessage(f"not a page: {error.error_count()} mistakes in the message") from None


_WAKE = TypeAdapter(Wake)
_TURN = TypeAdapter(PageTurn)
