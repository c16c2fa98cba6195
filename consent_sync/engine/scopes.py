"""What a run is to look at, as sources to page through.

A full pass goes over the records: a consent row of an address that nobody holds has nothing to be in step with. The
rows are paged through beside that, for addresses that the server may compare in another way than we do.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from consent_sync.consent.model import RecordRef
from consent_sync.ports.runs import Part, Source
from consent_sync.ports.wake import Wake

EVERYTHING = "all"
WAKE, RECORD, IMAGES = "wake", "record", "images"
"""Sources that are no tables: a wake in a queue, one record by its id, the images of a run."""
RECORDS = ("contact", "lead")
ROWS, MEMBERS = "msdynmkt_contactpointconsent4", "listmember"
TABLES = (*RECORDS, ROWS, MEMBERS)

RANGES = 16
SPLIT_AFTER = 20
"""Pages after which the rest of a table is split, so that a large one is many chains and a small one stays one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a resync is to look at: everything, what changed since, one brand, one list, or what `wake` names."""

    says: str
    since: datetime | None = None
    brand: str | None = None
    list_id: str | None = None
    wake: Wake | None = None

    @property
    def named(self) -> Wake | None:
        """The wake that only a queue message can carry, for the ledger keeps no contact points."""
        return self.wake if self.wake and self.wake.points else None


def sources_of(scope: Scope, lists: Collection[str]) -> list[Source]:
    """Give what to page through."""
    if scope.named:
        return [Source(WAKE)]
    if scope.wake:
        return [Source(RECORD, f"{record.table}:{record.id}") for record in scope.wake.records]
    if scope.list_id:
        return [Source(MEMBERS, scope.list_id), Source(MEMBERS, scope.list_id, gone=True)]
    if scope.since:
        return changed_since(scope.since, lists)
    return everything(scope.brand)


def everything(brand: str | None = None) -> list[Source]:
    """Give all records, and the consent rows among which are some that cannot be found from a record's side."""
    return [*(Source(table, brand) for table in RECORDS), Source(ROWS)]


def changed_since(since: datetime, lists: Collection[str]) -> list[Source]:
    """Give what shows a change after `since`. Leaving a list leaves no trace, so lists are compared with the ledger."""
    return [source for table in TABLES for source in changed_in(table, since, lists)]


def changed_in(table: str, since: datetime, lists: Collection[str]) -> list[Source]:
    """Give what shows a change of `table` after `since`."""
    if table != MEMBERS:
        return [Source(table, since=since)]
    return [Source(MEMBERS, id_, since) for id_ in lists] + [Source(MEMBERS, id_, gone=True) for id_ in lists]


def slice_of_everything(number: int) -> list[Source]:
    """Give one of RANGES slices of all records; all of them together are everything."""
    return [_ranges(source)[number] for source in everything()]


def record_of(source: Source) -> RecordRef:
    """Give the record that a source of one record names."""
    table, _, id_ = (source.name or "").partition(":")
    return RecordRef(table, id_)


def part_name(source: Source) -> str:
    """Give the name of the part that pages through `source`."""
    way = "gone" if source.gone else "tracked" if source.token is not None else None
    return "-".join(str(piece) for piece in (source.table, source.name, way) if piece)


def split(part: Part) -> list[Part]:
    """Give parts that together page through what is left of a long part, nothing where it is short or a range itself.

    Whatever order the server sorts keys in, each key belongs to a range: it is above some bound and not above the next.
    """
    source = part.source
    whole = source.above is None and source.upto is None and not source.gone and source.token is None
    if part.cursor is None or part.seq != SPLIT_AFTER or not whole or source.table not in {*RECORDS, ROWS, MEMBERS}:
        return []
    return [
        Part(part.run_id, f"{part.name}.{number:02}", each, part.phase, start=part.cursor, cursor=part.cursor)
        for number, each in enumerate(_ranges(source))
    ]


def _ranges(source: Source) -> list[Source]:
    """Cut all keys into ranges. Bounds of one repeated digit rise in every order that a server may sort GUIDs in."""
    bounds = [_guid_of(f"{digit:x}") for digit in range(1, RANGES)]
    return [
        replace(source, above=above, upto=upto) for above, upto in zip([None, *bounds], [*bounds, None], strict=True)
    ]


def _guid_of(digit: str) -> str:
    return "-".join(digit * length for length in (8, 4, 4, 4, 12))
