"""What the ledger needs of a storage: documents by key with a version, their history, a few indexes, and the runs.

Two things implement it, a SQLite file and Azure Tables. Neither knows what a document says; what both promise is held
by one suite of tests. An index may name too much after a crash, never too little: whoever reads it asks the document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Images
from consent_sync.ports.ledger import Notes, Runs, StoredHold
from consent_sync.ports.runs import Part, Run

ERASED = "erased"
"""The scope of a run that was asked for somebody who is erased since."""
OWN_NOTES = frozenset({"schema", "key", "id", "note/copying"})
"""Notes that are about one storage, and not about what it holds."""
SCHEMA = 2
"""The version of what is stored, the same number for every storage."""


@dataclass(frozen=True, slots=True)
class Document:
    """All that is kept of one subject besides its history; `seal` shows whether anybody else changed it."""

    body: str
    holds: str
    chain: str
    seal: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A document as it stands: `version` changes with every commit, `revision` says when it was (see the port)."""

    version: str
    revision: int = field(compare=False)
    document: Document = field(compare=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history, as it is stored."""

    number: int
    recorded: str
    body: str
    digest: str


@dataclass(frozen=True, slots=True)
class Change:
    """A document to put where `before` stood, with the lines to append to its history.

    Without a `document` everything under the key is deleted; otherwise the lines up to number `trim` are. `joined` and
    `left` are the lists whose index has to name its subject, or no longer, the lists of those who are late included;
    `opened` and `closed` the same for the index of open holds, and `dropped` are holds that are deleted.
    """

    key: str
    before: Kept | None
    document: Document | None
    lines: tuple[Line, ...] = ()
    joined: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    opened: tuple[StoredHold, ...] = ()
    closed: tuple[StoredHold, ...] = ()
    dropped: tuple[StoredHold, ...] = ()
    trim: int = 0

    @property
    def erases(self) -> bool:
        """Whether no document tells afterwards what the index names in vain, so that it has to be written down."""
        return self.document is None or bool(self.dropped)


@dataclass(frozen=True, slots=True)
class IndexedHold:
    """A hold that an index takes for open; where it is not `sure`, the document knows. `row` is the storage's own."""

    hold: StoredHold
    sure: bool = True
    row: object = None


class LedgerVersion(ConsentSyncError):
    """The ledger was written by a newer version of consent-sync: run that version, or restore a backup from before it.

    A ledger of an older version is brought up to date by itself when the service starts.
    """

    def __init__(self, found: int) -> None:
        self.found = found
        super().__init__(f"the ledger has schema version {found}, this program knows versions up to {SCHEMA}")


class Documents(Notes, Protocol):
    """Documents by key with their histories, and notes; safe to use from many threads."""

    def close(self) -> None:
        """Let go of the whole storage."""

    def revision(self) -> int:
        """Give what the port's method of that name gives."""

    def fetch(self, keys: Collection[str]) -> dict[str, Kept]:
        """Give the documents that there are under `keys`."""

    def commit(self, stages: Sequence[Sequence[Change]]) -> dict[str, Kept]:
        """Put each change if its document still stands as before, stage by stage; give those that were put.

        One change is recorded completely or not at all, and after a crash only something that was to be deleted may be
        left. No stage begins after one in which a change was refused.
        """

    def shred(self) -> None:
        """Let nothing that was deleted stay behind where it could be read."""

    def lines(self, key: str) -> list[Line]:
        """Give the stored history of `key`, in order."""

    def recorded(self, since: str, until: str) -> Iterator[tuple[str, Line]]:
        """Give all lines recorded from `since` on and before `until` with their key: by time, key and number."""

    def scan(self) -> Iterator[tuple[str, Kept | None, list[Line]]]:
        """Give everything that is stored, key by key: the document, None where there is none, and the history."""


class Index(Protocol):
    """What follows from the documents and is looked up by something else than their key."""

    def members(self, list_id: str) -> Iterator[str]:
        """Give the keys of the records that the index names for a list."""

    def count_members(self, list_id: str, at_most: int) -> int:
        """Count them, and stop at `at_most`."""

    def drop_member(self, list_id: str, key: str) -> None:
        """Take a record that the list's index names in vain out of it, unless it may just be joining."""

    def late(self, at_most: int) -> list[tuple[str, str]]:
        """Give who the index names for the lists of those who are late, as (list, key), oldest first."""

    def forget(self, key: str) -> None:
        """Take out of the index what an erasure of `key` left there that was broken off after it was recorded."""

    def open_holds(self) -> list[IndexedHold]:
        """Give the holds that the index takes for open, in any order."""

    def correct(self, indexed: IndexedHold, *, is_open: bool) -> None:
        """Make the index sure of what the document says, unless somebody may just be changing it."""

    def key_of_hold(self, hold_id: str) -> str | None:
        """Give the key of the document that has a hold."""


class RunStore(Runs, Images, Protocol):
    """Runs with their parts and images."""

    def restore(self, run: Run, parts: Iterable[Part]) -> None:
        """Put a run and its parts in the place of everything that is stored of that run."""

    def forget(self, key: str, scope: str | None) -> None:
        """Delete the images of a subject, and the name of a scope from the runs that were asked for it alone."""


@dataclass(frozen=True, slots=True)
class Storage:
    """All of one storage."""

    documents: Documents
    index: Index
    runs: RunStore
