"""The ledger port on any storage: what is recorded, in which order, and with which seals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from consent_sync.consent.hold import Hold
from consent_sync.consent.model import NEVER, Reading, RecordRef, Scope, Subject
from consent_sync.consent.registers import Entry, Registers
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Image
from consent_sync.ports.ledger import (
    HistoryLine,
    LedgerConflict,
    LedgerTampered,
    RecordedLine,
    StoredHold,
    Verification,
)
from consent_sync.ports.runs import Part, Run

from .account import Account, change, step, stored
from .audit import verify
from .chain import Notary, stamp
from .codec import (
    NOBODY,
    SubjectKeys,
    decode,
    decode_registers,
    encode,
    joined,
    lists_in,
    points_in,
    read_line,
    record_under,
    text_of,
    without_list,
)
from .forget import erased, standing, trimmed
from .store import Change, Documents, Index, Kept, RunStore, Storage

_BORN, _KEY, _NOTE = "born", "key", "note/"
_ATTEMPTS = 50
_NIL = "00000000-0000-0000-0000-000000000000"
"""Stands in notes in the place of a record that is erased: the id of no record."""
_EMPTY = encode(Entry(NOBODY))


class WrongHashKey(ConsentSyncError):
    """LEDGER_HASH_KEY is not the key that this ledger was made with, so nothing in it can be found or checked.

    Set the key that it was made with. There is no way to read a ledger without it: if the key is lost, begin a new
    ledger in another place; its first look reads restrictively.
    """

    def __init__(self) -> None:
        super().__init__("LEDGER_HASH_KEY is not the key that this ledger was made with")


class StoredLedger:
    """Implements the ledger port on a storage; safe to use from many threads."""

    def __init__(self, documents: Documents, index: Index, runs: RunStore, keys: SubjectKeys) -> None:
        self.storage = Storage(documents, index, runs)
        self._documents, self._index, self._runs = documents, index, runs
        self._keys, self._notary = keys, Notary(keys.derived("seals"))
        self._born: datetime | None = None
        if self._noted_once(_KEY, self._notary.proof_of_key()) != self._notary.proof_of_key():
            raise WrongHashKey

    def close(self) -> None:
        """Let go of the storage."""
        self._documents.close()

    def key(self, subject: Subject) -> str:
        """Give the name under which a subject is kept: for a contact point, a keyed hash."""
        return self._keys.of(subject)

    def born(self) -> datetime:
        """When this ledger began; set at the first call."""
        if self._born is None:
            self._born = datetime.fromisoformat(self._noted_once(_BORN, _now().replace(microsecond=0).isoformat()))
        return self._born

    def revision(self) -> int:
        """Mark this moment: every entry saved after this call has a higher revision, one saved shortly before may."""
        return self._documents.revision()

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        """Give an entry for each subject, an empty one where nothing is known. Raises LedgerTampered."""
        by_key = {self._keys.of(subject): subject for subject in subjects}
        entries = {subject: Entry(subject) for subject in by_key.values()}
        for key, kept in self._fetch(by_key).items():
            entry = decode(by_key[key], kept.document.body)
            entries[by_key[key]] = replace(entry, revision=kept.revision, version=kept)
        return entries

    def registers(self, keys: Iterable[str]) -> dict[str, dict[Scope, Registers]]:
        """Give the registers kept under `keys`, empty where nothing is known. Raises LedgerTampered."""
        found: dict[str, dict[Scope, Registers]] = {key: {} for key in keys}
        return found | {key: decode_registers(kept.document.body) for key, kept in self._fetch(found).items()}

    def save(
        self, entries: Iterable[Entry], history: Iterable[HistoryLine], holds: Iterable[Hold] = ()
    ) -> dict[Subject, Entry]:
        """Record each entry with its history and holds; see the port. Raises LedgerConflict."""
        by_key, now = {self._keys.of(entry.subject): entry for entry in entries}, _now()
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
            after = replace(Account.of(before, _EMPTY).reviewed(held[key], now), body=encode(entry))
            stage = records if isinstance(entry.subject, RecordRef) else points
            stage.append(change(self._notary, key, before, after, lines[key], now))
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
        found = self._fetch(by_key)
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
            self._amend(key, lambda account: (replace(account, body=without_list(account.body, list_id)), []))
            self._index.drop_member(list_id, key)

    def history(self, subject: Subject) -> list[RecordedLine]:
        """Everything recorded about `subject`, oldest first."""
        key = self._keys.of(subject)
        return self._lines(key, self._documents.fetch([key]).get(key))

    def decisions(self, since: datetime, until: datetime) -> Iterator[RecordedLine]:
        """Everything that was recorded from `since` on and before `until`, in that order; of one moment, by subject."""
        first, end = stamp(since), stamp(until)
        return (read_line(key, line) for key, line in self._documents.recorded(first, end))

    def verify(self, subjects: Collection[Subject] | None = None) -> Verification:
        """Check the entries and the histories of these subjects, or of all, against their digests and seals."""
        keys = None if subjects is None else {self._keys.of(subject) for subject in subjects}
        return verify(self._documents, self._notary, keys)

    def erase(self, subject: Subject, by: str, why: str) -> None:
        """Forget a subject, except for the opt-outs that stand; see the port."""
        key, now = self._keys.of(subject), _now().replace(microsecond=0)
        is_record = isinstance(subject, RecordRef)
        if is_record:
            self._pass_on(key, by, why)

        def left(before: Kept | None) -> Change | None:
            if before is None:
                return None
            rest = None if is_record else erased(Account.of(before, _EMPTY), by, why, now)
            return change(self._notary, key, before, *rest, now) if rest else step(key, before, None, ())

        self._change(key, left)
        self._runs.forget(key, f"{subject.table} {subject.id}" if isinstance(subject, RecordRef) else None)
        if isinstance(subject, RecordRef):
            self._forget_in_notes(subject)
        self._documents.shred()

    def _forget_in_notes(self, record: RecordRef) -> None:
        for name in [name for name, value in self._documents.notes() if record.id in value]:
            while record.id in (stands := self._documents.note(name) or ""):
                self._documents.set_note(name, stands.replace(record.id, _NIL), stands)

    def _pass_on(self, key: str, by: str, why: str) -> None:
        """Give the opt-outs of a record to the contact points that it carries, before it is erased."""
        kept = self._fetch([key]).get(key)
        body = Account.of(kept, _EMPTY).body
        outs = standing(body)

        def inherited(account: Account) -> tuple[Account, list[str]]:
            out, lines = Reading.OUT.value, []
            for scope, r in outs.items():
                lines.append(
                    HistoryLine(NOBODY, r.latest_out, "evidence", str(scope), "", out, "inherited", why, by=by)
                )
            return replace(account, body=joined(account.body, outs)), [text_of(line) for line in lines]

        for point in points_in(body):
            self._amend(point, inherited)

    def trim(self, before: datetime) -> int:
        """Take out of the histories what was recorded before that time and is not needed any more; see the port."""
        count, now = 0, _now()
        for key, kept, history in self._documents.scan():
            if kept is None or not history or history[0].recorded >= stamp(before):
                continue
            account = Account.of(kept, _EMPTY)
            rest = trimmed(key, account, history, before, now)
            if rest and self._documents.commit([[change(self._notary, key, kept, *rest, now)]]):
                count += rest[0].chain.trimmed - account.chain.trimmed
        self._documents.shred()
        return count

    def holds(self) -> list[StoredHold]:
        """Give the open holds, oldest first."""
        indexed = self._index.open_holds()
        doubted = {each.hold.id: each for each in indexed if not each.sure}
        found = self._fetch({each.hold.key for each in doubted.values()})
        for id_, each in list(doubted.items()):
            known = Account.of(found.get(each.hold.key), _EMPTY).hold(id_)
            is_open = known is not None and known.state == "open"
            self._index.correct(each, is_open=is_open)
            if is_open:
                del doubted[id_]
        holds = [each.hold for each in indexed if each.hold.id not in doubted]
        return sorted(holds, key=lambda hold: (hold.opened, hold.id))

    def hold(self, hold_id: str) -> StoredHold | None:
        """Give one hold, open or settled."""
        key = self._index.key_of_hold(hold_id)
        kept = self._fetch([key]).get(key) if key else None
        return Account.of(kept, _EMPTY).hold(hold_id)

    def open_hold(self, hold: StoredHold) -> None:
        """Record a hold, unless it was recorded before."""
        self._amend(hold.key, lambda account: None if account.hold(hold.id) else (account.held(hold), []))

    def settle(self, hold: StoredHold, learnt: Mapping[Scope, Registers]) -> bool:
        """Record how an open hold was settled and join what that proves for its subject; false if it was not open."""

        def settled(account: Account) -> tuple[Account, list[str]] | None:
            known = account.hold(hold.id)
            if known is None or known.state != "open":
                return None
            return replace(account.held(hold), body=joined(account.body, learnt)), _words(hold, learnt)

        return self._amend(hold.key, settled)

    def learn(
        self,
        subject: Subject,
        learnt: Mapping[Scope, Registers],
        lines: Callable[[Sequence[RecordedLine]], Iterable[HistoryLine]],
    ) -> bool:
        """Join what is known of `subject` from elsewhere, with what it adds to the history; see the port."""
        key = self._keys.of(subject)
        for _ in range(_ATTEMPTS):
            before = self._fetch([key]).get(key)
            added = [text_of(line) for line in lines(self._lines(key, before))]
            if not added:
                return False
            account = Account.of(before, _EMPTY)
            after = replace(account, body=joined(account.body, learnt))
            if self._documents.commit([[change(self._notary, key, before, after, added, _now())]]):
                return True
        raise LedgerConflict

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""
        return self._documents.note(_NOTE + name)

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

    def _lines(self, key: str, kept: Kept | None) -> list[RecordedLine]:
        trimmed = Account.of(kept, _EMPTY).chain.trimmed
        return [read_line(key, line) for line in self._documents.lines(key) if line.number > trimmed]

    def _fetch(self, keys: Collection[str]) -> dict[str, Kept]:
        found = self._documents.fetch(keys)
        for key, kept in found.items():
            if not self._notary.is_sealed(key, kept.document):
                raise LedgerTampered(key)
        return found

    def _amend(self, key: str, how: Callable[[Account], tuple[Account, list[str]] | None]) -> bool:
        """Change one account and add lines to its history; false where there is nothing to change."""

        def amended(before: Kept | None) -> Change | None:
            account = Account.of(before, _EMPTY)
            after = how(account)
            if after is None or after[0] == account:
                return None
            return change(self._notary, key, before, *after, _now())

        return self._change(key, amended)

    def _change(self, key: str, how: Callable[[Kept | None], Change | None]) -> bool:
        """Change what is kept under a key, however often others change it meanwhile; false where nothing is to do."""
        for _ in range(_ATTEMPTS):
            wanted = how(self._fetch([key]).get(key))
            if wanted is None:
                return False
            if self._documents.commit([[wanted]]):
                return True
        raise LedgerConflict

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


def _now() -> datetime:
    return datetime.now(UTC)
