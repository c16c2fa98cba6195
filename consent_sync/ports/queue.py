"""What the service needs of a queue besides being called with its messages.

The functions host delivers messages one by one and counts their tries. Whoever is called may take further messages
along, put one back for later, and look at what was given up.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from consent_sync.errors import ConsentSyncError


class QueueTrouble(ConsentSyncError):
    """The storage account of the queues does not answer as it should. Check `AzureWebJobsStorage` and the network.

    Nothing is lost: a message that could not be deleted or moved is delivered again.
    """


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message. `tries` counts the deliveries so far, this one too; `receipt` is the queue's own."""

    text: str
    tries: int = 1
    id: str = ""
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a message was given up: the kind of its last error, what the error says, after how many tries, when."""

    error: str
    says: str
    tries: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that was given up at `at`. `cause` is None where the process ended with the last try."""

    id: str
    text: str
    at: datetime
    cause: Cause | None


class WorkQueue(Protocol):
    """One queue and the queue of what was given up beside it. Raises QueueTrouble, except in `take`, `done`, `back`."""

    @property
    def name(self) -> str:
        """The queue's name."""

    def take(self, count: int) -> list[Delivery]:
        """Take up to `count` visible messages, none where the queue cannot be read. They come back by themselves."""

    def done(self, delivery: Delivery) -> None:
        """Delete a message that was taken, unless somebody else took it since."""

    def back(self, delivery: Delivery) -> None:
        """Let a message that was taken be delivered again after the pause of a failed try."""

    def send(self, text: str, delay: float = 0) -> None:
        """Add a message that is delivered after `delay` seconds at the earliest."""

    def park(self, text: str, cause: Cause) -> None:
        """Add a message to those that were given up."""

    def count_parked(self) -> int:
        """Count what was given up; the storage calls its count approximate."""

    def parked(self) -> list[Parked]:
        """Show the oldest messages that were given up; no more of them than the storage shows at once."""

    def replay(self, ids: Collection[str] | None = None) -> int:
        """Put messages that were given up, all or those of `ids`, back into the queue; gives how many."""
