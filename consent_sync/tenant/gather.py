"""Reading all that concerns some contact points: one round trip, and one more for each further ring of addresses.

All queries of a ring travel in one batch, so that no address ever stands in a URL.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from xml.etree.ElementTree import Element

from consent_sync.consent.model import Channel, ContactPoint, Observation, RecordRef, Snapshot
from consent_sync.dataverse import fetchxml as fx
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.odata import all_of, any_of, eq, is_in, packed
from consent_sync.dataverse.query import Query
from consent_sync.errors import ConsentSyncError

from . import tables
from .observe import Lens, consent_rows, flags, is_unread, memberships

_RINGS = 4  # how often an address leads on to a record with further addresses before we stop following
_RECORD_COLUMNS = ("statecode", "_masterid_value", "createdon", "modifiedon", "_modifiedby_value")
_MINOR = "msgdpr_gdprischild"  # a child, where the privacy solution is installed: never opted in by us
_ROW_COLUMNS = (
    tables.ROW_KEY,
    tables.POINT_VALUE,
    tables.CONSENT_TYPE,
    tables.CONSENT_VALUE,
    tables.CONSENT_SOURCE,
    tables.PURPOSE_ID,
    tables.TOPIC_ID,
    "_owningbusinessunit_value",
    "overriddencreatedon",
    "createdon",
    "modifiedon",
    "_modifiedby_value",
)

type Row = dict[str, Any]


class ListGone(ConsentSyncError):
    """A list was deleted while the service was at work. The message comes back by itself, and is read without it."""


class Gathering:
    """What was read so far, ring by ring."""

    def __init__(self, lens: Lens) -> None:
        self.lens = lens
        self.asked: set[ContactPoint] = set()
        self.records: dict[RecordRef, Row] = {}
        self.members: dict[RecordRef, list[Row]] = defaultdict(list)
        self.rows: dict[ContactPoint, dict[str, Row]] = defaultdict(dict)
        self.named: set[ContactPoint] = set()
        self.carriers: dict[ContactPoint, set[RecordRef]] = defaultdict(set)
        self.lists: set[str] = set()

    def holders(self) -> dict[ContactPoint, frozenset[RecordRef]]:
        """Which records carry each contact point that was asked for or found."""
        found: dict[ContactPoint, set[RecordRef]] = {point: set() for point in self.asked}
        for record, row in self.records.items():
            for point in self.lens.points_in(record.table, row):
                found.setdefault(point, set()).add(record)
        return {point: frozenset(records) for point, records in found.items()}

    def placeholders(self) -> set[ContactPoint]:
        """What several records carry in place of an address, such as "n/a": it does not make them one household."""
        held = ((point, records | self.carriers.get(point, set())) for point, records in self.holders().items())
        return {point for point, records in held if not point.reachable and len(records) > 1}

    def further(self) -> set[RecordRef]:
        """Masters of what was read, and whoever alone carries what is no address, as far as they were not read yet."""
        alone = {record for carriers in self.carriers.values() if len(carriers) == 1 for record in carriers}
        return (alone | set(self.merged().values())) - self.records.keys()

    def merged(self) -> dict[RecordRef, RecordRef]:
        """Into which record each of these was merged."""
        masters = ((record, row["_masterid_value"]) for record, row in self.records.items())
        return {record: RecordRef(record.table, master) for record, master in masters if master}

    def unread(self) -> frozenset[RecordRef]:
        """Give the records of which a flag could not be read."""
        return frozenset(record for record, row in self.records.items() if is_unread(self.lens, record, row))

    def observations(self) -> Iterator[Observation]:
        """Everything that was read, as observations."""
        for record, row in self.records.items():
            yield from flags(self.lens, record, row)
            if row["statecode"] == 0:  # memberships of an inactive record are left alone
                yield from memberships(self.lens, record, self.members[record])
        for point in self.asked - self.placeholders():
            yield from consent_rows(self.lens, point, self.rows[point].values())


def gather(
    client: DataverseClient,
    lens: Lens,
    points: Collection[ContactPoint],
    records: Collection[RecordRef],
    rows: Collection[str] = (),
) -> Snapshot:
    """Read every location of `points`, `records` and consent `rows`, and of all that share an address with them.

    Raises DataverseError if anything could not be read, for a partial read would look like silence, and ListGone where
    a list no longer is there, for its members would look like people who left it.
    """
    found, started = Gathering(lens), time.monotonic()
    ring, ids = set(points), set(records)
    lists = {id_ for table in tables.RECORD_SETS for _, id_ in lens.lists_of(table)}
    for number in range(_RINGS + bool(rows)):
        _read_ring(client, found, ring, ids, () if number else rows, () if number else sorted(lists))
        if not found.lists >= lists:
            raise ListGone("a list that the mapping names was deleted meanwhile")
        found.asked |= ring
        ring = (set(found.holders()) | found.named) - found.asked
        ids = found.further()
        if not ring and not ids:
            break
    now = client.server_time or datetime.now(UTC).replace(microsecond=0)
    holders, asked = found.holders(), found.asked - found.placeholders()
    loose = {record for point in ring for record in holders[point]} | found.unread()
    return Snapshot(
        read_from=(now - timedelta(seconds=time.monotonic() - started)).replace(microsecond=0),
        read_until=now,
        observations=tuple(found.observations()),
        records=frozenset(found.records),
        holders={point: holders[point] for point in asked},
        complete=frozenset(point for point in asked if not holders[point] & loose),
        merged=found.merged(),
        inactive=frozenset(record for record, row in found.records.items() if row["statecode"] != 0),
        minors=frozenset(record for record, row in found.records.items() if row.get(_MINOR)),
    )


def _read_ring(  # noqa: PLR0913  - all that one round trip reads
    client: DataverseClient,
    found: Gathering,
    points: Collection[ContactPoint],
    ids: Collection[RecordRef],
    rows: Collection[str],
    lists: Collection[str],
) -> None:
    asks = [*_by_address(found, points), *_by_no_address(found, points), *_by_id(found, ids), *_rows_by_id(found, rows)]
    if not asks:
        found.lists.update(lists)  # nothing is read, so nobody can look like having left one
        return
    if lists:
        query = Query("lists", select=("listid",), filter=is_in("listid", lists))
        asks.append((query, lambda rows: found.lists.update(row["listid"] for row in rows)))
    answers = client.list_many([query for query, _ in asks])
    for (_, take), answer in zip(asks, answers, strict=True):
        take(answer)


type _Ask = tuple[Query, Callable[[Iterable[Row]], None]]


def _by_address(found: Gathering, points: Collection[ContactPoint]) -> Iterator[_Ask]:
    lens, mail = found.lens, sorted(point for point in points if point.channel is Channel.EMAIL)
    most = max(len(lens.address_columns(table)) for table in tables.RECORD_SETS)
    for values in packed((point.value for point in mail if point.reachable), columns=most):
        yield _rows_query(values), _take_rows(found)
        for table in tables.RECORD_SETS:
            if columns := lens.address_columns(table):
                condition = any_of(*(is_in(column, values) for column in columns))
                yield _records_query(lens, table, condition), _take_records(found, table)
                if lists := lens.lists_of(table):
                    held = [fx.condition(column, "in", *values) for column in columns]
                    yield _members_query(table, [id_ for _, id_ in lists], held), _take_members(found, table)


def _by_no_address(found: Gathering, points: Collection[ContactPoint]) -> Iterator[_Ask]:
    """Ask for the rows about what is no address, and for two carriers of each: thousands may share an "n/a"."""
    lens, none = found.lens, sorted(p for p in points if p.channel is Channel.EMAIL and not p.reachable)
    for values in packed(point.value for point in none):
        yield _rows_query(values), _take_rows(found)
    for point, table in product(none, tables.RECORD_SETS):
        for column in lens.address_columns(table):
            condition, key = eq(column, point.value), tables.RECORD_KEYS[table]
            yield (
                Query(tables.RECORD_SETS[table], select=(key,), filter=condition, top=2),
                _take_carriers(found, point, table),
            )


def _by_id(found: Gathering, ids: Collection[RecordRef]) -> Iterator[_Ask]:
    lens = found.lens
    for table in tables.RECORD_SETS:
        key = tables.RECORD_KEYS[table]
        for values in packed(sorted(r.id for r in ids if r.table == table)):
            yield _records_query(lens, table, is_in(key, values)), _take_records(found, table)
            if lists := lens.lists_of(table):
                held = [fx.condition(key, "in", *values)]
                yield _members_query(table, [id_ for _, id_ in lists], held), _take_members(found, table)


def _rows_by_id(found: Gathering, ids: Collection[str]) -> Iterator[_Ask]:
    """Ask for consent rows by their ids; the server may not find them by their address as we write it."""
    email = eq(tables.POINT_TYPE, tables.CHANNELS[Channel.EMAIL])
    for few in packed(sorted(ids)):
        condition = all_of(is_in(tables.ROW_KEY, few), email)
        yield Query(tables.ROW_SET, select=_ROW_COLUMNS, filter=condition), _take_named(found)


def _records_query(lens: Lens, table: str, condition: str) -> Query:
    columns = [*lens.address_columns(table), *lens.flag_columns(table), *_RECORD_COLUMNS]
    if _MINOR in lens.facts.columns[table]:
        columns.append(_MINOR)
    return Query(tables.RECORD_SETS[table], select=(tables.RECORD_KEYS[table], *columns), filter=condition)


def _rows_query(values: Iterable[str]) -> Query:
    channel = eq(tables.POINT_TYPE, tables.CHANNELS[Channel.EMAIL])
    return Query(tables.ROW_SET, select=_ROW_COLUMNS, filter=all_of(is_in(tables.POINT_VALUE, values), channel))


def _members_query(table: str, list_ids: Iterable[str], held: Iterable[Element]) -> Query:
    """Ask for the memberships of records found by a condition on the record itself, joined by the server."""
    key = tables.RECORD_KEYS[table]
    fetch = fx.element(
        "fetch",
        fx.element(
            "entity",
            *fx.attributes("listmemberid", "listid", "entityid", "createdon", "createdby"),
            fx.element("filter", fx.condition("listid", "in", *list_ids)),
            fx.element(
                "link-entity",
                fx.element("filter", *held, type="or"),
                name=table,
                from_=key,
                to="entityid",
                link_type="inner",
            ),
            name="listmember",
        ),
    )
    return Query("listmembers", fetch_xml=fx.text(fetch))


def _take_records(found: Gathering, table: str) -> Callable[[Iterable[Row]], None]:
    def take(rows: Iterable[Row]) -> None:
        found.records.update((RecordRef(table, row[tables.RECORD_KEYS[table]]), row) for row in rows)

    return take


def _take_carriers(found: Gathering, point: ContactPoint, table: str) -> Callable[[Iterable[Row]], None]:
    def take(rows: Iterable[Row]) -> None:
        found.carriers[point].update(RecordRef(table, row[tables.RECORD_KEYS[table]]) for row in rows)

    return take


def _take_members(found: Gathering, table: str) -> Callable[[Iterable[Row]], None]:
    def take(rows: Iterable[Row]) -> None:
        for row in rows:
            known = found.members[RecordRef(table, row["_entityid_value"])]
            if all(row["listmemberid"] != other["listmemberid"] for other in known):
                known.append(row)

    return take


def _take_named(found: Gathering) -> Callable[[Iterable[Row]], None]:
    """Take rows that were asked for by id: their contact points are to be looked at."""

    def take(rows: Iterable[Row]) -> None:
        rows = list(rows)
        points = (ContactPoint.of(Channel.EMAIL, row[tables.POINT_VALUE]) for row in rows)
        found.named.update(point for point in points if point)
        _take_rows(found)(rows)

    return take


def _take_rows(found: Gathering) -> Callable[[Iterable[Row]], None]:
    def take(rows: Iterable[Row]) -> None:
        for row in rows:
            if point := ContactPoint.of(Channel.EMAIL, row[tables.POINT_VALUE]):
                found.rows[point][row[tables.ROW_KEY]] = row

    return take
