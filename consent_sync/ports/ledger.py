"""What the engine needs of the durable memory, and what people need of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consent_sync.consent.hold import Hold
from consent_sync.consent.model import RecordRef, Scope, Subject
from consent_sync.consent.registers import Entry, Registers
from consent_sync.errors import ConsentSyncError

from .images import Images
from .runs import Part, Run


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line for the append-only history of a subject: what was learnt, written or held, and why.

    `what` is evidence, write, held, passed or settled; `by` the person who acted in the service, where one did.
    """

    subject: Subject
    at: datetime
    what: str
    scope: str
    location: str
    says: str
    rule: str
    because: str
    run: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """A line as it stands in the history of the subject that is kept under `key`.

    `at` is when it happened, `recorded` when it was put there; `number` counts the subject's lines, and `digest` shows
    that neither this line nor any before it was changed since.
    """

    key: str
    number: int
    recorded: datetime
    at: datetime
    what: str
    scope: str
    location: str
    says: str
    rule: str
    because: str
    run: str
    by: str
    digest: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """The first thing that is wrong with the history kept under `key`, at the line `number`; 0 is the entry itself."""

    key: str
    number: int
    says: str


@dataclass(frozen=True, slots=True)
class Verification:
    """How many subjects and lines were checked, and the first bad line of each subject that has one."""

    subjects: int
    lines: int
    bad: tuple[BadLine, ...]


@dataclass(frozen=True, slots=True)
class Late:
    """How many subjects have an opt-out that has not reached all of their locations, and the time of the oldest one.

    `more` says that there are more than were counted.
    """

    count: int
    more: bool
    oldest: datetime | None


class Verdict(StrEnum):
    """What a person made of a hold: the looser reading is right, or the restrictive one stays."""

    APPLY = "apply"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class StoredHold:
    """A hold as the ledger keeps it. `key` is the subject's; `location` its name within the subject.

    `state` is open, applied, dismissed, or passed (the reason went away by itself).
    """

    id: str
    key: str
    location: str
    rule: str
    says: str
    stands: str
    source: str
    opened: datetime
    state: str = "open"
    settled: datetime | None = None
    by: str = ""
    why: str = ""


class LedgerConflict(ConsentSyncError):
    """Another worker changed the same ledger entry meanwhile: read again and repeat.

    `kept` are the entries of the refused save that were recorded all the same, each completely.
    """

    def __init__(self, kept: Mapping[Subject, Entry] | None = None) -> None:
        self.kept = dict(kept or {})
        super().__init__("a ledger entry was changed by another worker meanwhile")


class LedgerTampered(ConsentSyncError):
    """What the ledger keeps under `key` was changed by something that does not have the hash key, or is damaged.

    Nothing is decided with it. Find out from the storage's logs who wrote there, and put the subject back from a backup
    of the ledger; `verify` names everything that is wrong.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the seal on {key} in the ledger is broken")


class Notes(Protocol):
    """Small facts under names."""

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""

    def notes(self, prefix: str = "") -> dict[str, str]:
        """Give everything noted under names that begin with `prefix`."""

    def set_note(self, name: str, value: str, expected: str | None) -> bool:
        """Note `value` under `name` if what stands there is `expected`; false if it is not."""


class Runs(Protocol):
    """The runs that there were, and how far each of their parts is."""

    def start_run(self, run: Run, parts: Iterable[Part]) -> None:
        """Record a new run and its parts."""

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Record further parts of a run, unless they were recorded before."""

    def run(self, run_id: str) -> Run | None:
        """Give a run."""

    def runs(self, limit: int) -> list[Run]:
        """Give the latest runs, newest first."""

    def parts(self, run_id: str) -> list[Part]:
        """Give all parts of a run."""

    def part(self, run_id: str, name: str) -> Part | None:
        """Give one part of a run."""

    def advance(self, part: Part, expected_seq: int) -> bool:
        """Replace the part's checkpoint if it still stands at `expected_seq`; false if it has moved on."""


class Ledger(Notes, Runs, Images, Protocol):
    """The durable memory. Every method is atomic by itself, except where it says otherwise."""

    def key(self, subject: Subject) -> str:
        """Give the name under which a subject is kept: for a contact point, a keyed hash."""

    def born(self) -> datetime:
        """When this ledger began; set at the first call."""

    def revision(self) -> int:
        """Mark this moment: every entry saved after this call has a higher revision, one saved shortly before may."""

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        """Give an entry for each subject, an empty one where nothing is known. Raises LedgerTampered."""

    def registers(self, keys: Iterable[str]) -> dict[str, dict[Scope, Registers]]:
        """Give the registers kept under `keys`, empty where nothing is known. Raises LedgerTampered."""

    def save(
        self, entries: Iterable[Entry], history: Iterable[HistoryLine], holds: Iterable[Hold] = ()
    ) -> dict[Subject, Entry]:
        """Record each entry with its history and holds, if it is as it was loaded; gives them with their new version.

        `history` is of subjects among `entries`; so are `holds`, and others are left alone: they are all that is held
        of these subjects now. One entry is recorded completely or not at all. Of many, those of contact points are
        recorded first, since what a record's entry makes known of an address (what it inherits) is learnt only once;
        those of records follow when none of the first was refused. Raises LedgerConflict, which tells what was kept.
        """

    def members(self, list_id: str) -> Iterator[RecordRef]:
        """Records last seen on a list, in any order; after a crash, perhaps some that have left it since."""

    def remembers(self, list_id: str, records: Collection[RecordRef]) -> set[RecordRef]:
        """Give those of `records`, which :meth:`members` named, that were indeed last seen on the list."""

    def count_members(self, list_id: str, at_most: int) -> int:
        """Count the records last seen on a list, and stop at `at_most`."""

    def forget_members(self, list_id: str) -> None:
        """Forget who was last seen on a list, one by one: nobody on it will be taken to have left it."""

    def late(self, at_most: int = 1000) -> Late:
        """Count the subjects whose opt-outs are under way, and stop at `at_most`."""

    def holds(self) -> list[StoredHold]:
        """Give the open holds, oldest first."""

    def hold(self, hold_id: str) -> StoredHold | None:
        """Give one hold, open or settled."""

    def open_hold(self, hold: StoredHold) -> None:
        """Record a hold, unless it was recorded before."""

    def settle(self, hold: StoredHold, learnt: Mapping[Scope, Registers]) -> bool:
        """Record how an open hold was settled and join what that proves for its subject; false if it was not open."""

    def learn(
        self,
        subject: Subject,
        learnt: Mapping[Scope, Registers],
        lines: Callable[[Sequence[RecordedLine]], Iterable[HistoryLine]],
    ) -> bool:
        """Join what is known of `subject` from elsewhere, and leave its holds as they are.

        `lines` is shown the subject's history and gives what to add to it; where it gives nothing, nothing is learnt,
        and the answer is false.
        """


class Archive(Protocol):
    """What people ask of the ledger."""

    def history(self, subject: Subject) -> list[RecordedLine]:
        """Everything recorded about `subject`, oldest first."""

    def decisions(self, since: datetime, until: datetime) -> Iterator[RecordedLine]:
        """Everything that was recorded from `since` on and before `until`, in that order; of one moment, by subject."""

    def verify(self, subjects: Collection[Subject] | None = None) -> Verification:
        """Check the entries and the histories of these subjects, or of all, against their digests and seals."""

    def erase(self, subject: Subject, by: str, why: str) -> None:
        """Forget a subject: its history, its holds, where it was last seen, and what runs wrote for it.

        The opt-outs that stand are kept, under the keyed hash of a contact point only: of a record, by giving them to
        the contact points that it carries, before everything under its id is deleted. Erase a person's records first,
        then the contact points that nobody else has. May be repeated, and has to be if it did not come to its end.
        """

    def trim(self, before: datetime, by: str) -> int:
        """Take out of the histories what was recorded before that time; gives the number of lines.

        Each history keeps a line that says which lines went, and who wanted it. A history stays whole where an opt-out
        stands or any location says out, and from the line on that proves an opt-in which counts. What is left can be
        verified as before. May be repeated where it did not come to its end.
        """
