"""The ledger port on any storage: what is recorded, in which order, and with which seals."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from consent_sync.consent.hold import Hold
from consent_sync.consent.model import NEVER, Reading, RecordRef, Scope, Subject
from consent_sync.consent.registers import Entry, Registers
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Image
from consent_sync.ports.ledger import (
    HistoryLine,
    Late,
    LedgerConflict,
    RecordedLine,
    StoredHold,
    Verification,
)
from consent_sync.ports.runs import Part, Run

from .account import Account, stored
from .accounts import Accounts, Amendment
from .audit import verify
from .chain import Notary, stamp
from .codec import (
    NOBODY,
    SubjectKeys,
    decode,
    decode_registers,
    encode,
    joined,
    late_in,
    lists_in,
    read_line,
    record_under,
    since_of,
    text_of,
    without_list,
)
from .forget import erase, trim
from .store import Change, Documents, Index, Kept, RunStore, Storage

_BORN, _KEY, _ID, _NOTE = "born", "key", "id", "note/"
COPYING = "copying"
"""The note of the ledger that is being copied here, empty when the copy is complete."""


class WrongHashKey(ConsentSyncError):
    """LEDGER_HASH_KEY is not the key that this ledger was made with, so nothing in it can be found or checked.

    Set the key that it was made with. There is no way to read a ledger without it: if the key is lost, begin a new
    ledger in another place; its first look reads restrictively.
    """

    def __init__(self) -> None:
        super().__init__("LEDGER_HASH_KEY is not the key that this ledger was made with")


class LedgerIncomplete(ConsentSyncError):
    """A copy into this ledger was begun and has not come to its end: begin the same copy again.

    Until then the service would take people for strangers whom it knows.
    """

    def __init__(self) -> None:
        super().__init__("the ledger is a copy that is not complete")


class StoredLedger:
    """Implements the ledger port on a storage; safe to use from many threads."""

    def __init__(self, documents: Documents, index: Index, runs: RunStore, keys: SubjectKeys) -> None:
        self.storage = Storage(documents, index, runs)
        self._documents, self._index, self._runs = documents, index, runs
        self._keys, self.notary = keys, Notary(keys.derived("seals"))
        self._accounts = Accounts(documents, self.notary)
        self._born: datetime | None = None
        if self._noted_once(_KEY, self.notary.proof_of_key()) != self.notary.proof_of_key():
            raise WrongHashKey

    def check_complete(self) -> None:
        """Make sure that this is no copy that was broken off. Raises LedgerIncomplete."""
        if self.note(COPYING):
            raise LedgerIncomplete

    def id(self) -> str:
        """Give what tells this ledger from every other one, its copies too."""
        return self._noted_once(_ID, uuid.uuid4().hex)

    def close(self) -> None:
        """Let go of the storage."""
        self._documents.close()

    def key(self, subject: Subject) -> str:
        """Give the name under which a subject is kept: for a contact point, a keyed hash."""
        return self._keys.of(subject)

    def born(self) -> datetime:
        """When this ledger began; set at the first call."""
        if self._born is None:
            self._born = datetime.fromisoformat(
                self._noted_once(_BORN, self._accounts.now().replace(microsecond=0).isoformat())
            )
        return self._born

    def revision(self) -> int:
        """Mark this moment: every entry saved after this call has a higher revision, one saved shortly before may."""
        return self._documents.revision()

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        """Give an entry for each subject, an empty one where nothing is known. Raises LedgerTampered."""
        by_key = {self._keys.of(subject): subject for subject in subjects}
        entries = {subject: Entry(subject) for subject in by_key.values()}
        for key, kept in self._accounts.fetch(by_key).items():
            entry = decode(by_key[key], kept.document.body)
            entries[by_key[key]] = replace(entry, revision=kept.revision, version=kept)
        return entries

    def registers(self, keys: Iterable[str]) -> dict[str, dict[Scope, Registers]]:
        """Give the registers kept under `keys`, empty where nothing is known. Raises LedgerTampered."""
        found: dict[str, dict[Scope, Registers]] = {key: {} for key in keys}
        return found | {key: decode_registers(kept.document.body) for key, kept in self._accounts.fetch(found).items()}

    def save(
        self, entries: Iterable[Entry], history: Iterable[HistoryLine], holds: Iterable[Hold] = ()
    ) -> dict[Subject, Entry]:
        """Record each entry with its history and holds; see the port. Raises LedgerConflict."""
        by_key, now = {self._keys.of(entry.subject): entry for entry in entries}, self._accounts.now()
        lines: dict[str, list[str]] = {key: [] for key in by_key}
        held: dict[str, list[StoredHold]] = {key: [] for key in by_key}
        for line in history:
            lines[self._keys.of(line.subject)].append(text_of(line))
        for hold in holds:
            if (key := self._keys.of(hold.location.subject)) in held:
                held[key].append(stored(key, hold, now))
        points, records = list[Change](), list[Change]()
        for key, entry in by_key.items():
            before = _version(entry)
            after = replace(self._accounts.read(before).reviewed(held[key], now), body=encode(entry))
            stage = records if isinstance(entry.subject, RecordRef) else points
            stage.append(self._accounts.changed(key, before, after, lines[key]))
        kept = self._documents.commit([points, records])
        saved = {by_key[key].subject: replace(by_key[key], revision=k.revision, version=k) for key, k in kept.items()}
        if len(saved) < len(by_key):
            raise LedgerConflict(saved)
        return saved

    def members(self, list_id: str) -> Iterator[RecordRef]:
        """Records last seen on a list, in any order; after a crash, perhaps some that have left it since."""
        return (record for key in self._index.members(list_id) if (record := record_under(key)))

    def remembers(self, list_id: str, records: Collection[RecordRef]) -> set[RecordRef]:
        """Give those of `records`, which :meth:`members` named, that were indeed last seen on the list."""
        by_key = {self._keys.of(record): record for record in records}
        found = self._accounts.fetch(by_key)
        there = {key for key, kept in found.items() if list_id in lists_in(kept.document.body)}
        for key in by_key.keys() - there:
            self._index.drop_member(list_id, key)
        return {by_key[key] for key in there}

    def count_members(self, list_id: str, at_most: int) -> int:
        """Count the records last seen on a list, and stop at `at_most`."""
        return self._index.count_members(list_id, at_most)

    def forget_members(self, list_id: str) -> None:
        """Forget who was last seen on a list, one by one: nobody on it will be taken to have left it."""
        for key in list(self._index.members(list_id)):
            self._accounts.amend(key, lambda account: (replace(account, body=without_list(account.body, list_id)), []))
            self._index.drop_member(list_id, key)

    def history(self, subject: Subject) -> list[RecordedLine]:
        """Everything recorded about `subject`, oldest first."""
        key = self._keys.of(subject)
        return self._accounts.lines(key, self._documents.fetch([key]).get(key))

    def decisions(self, since: datetime, until: datetime) -> Iterator[RecordedLine]:
        """Everything that was recorded from `since` on and before `until`, in that order; of one moment, by subject."""
        first, end = stamp(since), stamp(until)
        return (read_line(key, line) for key, line in self._documents.recorded(first, end))

    def verify(self, subjects: Collection[Subject] | None = None) -> Verification:
        """Check the entries and the histories of these subjects, or of all, against their digests and seals."""
        keys = None if subjects is None else {self._keys.of(subject) for subject in subjects}
        return verify(self._documents, self.notary, keys)

    def erase(self, subject: Subject, by: str, why: str) -> None:
        """Forget a subject, except for the opt-outs that stand; see the port."""
        erase(self._accounts, self.storage, self._keys.of(subject), by, why)

    def trim(self, before: datetime, by: str) -> int:
        """Take out of the histories what was recorded before that time and is not needed any more; see the port."""
        return trim(self._accounts, self.storage, before, by)

    def late(self, at_most: int = 1000) -> Late:
        """Count the subjects whose opt-outs are under way, and stop at `at_most`."""
        found = self._index.late(at_most + 1)
        oldest = next((since_of(name) for name, key in found if self._is_late(name, key)), None)
        return Late(min(len(found), at_most) if oldest else 0, len(found) > at_most, oldest)

    def _is_late(self, name: str, key: str) -> bool:
        """Ask the document whether the index is right, and mend it where it is not."""
        kept = self._accounts.fetch([key]).get(key)
        if kept and late_in(kept.document.body) == since_of(name):
            return True
        self._index.drop_member(name, key)
        return False

    def holds(self) -> list[StoredHold]:
        """Give the open holds, oldest first."""
        indexed = self._index.open_holds()
        doubted = {each.hold.id: each for each in indexed if not each.sure}
        found = self._accounts.fetch({each.hold.key for each in doubted.values()})
        for id_, each in list(doubted.items()):
            known = self._accounts.read(found.get(each.hold.key)).hold(id_)
            is_open = known is not None and known.state == "open"
            self._index.correct(each, is_open=is_open)
            if is_open:
                del doubted[id_]
        holds = [each.hold for each in indexed if each.hold.id not in doubted]
        return sorted(holds, key=lambda hold: (hold.opened, hold.id))

    def hold(self, hold_id: str) -> StoredHold | None:
        """Give one hold, open or settled."""
        key = self._index.key_of_hold(hold_id)
        kept = self._accounts.fetch([key]).get(key) if key else None
        return self._accounts.read(kept).hold(hold_id)

    def open_hold(self, hold: StoredHold) -> None:
        """Record a hold, unless it was recorded before."""
        self._accounts.amend(hold.key, lambda account: None if account.hold(hold.id) else (account.held(hold), []))

    def settle(self, hold: StoredHold, learnt: Mapping[Scope, Registers]) -> bool:
        """Record how an open hold was settled and join what that proves for its subject; false if it was not open."""

        def settled(account: Account) -> Amendment | None:
            known = account.hold(hold.id)
            if known is None or known.state != "open":
                return None
            return replace(account.held(hold), body=joined(account.body, learnt)), _words(hold, learnt)

        return self._accounts.amend(hold.key, settled)

    def learn(
        self,
        subject: Subject,
        learnt: Mapping[Scope, Registers],
        lines: Callable[[Sequence[RecordedLine]], Iterable[HistoryLine]],
    ) -> bool:
        """Join what is known of `subject` from elsewhere, with what it adds to the history; see the port."""
        key = self._keys.of(subject)

        def told(before: Kept | None) -> Change | None:
            added = [text_of(line) for line in lines(self._accounts.lines(key, before))]
            account = self._accounts.read(before)
            after = replace(account, body=joined(account.body, learnt))
            return self._accounts.changed(key, before, after, added) if added else None

        return self._accounts.change(key, told)

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""
        return self._documents.note(_NOTE + name)

    def notes(self, prefix: str = "") -> dict[str, str]:
        """Give everything noted under names that begin with `prefix`."""
        found = self._documents.notes(_NOTE + prefix)
        return {name.removeprefix(_NOTE): value for name, value in found.items()}

    def set_note(self, name: str, value: str, expected: str | None) -> bool:
        """Note `value` under `name` if what stands there is `expected`; false if it is not."""
        return self._documents.set_note(_NOTE + name, value, expected)

    def start_run(self, run: Run, parts: Iterable[Part]) -> None:
        """Record a new run and its parts."""
        self._runs.start_run(run, parts)

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Record further parts of a run, unless they were recorded before."""
        self._runs.add_parts(parts)

    def run(self, run_id: str) -> Run | None:
        """Give a run."""
        return self._runs.run(run_id)

    def runs(self, limit: int) -> list[Run]:
        """Give the latest runs, newest first."""
        return self._runs.runs(limit)

    def parts(self, run_id: str) -> list[Part]:
        """Give all parts of a run."""
        return self._runs.parts(run_id)

    def part(self, run_id: str, name: str) -> Part | None:
        """Give one part of a run."""
        return self._runs.part(run_id, name)

    def advance(self, part: Part, expected_seq: int) -> bool:
        """Replace the part's checkpoint if it still stands at `expected_seq`; false if it has moved on."""
        return self._runs.advance(part, expected_seq)

    def keep_images(self, run_id: str, images: Iterable[Image]) -> None:
        """Keep images of a run; the latest one of each place stands."""
        self._runs.keep_images(run_id, images)

    def images(self, run_id: str, after: str = "", limit: int = 1000) -> list[Image]:
        """Give the next images of a run by their place, beginning behind the place `after`."""
        return self._runs.images(run_id, after, limit)

    def images_at(self, run_id: str, places: Collection[str]) -> dict[str, Image]:
        """Give the images of a run at these places, by place, where there are any."""
        return self._runs.images_at(run_id, places)

    def _noted_once(self, name: str, value: str) -> str:
        """Note `value` under `name` unless something stands there, and give what does."""
        known = self._documents.note(name)
        if known is None and not self._documents.set_note(name, value, None):
            known = self._documents.note(name)
        return known or value


def _version(entry: Entry) -> Kept | None:
    return entry.version if isinstance(entry.version, Kept) else None


def _words(hold: StoredHold, learnt: Mapping[Scope, Registers]) -> list[str]:
    """Give the lines that say what a person's word taught."""
    return [
        text_of(HistoryLine(NOBODY, when, "evidence", str(scope), hold.location, says, hold.rule, hold.why, by=hold.by))
        for scope, registers in learnt.items()
        for says, when in ((Reading.IN, registers.latest_in), (Reading.OUT, registers.latest_out))
        if when > NEVER
    ]
