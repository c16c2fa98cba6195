"""Addresses that the server may compare in another way than we do, and drift among them.

We compare by :meth:`ContactPoint.of`: canonical form, no space around it, lower case. A server's collation may ignore
accents, take `ß` for `ss`, or mind a space in front. About printable ASCII without a space in front both agree,
whatever the collation (but see docs/limits.md on the Turkish one). So a contradiction can only be missed where one of
the addresses is not plain; the sweeps note who carries such an address, and these are compared here, by our own rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import Element

from consent_sync.consent.model import Channel, ContactPoint
from consent_sync.dataverse import fetchxml as fx
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.odata import is_in, packed
from consent_sync.dataverse.query import Query
from consent_sync.ports.drift import DriftPage
from consent_sync.tenant import tables
from consent_sync.tenant.observe import Lens

from .compare import Sides, contradictions
from .model import DriftRule
from .sides import Ask, asks, need_of, read_all


def is_plain(address: str | None) -> bool:
    """Whether every collation compares this as we do."""
    return not address or (address.isascii() and address.isprintable() and not address.startswith(" "))


def odd_names(lens: Lens, table: str, rows: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Name the rows of `table` that carry an address that is not plain."""
    key, columns = _columns(lens, table)
    odd = (row[key] for row in rows if not all(is_plain(row[column]) for column in columns))
    return tuple(_CODES[table] + UUID(id_).hex for id_ in odd)


def id_of(name: str) -> str:
    """Give the id of the row that is named so."""
    return str(UUID(name[1:]))


_CODES = {"contact": "c", "lead": "l", tables.ROW_TABLE: "r"}
_TABLES = {code: table for table, code in _CODES.items()}


def compare_odd(client: DataverseClient, lens: Lens, rules: Collection[DriftRule], odd: Collection[str]) -> DriftPage:
    """Find what contradicts at the addresses of the rows `odd`, and at those that the server takes for the same.

    Raises DataverseError.
    """
    need, sides = need_of(lens, rules), Sides()
    most = max(len(lens.address_columns(table)) for table in tables.RECORD_SETS)
    asked: list[Ask] = []
    for values in packed(sorted(set(_spellings(client, lens, odd))), columns=most):
        asked += asks(lens, need, partial(is_in, values=values), partial(_held, values=values), sides)
    read_all(client, asked)
    found = tuple(dict.fromkeys(contradictions(rules, sides)))
    return DriftPage(found, compared=frozenset(sides.records.keys() | sides.rows.keys()))


def _held(column: str, values: Iterable[str]) -> Element:
    return fx.condition(column, "in", *values)


def _spellings(client: DataverseClient, lens: Lens, odd: Iterable[str]) -> Iterator[str]:
    """Read the addresses of these rows: as they are written, and as we compare them."""
    by_table: dict[str, list[str]] = defaultdict(list)
    for name in odd:
        by_table[_TABLES[name[0]]].append(id_of(name))
    queries: list[Query] = []
    read: list[tuple[str, ...]] = []
    for table, ids in by_table.items():
        key, columns = _columns(lens, table)
        for few in packed(sorted(ids)):
            queries.append(Query(tables.SETS[table], select=(key, *columns), filter=is_in(key, few)))
            read.append(columns)
    for columns, rows in zip(read, client.list_many(queries), strict=True):
        for address in (row[column] for row in rows for column in columns):
            point = None if is_plain(address) else ContactPoint.of(Channel.EMAIL, address)
            yield from (address, point.value) if point else ()


def _columns(lens: Lens, table: str) -> tuple[str, tuple[str, ...]]:
    if table == tables.ROW_TABLE:
        return tables.ROW_KEY, (tables.POINT_VALUE,)
    return tables.RECORD_KEYS[table], lens.address_columns(table)
