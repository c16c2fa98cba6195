"""Reading what drift rules compare, narrowed by a condition on the address columns, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from consent_sync.consent.model import Channel, ContactPoint, Reading, RecordRef
from consent_sync.dataverse import fetchxml as fx
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.odata import all_of, eq
from consent_sync.dataverse.query import Query, rows_of
from consent_sync.tenant import tables
from consent_sync.tenant.observe import Lens, scope_of_row

from .compare import Sides
from .model import DriftRule, MemberFact, RecordFact, RecordTest, RowFact
from .rules import carriers

PAGE = 5000
ROW_COLUMNS = (
    tables.ROW_KEY,
    tables.POINT_VALUE,
    tables.CONSENT_TYPE,
    tables.CONSENT_VALUE,
    tables.CONSENT_SOURCE,
    tables.PURPOSE_ID,
    tables.TOPIC_ID,
    "_owningbusinessunit_value",
    "modifiedon",
)

type Take = Callable[[Iterable[dict[str, Any]]], None]
type Ask = tuple[Query, Take]


@dataclass(frozen=True, slots=True)
class Need:
    """What the rules look at: address columns with their tables, and lists by table."""

    carriers: tuple[tuple[str, str], ...]
    lists: dict[str, frozenset[str]]


def need_of(lens: Lens, rules: Iterable[DriftRule]) -> Need:
    """Find out what these rules look at."""
    tests = [test for rule in rules for test in (rule.record, rule.other) if test]
    used = {(test.table, test.column) for test in tests}
    lists = {table: frozenset(_lists(tests, table)) for table in tables.RECORD_SETS}
    return Need(tuple(carrier for carrier in carriers(lens) if carrier in used), lists)


def _lists(tests: Iterable[RecordTest], table: str) -> Iterator[str]:
    return (test.membership.list_id for test in tests if test.table == table and test.membership)


def read_all(client: DataverseClient, asks: Sequence[Ask]) -> None:
    """Read every page of several queries, the next ones of all in one batch. Raises DataverseError."""
    pending = [(query, take, query.first()) for query, take in asks]
    number = 0
    while pending:
        number += 1
        responses = client.batch([operation for *_, operation in pending])
        following: list[tuple[Query, Take, Operation]] = []
        for (query, take, operation), response in zip(pending, responses, strict=True):
            if response.error is not None:
                raise response.error
            take(rows_of(response.body, operation))
            if more := query.following(operation, response.body, number, client.url):
                following.append((query, take, more))
        pending = following


def pages_of(client: DataverseClient, query: Query) -> Iterator[list[dict[str, Any]]]:
    """Give the pages of a query, each asked for in a batch, so that no address stands in a URL."""
    operation: Operation | None = query.first()
    number = 0
    while operation is not None:
        number += 1
        (response,) = client.batch([operation])
        if response.error is not None:
            raise response.error
        yield rows_of(response.body, operation)
        operation = query.following(operation, response.body, number, client.url)


def records_query(lens: Lens, table: str, column: str, condition: str, *, ordered: bool = False) -> Query:
    """Ask for the records of one carrier."""
    key = tables.RECORD_KEYS[table]
    columns = (key, column, *lens.flag_columns(table), "statecode")
    order = (column,) if ordered else ()
    return Query(tables.RECORD_SETS[table], select=columns, filter=condition, order_by=order, page_size=PAGE)


def rows_ask(condition: str, sides: Sides) -> Ask:
    """Ask for consent rows."""
    email = eq(tables.POINT_TYPE, tables.CHANNELS[Channel.EMAIL])
    return Query(tables.ROW_SET, select=ROW_COLUMNS, filter=all_of(condition, email), page_size=PAGE), take_rows(sides)


def members_ask(table: str, lists: Iterable[str], held: Sequence[Element], sides: Sides) -> Ask:
    """Ask for the memberships of records found by a condition on their address, joined by the server."""
    fetch = fx.element(
        "fetch",
        fx.element(
            "entity",
            *fx.attributes("listmemberid", "listid", "entityid", "createdon"),
            fx.element("filter", fx.condition("listid", "in", *sorted(lists))),
            fx.element(
                "link-entity",
                fx.element("filter", *held),
                name=table,
                from_=tables.RECORD_KEYS[table],
                to="entityid",
                link_type="inner",
            ),
            name="listmember",
        ),
    )

    def take(rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            member = MemberFact(row["listmemberid"], row["createdon"])
            sides.members[RecordRef(table, row["_entityid_value"])][row["_listid_value"]] = member

    return Query("listmembers", fetch_xml=fx.text(fetch), page_size=PAGE), take


def record_fact(lens: Lens, table: str, column: str, row: dict[str, Any]) -> RecordFact:
    """Read what is compared of a record."""
    true = frozenset(flag for flag in lens.flag_columns(table) if row[flag])
    ref = RecordRef(table, row[tables.RECORD_KEYS[table]])
    return RecordFact(ref, column, row["@odata.etag"], true or _NO_FLAGS, row["statecode"] == 0)


def take_records(lens: Lens, table: str, column: str, sides: Sides) -> Take:
    """Take records into `sides`."""

    def take(rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            if point := ContactPoint.of(Channel.EMAIL, row[column]):
                sides.records[point].append(record_fact(lens, table, column, row))

    return take


def take_rows(sides: Sides) -> Take:
    """Take consent rows into `sides`."""

    def take(rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            point, scope = ContactPoint.of(Channel.EMAIL, row[tables.POINT_VALUE]), scope_of_row(row)
            if point and scope:
                reading = tables.READINGS.get(row[tables.CONSENT_VALUE], Reading.SILENT)
                home, source = row["_owningbusinessunit_value"], row[tables.CONSENT_SOURCE]
                fact = RowFact(row[tables.ROW_KEY], row["@odata.etag"], scope, reading, home, source, row["modifiedon"])
                sides.rows[point].append(fact)

    return take


def asks(  # noqa: PLR0913  - both forms of the condition, and what is known already
    lens: Lens,
    need: Need,
    condition: Callable[[str], str],
    held: Callable[[str], Element],
    sides: Sides,
    known: tuple[str, str] | None = None,
) -> list[Ask]:
    """Ask for everything needed at the addresses that a condition on their column names, as OData and as FetchXML.

    The records of the carrier that is `known` were read already.
    """
    found = [rows_ask(condition(tables.POINT_VALUE), sides)]
    for table, column in (carrier for carrier in need.carriers if carrier != known):
        query = records_query(lens, table, column, condition(column))
        found.append((query, take_records(lens, table, column, sides)))
    for table, lists in need.lists.items():
        columns = [column for carrier, column in need.carriers if carrier == table]
        if lists and columns:
            either = fx.element("filter", *(held(column) for column in columns), type="or")
            found.append(members_ask(table, lists, [either], sides))
    return found


_NO_FLAGS: frozenset[str] = frozenset()
