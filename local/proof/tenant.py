"""The tenant and the ledger that the engine is given: a few rows and a dictionary, and a machine that may die."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace

from consent_sync.consent.decide import Write
from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import Act, ContactPoint, Kind, Location, Observation, Reading, Snapshot, Subject
from consent_sync.consent.registers import Entry
from consent_sync.dataverse.errors import ConcurrencyConflict, DataverseError, NotFound
from consent_sync.engine.reconcile import WRITING
from consent_sync.ports.tenant import Outcome, Result
from consent_sync.tenant.apply import outcome_of

from .scene import Cell, Scene

START = datetime(2026, 1, 1, tzinfo=UTC)
LISTS = (Kind.LIST, Kind.OPT_OUT_LIST)
_fresh = count(1000)
"""Versions and moments that were never there before: a state in its canonical form has far fewer."""


def moment(rank: int) -> datetime:
    """Give the time with this place in the order; a begun write is long over at the next one."""
    return START + rank * 2 * WRITING


def later() -> datetime:
    """Give a time later than every other."""
    return moment(next(_fresh))


class MachineDiedError(Exception):
    """Everything in memory is lost; what was saved or written stays."""


@dataclass
class Rows:
    """The tenant port over the cells of a scene.

    The first look sees `read_before`, what was there and when; later ones see what is there by then. The machine dies
    after `lives_for` writes, unless that is None. `opened` tells the cells that were opened, and after which look.
    """

    scene: Scene
    cells: list[Cell]
    now: datetime
    read_before: tuple[tuple[Cell, ...], datetime] | None = None
    lives_for: int | None = None
    looks: int = 0
    opened: list[tuple[int, int]] = field(default_factory=list)
    log: tuple[Act, ...] = ()

    def landscape(self) -> Landscape:
        """Give the scene's."""
        return self.scene.landscape

    def gather(self, *_asked: object) -> Snapshot:
        """Read every cell."""
        cells, at = self.read_before or (self.cells, self.now)
        self.read_before, self.looks = None, self.looks + 1
        found, holders = tuple(_observed(self.scene, n, cell) for n, cell in enumerate(cells)), self.scene.holders
        return Snapshot(at, at, found, frozenset().union(*holders.values()), holders, frozenset(holders))

    def acts_behind(self, changed: Sequence[tuple[Observation, datetime]]) -> list[Act]:
        """Give what the audit log tells of these places."""
        since = {o.location: at for o, at in changed}
        return [act for act in self.log if act.location in since and act.at >= since[act.location]]

    def apply(self, writes: Sequence[Write]) -> list[Result]:
        """Do the writes one by one, as long as the machine lives."""
        results = [self._write(write) for write in writes[: self.lives_for]]
        if self.lives_for is not None:
            raise MachineDiedError
        return results

    def names(self) -> dict[str, str]:
        """Nothing here has another name than its id."""
        return {}

    @contextmanager
    def counting(self, correlation_id: str = "") -> Iterator[SimpleNamespace]:
        """Nobody counts here."""
        yield SimpleNamespace(requests=0, retries=0, throttled=0, correlation_id=correlation_id)

    def _write(self, write: Write) -> Result:
        n = self.scene.places.index(replace(write.location, row_id=None))
        cell, kind = self.cells[n], write.location.kind
        as_read = _version(n, cell) == write.observed.version or not self.scene.if_match
        present = kind not in LISTS or (write.to is Reading.OUT) == (kind is Kind.OPT_OUT_LIST)
        refusal: DataverseError | None = None
        if kind not in LISTS and not as_read:
            refusal = ConcurrencyConflict("somebody else wrote first")
        elif not present and not as_read:
            refusal = NotFound("a membership is taken away by its own id, and that one is gone")
        if refusal:
            return Result(write, outcome_of(refusal), self.now)
        self._put(n, write.to, present=present)
        version = _version(n, self.cells[n]) if present else None
        return Result(write, Outcome.DONE, self.now, version, place_of(self.scene, n, self.cells[n]).row_id)

    def _put(self, n: int, to: Reading, *, present: bool) -> None:
        cell, is_list = self.cells[n], self.scene.places[n].kind in LISTS
        if to is Reading.IN:
            self.opened.append((n, self.looks))
        if is_list and cell.present == present:
            return
        says = to if present else Reading.SILENT
        written = cell._replace(says=says, present=present, trusted=is_list)
        self.cells[n] = touched(self.cells, n, written, self.now)._replace(by_us=True)


def touched(cells: Sequence[Cell], n: int, cell: Cell, now: datetime) -> Cell:
    """Give `cell` as the server keeps it when it becomes the cell with index `n`: with a new version and time."""
    created = cells[n].created if cells[n].present else now
    return cell._replace(version=next(_fresh), changed=now, created=created, by_us=False)


def place_of(scene: Scene, n: int, cell: Cell) -> Location:
    """Give the location of a cell: only a consent row that exists has an id."""
    place = scene.places[n]
    return replace(place, row_id=str(n)) if place.kind is Kind.ROW and cell.present else place


def _version(n: int, cell: Cell) -> str | None:
    return f"{cell.version}@{n}" if cell.present else None


def _observed(scene: Scene, n: int, cell: Cell) -> Observation:
    place, trusted = place_of(scene, n, cell), cell.trusted and cell.says is Reading.IN
    if not cell.present:
        return Observation(place, Reading.SILENT, present=False)
    version = _version(n, cell)
    return Observation(place, cell.says, True, version, cell.changed, cell.created, trusted, by_us=cell.by_us)


@dataclass
class Memory:
    """The ledger port on a dictionary, for one worker: what several do to each other is not modelled."""

    entries: dict[Subject, Entry]

    def key(self, subject: Subject) -> str:
        """Give a name; nothing has to be hidden here."""
        return subject.value if isinstance(subject, ContactPoint) else f"{subject.table}:{subject.id}"

    def born(self) -> datetime:
        """Give when it began."""
        return START

    def revision(self) -> int:
        """Say that no other worker ever saved."""
        return 0

    def note(self, _name: str) -> None:
        """Say that nothing was noted: so few people never empty a list."""

    def set_note(self, *_noted: object) -> bool:
        """Take the note and forget it."""
        return True

    def count_members(self, _list_id: str, at_most: int) -> int:
        """Count nobody."""
        del at_most
        return 0

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        """Give an entry for each subject."""
        return {subject: self.entries.get(subject) or Entry(subject) for subject in subjects}

    def save(self, entries: Iterable[Entry], _history: object, _holds: object = ()) -> dict[Subject, Entry]:
        """Keep the entries; the history is of no interest here."""
        kept = {entry.subject: entry for entry in entries}
        self.entries |= kept
        return kept
