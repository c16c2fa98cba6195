from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_sync.dataverse import fetchxml, odata

ID = "6d81597f-0f9f-e711-8122-000d3aa2331c"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("O'Neil", "'O''Neil'"),
        ("", "''"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (7, "7"),
        (1.5, "1.5"),
        (UUID(ID), ID),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05Z"),
    ],
)
def test_literals(value: odata.Value, expected: str) -> None:
    assert odata.literal(value) == expected


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        odata.literal(datetime(2026, 1, 2))  # noqa: DTZ001  - the point of the test


def test_filters() -> None:
    assert odata.eq("emailaddress1", "o'neil@example.org") == "emailaddress1 eq 'o''neil@example.org'"
    assert odata.is_in("contactid", ["a'b", odata.guid(ID), 7]) == (
        f"Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=['a''b','{ID}','7'])"
    )
    assert odata.all_of("a eq 1", odata.any_of("b eq 2", "c eq 3")) == "(a eq 1) and ((b eq 2) or (c eq 3))"


def test_in_without_values_is_refused_since_it_would_match_nothing_by_accident() -> None:
    with pytest.raises(ValueError, match="at least one"):
        odata.is_in("contactid", [])


def test_paths_of_rows() -> None:
    assert odata.key("contacts", ID.upper()) == f"contacts({ID})"
    assert odata.bind("contacts", ID) == f"/contacts({ID})"


@pytest.mark.parametrize("value", ["", "7", f"{ID})/x(", "x' or 1 eq 1"])
def test_what_is_no_guid_never_reaches_a_path(value: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        odata.key("contacts", value)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize(
    "value", ["{}@x.org", "{}" + "a" * 90 + "@x.org", "{}" + "ü" * 90 + "@x.org", "{}" + "😀" * 95]
)
def test_values_are_cut_so_that_their_queries_fit_into_a_batch(value: str, columns: int) -> None:
    values = [value.format(number) for number in range(400)]
    groups = list(odata.packed(values, columns=columns))
    assert [one for group in groups for one in group] == values
    for group in groups:
        names = [f"emailaddress{number}" for number in range(columns)]
        one_filter = odata.any_of(*(odata.is_in(name, group) for name in names))
        fetch = fetchxml.element("filter", *(fetchxml.condition(name, "in", *group) for name in names))
        for options in ({"$filter": one_filter}, {"fetchXml": fetchxml.text(fetch)}):
            assert len(odata.with_query("contacts", options)) < 62_000
    assert len(groups) <= 400 / 150 + 1 or "a" not in value or columns > 1


def test_no_values_make_no_groups() -> None:
    assert list(odata.packed([])) == []


@given(st.text())
def test_any_value_survives_the_way_into_a_url(value: str) -> None:
    path = odata.with_query("contacts?tag=x", {"$filter": odata.eq("a", value)})
    assert path.isascii()
    assert parse_qs(urlsplit(path).query, keep_blank_values=True)["$filter"] == [odata.eq("a", value)]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff")))
def test_any_value_survives_the_way_into_fetchxml(value: str) -> None:
    made = fetchxml.element("filter", fetchxml.condition("a", "eq", value), fetchxml.condition("a", "in", value))
    one, many = ET.fromstring(fetchxml.text(made))  # noqa: S314  - written by the code under test
    assert one.get("value") == value
    assert (many[0].text or "") == value


def test_names_that_python_reserves_or_can_not_write_are_spelled_out() -> None:
    made = fetchxml.element("link-entity", name="lead", from_="emailaddress1", link_type="not any", distinct=True)
    assert made.attrib == {"name": "lead", "from": "emailaddress1", "link-type": "not any", "distinct": "true"}


def test_a_condition_without_value() -> None:
    assert fetchxml.text(fetchxml.condition("a", "null", entityname="x")) == (
        '<condition attribute="a" operator="null" entityname="x" />'
    )
