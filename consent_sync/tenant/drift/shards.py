"""Drift without the server's joins: both sides are read range by range of addresses, and compared here.

The ranges are the server's own: it sorts and cuts by one comparison, so what it calls equal is never torn apart,
however it compares. A range ends where some pages of records end, those of the column with the most addresses. The
cursor names the records at which it ended and not their addresses, since it is kept in the ledger.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from consent_sync.consent.model import Channel, ContactPoint
from consent_sync.dataverse import fetchxml as fx
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.odata import all_of, is_in, literal
from consent_sync.dataverse.query import Query
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.drift import DriftPage
from consent_sync.tenant import tables
from consent_sync.tenant.observe import Lens

from .compare import Sides, contradictions
from .model import DriftRule, RecordFact
from .rules import carriers
from .sides import asks, need_of, pages_of, read_all, record_fact, records_query

PAGES = 4
"""Pages of records in a range: as many as memory holds at once, and so many that half-empty last pages weigh little."""
_MARKS = 3
"""Records named in a cursor: one that was deleted or changed meanwhile no longer marks the place."""


class PlaceLost(ConsentSyncError):
    """The place where a comparison stopped cannot be found again. Nothing to do: it starts again from the beginning."""


@dataclass(frozen=True, slots=True)
class _Range:
    """Addresses from `low` to just before `high`, None for no bound; `records` are those of the leading column."""

    table: str
    column: str
    low: str | None
    high: str | None
    records: list[tuple[str, RecordFact]]
    after: str | None

    def condition(self, column: str) -> str:
        """Give the range as a filter on `column`."""
        bounds = [f"{column} ge {literal(self.low)}"] if self.low is not None else [f"{column} ne null"]
        bounds += [f"{column} lt {literal(self.high)}"] if self.high is not None else []
        return all_of(*bounds)

    def held(self, column: str) -> Element:
        """Give the same as FetchXML."""
        low = fx.condition(column, "not-null") if self.low is None else fx.condition(column, "ge", self.low)
        return fx.element("filter", low, *([fx.condition(column, "lt", self.high)] if self.high is not None else []))


def compare_range(
    client: DataverseClient, lens: Lens, rules: Sequence[DriftRule], after: str | None, pages: int = PAGES
) -> DriftPage:
    """Find what contradicts in the range of addresses at `after`. Raises DataverseError."""
    table, column, low = _place(client, after) if after else (*_densest(client, lens), None)
    here = _cut(client, lens, _Range(table, column, low, None, [], None), pages)
    sides, need = Sides(), need_of(lens, rules)
    for address, fact in here.records:
        if point := ContactPoint.of(Channel.EMAIL, address):
            sides.records[point].append(fact)
    here.records.clear()
    read_all(client, asks(lens, need, here.condition, here.held, sides, (table, column)))
    return DriftPage(tuple(contradictions(rules, sides)), here.after)


def _densest(client: DataverseClient, lens: Lens) -> tuple[str, str]:
    """Give the column with the most addresses, as a first page of each tells: a full page that ends soonest.

    A wrong guess costs memory and no finding.
    """
    found = carriers(lens)
    queries = [
        Query(tables.RECORD_SETS[t], select=(c,), filter=f"{c} ne null", order_by=(c,), top=1000) for t, c in found
    ]
    pages = client.list_many(queries)
    ends = [(-len(rows), _loose(rows[-1][c]) if rows else "") for (_, c), rows in zip(found, pages, strict=True)]
    return found[ends.index(min(ends))]


def _place(client: DataverseClient, after: str) -> tuple[str, str, str]:
    """Find the address at which the last range ended, by the records that stood there.

    Raises PlaceLost if none of them is as it was.
    """
    table, column, *marks = after.split(" ")
    versions = dict(mark.split("=", 1) for mark in marks)
    key = tables.RECORD_KEYS[table]
    query = Query(tables.RECORD_SETS[table], select=(key, column), filter=is_in(key, list(versions)))
    rows = {row[key]: row for row in client.list_many([query])[0]}
    for id_, version in versions.items():
        if id_ in rows and rows[id_]["@odata.etag"] == version:
            return table, column, rows[id_][column]
    raise PlaceLost("nobody stands any more where the last range ended")


def _cut(client: DataverseClient, lens: Lens, whole: _Range, pages: int) -> _Range:
    """Read `pages` pages of the leading column, and end the range at the last address of them.

    Records that may be equal to that one belong to the next range; a range never ends before its second address.
    """
    query = records_query(lens, whole.table, whole.column, whole.condition(whole.column), ordered=True)
    found: list[tuple[str, RecordFact]] = []
    for number, rows in enumerate(pages_of(client, query), 1):
        found += [(row[whole.column], record_fact(lens, whole.table, whole.column, row)) for row in rows]
        last = _loose(found[-1][0]) if found else ""
        if number >= pages and last != _loose(found[0][0]):
            break
    else:
        return replace(whole, records=found)
    end = len(found)
    while _loose(found[end - 1][0]) == last:
        end -= 1
    marks = [f"{fact.ref.id}={fact.version}" for _, fact in (found[end], *found[max(0, end - _MARKS) : end][::-1])]
    after = " ".join((whole.table, whole.column, *marks))
    return replace(whole, high=found[end][0], records=found[:end], after=after)


def _loose(address: str) -> str:
    """Give what addresses share that any collation might call equal: no case, no accents, no space, no ligatures."""
    folded = unicodedata.normalize("NFKD", address.casefold()).casefold()
    return "".join(char for char in folded if not unicodedata.combining(char) and not char.isspace())
