"""A drift rule as FetchXML, and what comes back as findings.

Sources: Microsoft's pages "Join tables using FetchXml" (any two columns of one type may be joined; `not any` inside a
filter is an anti-join) and "Filter rows using FetchXml".

The server joins addresses by its own comparison. Where that is wider than ours, pairs that we tell apart are dropped
here; an anti-join would hide a contradiction instead, and so would a comparison that is narrower: both need an address
that is not plain, and these are compared without the server (see :mod:`.odd`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from consent_sync.consent.model import Channel, ContactPoint, Reading, RecordRef, Scope
from consent_sync.dataverse import fetchxml as fx
from consent_sync.dataverse.odata import literal
from consent_sync.dataverse.query import Query
from consent_sync.ports.drift import Finding
from consent_sync.tenant import tables
from consent_sync.tenant.observe import scope_of_row

from .model import DriftRule, MemberFact, Membership, RecordFact, RecordTest, RowFact, RowTest, Says, finding

LOOKS_LIKE_ADDRESS = "%@%.%"
_ROW_COLUMNS = (
    tables.ROW_KEY,
    tables.POINT_VALUE,
    tables.CONSENT_TYPE,
    tables.CONSENT_VALUE,
    "msdynmkt_purposeid",
    "msdynmkt_topicid",
    "versionnumber",
)

type Row = Mapping[str, Any]


def query_of(rule: DriftRule, after: str, size: int) -> Query:
    """Ask for the first `size` contradictions whose main row's id is greater than `after`."""
    rows = [(f"r{number}", test) for number, test in enumerate(rule.rows)]
    columns: tuple[str, ...]
    if rule.record is None:
        (_, first), *rows = rows
        table, id_, column, columns = tables.ROW_TABLE, tables.ROW_KEY, tables.POINT_VALUE, _ROW_COLUMNS
        conditions = _row_conditions(first)
    else:
        table, column, id_ = rule.record.table, rule.record.column, tables.RECORD_KEYS[rule.record.table]
        columns = (id_, column, "versionnumber")
        conditions = _record_conditions(rule.record)
    conditions += [fx.condition(column, "like", LOOKS_LIKE_ADDRESS)]
    conditions += [fx.condition(id_, "gt", after)] if after else []
    conditions += [_row_link(test, column, link_type="not any") for _, test in rows if test.absent]
    entity = fx.element(
        "entity",
        *fx.attributes(*columns),
        fx.element("order", attribute=id_),
        fx.element("filter", *conditions),
        *(_row_link(test, column, link_type="inner", alias=alias) for alias, test in rows if not test.absent),
        *_record_links(rule, column),
        name=table,
    )
    return Query(tables.SETS[table], fetch_xml=fx.text(fx.element("fetch", entity, top=size)))


def read(rule: DriftRule, rows: Sequence[Row]) -> Iterator[Finding]:
    """Give the findings in the rows that came back."""
    for row in rows:
        if found := _finding(rule, row):
            yield found


def id_of(rule: DriftRule, row: Row) -> str:
    """Give the id of the main row, by which the answers are ordered."""
    return str(row[tables.RECORD_KEYS[rule.record.table] if rule.record else tables.ROW_KEY])


# -- conditions --


def _record_conditions(test: RecordTest) -> list[Element]:
    found = [_any_of(*(fx.condition(flag, "eq", 1) for flag in group)) for group in test.flagged]
    found += [_any_of(fx.condition(flag, "eq", 0), fx.condition(flag, "null")) for flag in test.clear]
    found += [fx.condition("statecode", "eq", 0)] if test.active else []
    if test.membership and not test.membership.on:
        found.append(_member_link(test.membership, tables.RECORD_KEYS[test.table], link_type="not any"))
    return found


def _record_links(rule: DriftRule, column: str) -> Iterator[Element]:
    if rule.record and rule.record.membership and rule.record.membership.on:
        key = tables.RECORD_KEYS[rule.record.table]
        yield _member_link(rule.record.membership, key, link_type="inner", alias="m")
    if other := rule.other:
        yield fx.element(
            "link-entity",
            *fx.attributes(tables.RECORD_KEYS[other.table], other.column, "versionnumber"),
            fx.element("filter", *_record_conditions(other)),
            **{"name": other.table, "from": other.column, "to": column, "link-type": "inner", "alias": "o"},
        )


def _member_link(test: Membership, key: str, **link: str) -> Element:
    conditions = [fx.condition("listid", "eq", test.list_id)]
    conditions += [fx.condition("createdon", "ge", literal(test.since))] if test.since else []
    columns = fx.attributes("listmemberid") if "alias" in link else []
    return fx.element(
        "link-entity", *columns, fx.element("filter", *conditions), name="listmember", from_="entityid", to=key, **link
    )


def _row_link(test: RowTest, column: str, **link: str) -> Element:
    columns = fx.attributes(*_ROW_COLUMNS) if "alias" in link else []
    return fx.element(
        "link-entity",
        *columns,
        fx.element("filter", *_row_conditions(test)),
        name=tables.ROW_TABLE,
        from_=tables.POINT_VALUE,
        to=column,
        **link,
    )


def _row_conditions(test: RowTest) -> list[Element]:
    out, opted_in = tables.VALUES[Reading.OUT], tables.VALUES[Reading.IN]
    value = {
        Says.ANY: [],
        Says.OUT: [fx.condition(tables.CONSENT_VALUE, "eq", out)],
        Says.IN: [fx.condition(tables.CONSENT_VALUE, "eq", opted_in)],
        Says.OPEN: [_none_of(tables.CONSENT_VALUE, out)],
        Says.SILENT: [_none_of(tables.CONSENT_VALUE, out, opted_in)],
    }[test.says]
    found = [fx.condition(tables.POINT_TYPE, "eq", tables.CHANNELS[Channel.EMAIL]), _about(test.scopes), *value]
    found += [fx.condition("owningbusinessunit", "eq", test.home)] if test.home else []
    if test.sources:
        numbers = sorted(number for number, source in tables.SOURCES.items() if source in test.sources)
        found.append(fx.condition(tables.CONSENT_SOURCE, "in", *numbers))
    found += [fx.condition("modifiedon", "ge", literal(test.since))] if test.since else []
    return found


def _about(scopes: Sequence[Scope]) -> Element:
    """The row is about one of these scopes, as :func:`scope_of_row` reads it."""
    topics = [scope.id for scope in scopes if scope.kind == "topic"]
    purposes = [scope.id for scope in scopes if scope.kind == "purpose"]
    found: list[Element] = []
    if topics:
        of_topic = _none_of(tables.CONSENT_TYPE, tables.OF_PURPOSE)
        found.append(fx.element("filter", fx.condition("msdynmkt_topicid", "in", *topics), of_topic))
    if purposes:
        untyped = (fx.condition("msdynmkt_topicid", "null"), _none_of(tables.CONSENT_TYPE, tables.OF_TOPIC))
        of_purpose = _any_of(fx.condition(tables.CONSENT_TYPE, "eq", tables.OF_PURPOSE), fx.element("filter", *untyped))
        found.append(fx.element("filter", fx.condition("msdynmkt_purposeid", "in", *purposes), of_purpose))
    return _any_of(*found)


def _any_of(*conditions: Element) -> Element:
    return fx.element("filter", *conditions, type="or")


def _none_of(column: str, *values: int) -> Element:
    return _any_of(fx.condition(column, "not-in", *values), fx.condition(column, "null"))


# -- answers --


def _finding(rule: DriftRule, row: Row) -> Finding | None:
    """Read one contradiction; None where we tell its addresses apart, or no mail can reach them."""
    tests = [(f"r{number}.", test) for number, test in enumerate(rule.rows) if not test.absent]
    points: set[ContactPoint | None] = set()
    facts: list[RowFact] = []
    record = other = None
    if rule.record is None:
        tests[0] = ("", tests[0][1])
    else:
        record = _record_fact(rule.record, row, "", points)
    for prefix, _ in tests:
        fact = _row_fact(row, prefix, points)
        if fact is None:
            return None
        facts.append(fact)
    if rule.other:
        other = _record_fact(rule.other, row, "o.", points)
    point = points.pop()
    if points or point is None or not point.reachable or (record and other and record.ref == other.ref):
        return None
    member = MemberFact(row["m.listmemberid"]) if "m.listmemberid" in row else None
    return finding(rule, point, record, tuple(facts), member, other)


def _record_fact(test: RecordTest, row: Row, prefix: str, points: set[ContactPoint | None]) -> RecordFact:
    points.add(ContactPoint.of(Channel.EMAIL, row[prefix + test.column]))
    ref = RecordRef(test.table, row[prefix + tables.RECORD_KEYS[test.table]])
    return RecordFact(ref, test.column, _version(row, prefix))


def _row_fact(row: Row, prefix: str, points: set[ContactPoint | None]) -> RowFact | None:
    points.add(ContactPoint.of(Channel.EMAIL, row[prefix + tables.POINT_VALUE]))
    purpose = row.get(tables.PURPOSE_ID if not prefix else f"{prefix}msdynmkt_purposeid")
    topic = row.get(tables.TOPIC_ID if not prefix else f"{prefix}msdynmkt_topicid")
    kind = row.get(prefix + tables.CONSENT_TYPE)
    scope = scope_of_row({tables.PURPOSE_ID: purpose, tables.TOPIC_ID: topic, tables.CONSENT_TYPE: kind})
    if scope is None:
        return None
    reading = tables.READINGS.get(row.get(prefix + tables.CONSENT_VALUE, 0), Reading.SILENT)
    return RowFact(row[prefix + tables.ROW_KEY], _version(row, prefix), scope, reading)


def _version(row: Row, prefix: str) -> str:
    return f'W/"{row[prefix + "versionnumber"]}"' if prefix else str(row["@odata.etag"])
