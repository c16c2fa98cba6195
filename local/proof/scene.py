"""A tenant of a few rows: which places of consent there are, how they start, and what people can do to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import product
from typing import NamedTuple

from consent_sync.consent.landscape import Landscape, Meaning, Opened
from consent_sync.consent.model import NEVER, ContactPoint, Location, Reading, RecordRef, Scope, Subject

NOT_YET = -1
"""The moment of what was never said."""


class Cell(NamedTuple):
    """One row of the tenant: what it says, whether a person's act stands behind it, version, times and last writer."""

    says: Reading
    present: bool = True
    trusted: bool = False
    version: int = 0
    changed: datetime = NEVER
    created: datetime = NEVER
    by_us: bool = False


class Deed(NamedTuple):
    """What somebody does to the cell with index `at`: leave it saying `says`, or, where that is None, just touch it."""

    at: int
    says: Reading | None = None


type Truth = tuple[int, ...]
"""For each deed of a scene, in their order, when it was done last, counted in deeds."""


@dataclass(frozen=True)
class Scene:
    """The places, who holds which address, and what can be done, by symbol.

    A deed that says what its cell says already is no deed, unless it `repeats`. Without `if_match` the tenant takes
    every write. In a scene of one second all times are the same, and only versions tell changes apart.
    With `exact_times` a row's time and writer are those of its consent, not of its last edit, as an audit log tells.
    With `first_look` the ledger has seen how everything starts, otherwise it is empty.
    """

    landscape: Landscape
    holders: dict[ContactPoint, frozenset[RecordRef]]
    places: tuple[Location, ...]
    start: tuple[Cell, ...]
    deeds: dict[str, Deed]
    repeats: bool = False
    if_match: bool = True
    one_second: bool = False
    exact_times: bool = False
    first_look: bool = True

    def meaning(self, cell: int) -> Meaning:
        """What the cell with index `cell` speaks for."""
        return self.landscape.meaning(self.places[cell])

    def says_when_absent(self, cell: int) -> Reading:
        """What somebody says by leaving a list: out of a topic's list, nothing by leaving an opt-out list."""
        return Reading.OUT if self.meaning(cell).opened is Opened.PRESENT else Reading.SILENT

    def closed(self, cell: int, row: Cell) -> bool:
        """Whether nothing is sent because of this row alone."""
        return not row.present if self.meaning(cell).opened is Opened.PRESENT else row.says is Reading.OUT

    @cached_property
    def points_of(self) -> tuple[tuple[ContactPoint, ...], ...]:
        """The addresses that each cell concerns."""
        return tuple(
            (place.subject,)
            if isinstance(place.subject, ContactPoint)
            else tuple(point for point, records in self.holders.items() if place.subject in records)
            for place in self.places
        )

    @cached_property
    def wider(self) -> tuple[tuple[int, ...], ...]:
        """For each cell, the cells of the same subject and side that stop everything it could allow."""
        found: list[list[int]] = [[] for _ in self.places]
        for narrow, wide in product(range(len(self.places)), repeat=2):
            one, other = self.meaning(narrow), self.meaning(wide)
            above = {scope for own in one.scopes for scope in self.landscape.upwards(own)[1:]}
            same = self.places[narrow].subject == self.places[wide].subject and one.side == other.side
            if same and other.shadows and above.intersection(other.scopes):
                found[narrow].append(wide)
        return tuple(map(tuple, found))

    @cached_property
    def said(self) -> tuple[tuple[Subject, frozenset[Scope], Reading] | None, ...]:
        """For each deed, whose word it is and on what; None where it says nothing."""
        return tuple(
            (self.places[deed.at].subject, frozenset(self.meaning(deed.at).scopes), deed.says) if deed.says else None
            for deed in self.deeds.values()
        )

    def latest(self, truth: Truth, who: frozenset[Subject], scopes: frozenset[Scope], says: Reading) -> int:
        """Give the latest moment that one of `who` said so about one of `scopes`."""
        return max(
            (
                at
                for at, said in zip(truth, self.said, strict=True)
                if said and said[2] is says and said[0] in who and said[1] & scopes
            ),
            default=NOT_YET,
        )

    def stopped(self, truth: Truth, point: ContactPoint, scope: Scope) -> bool:
        """Whether the people's latest word on `scope` at `point` is no: the truth that every rule is judged by.

        Where address and person are one, the latest word of either counts; where people share an address, each of
        them has to take back their own.
        """
        if parts := self.landscape.purposes_under(scope):
            return all(self.stopped(truth, point, part) for part in parts)
        everybody: frozenset[Subject] = frozenset({point, *self.holders[point]})
        for speaker in everybody:
            heard = everybody if len(everybody) <= 2 else frozenset({speaker})  # noqa: PLR2004  - address and person
            between: frozenset[Scope] = frozenset()
            for wide in self.landscape.upwards(scope):
                between = between | {wide} if self.landscape.purposes_under(wide) else frozenset({wide})
                no = self.latest(truth, frozenset({speaker}), frozenset({wide}), Reading.OUT)
                if no > NOT_YET and no >= self.latest(truth, heard, between, Reading.IN):
                    return True
        return False

    def varied(self, **changes: bool) -> Scene:
        """Give this scene under other circumstances."""
        return replace(self, **changes)  # type: ignore[arg-type]
