from __future__ import annotations

from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from consent_sync.dataverse import fetchxml
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import PrivilegeMissing, ProtocolError
from consent_sync.dataverse.query import Query
from tests.dataverse.scripted import Answer, Asked, ScriptedServer, error
from tests.dataverse.test_batch import batch_answer, failed, http, targets

COOKIE = (
    '<cookie pagenumber="2" pagingcookie="%253ccookie%2520page%253d%25221%2522%253e%253ccontactid%2520last%253d'
    '%2522%257bA%257d%2522%2520%252f%253e%253c%252fcookie%253e" istracking="False" />'
)
DECODED_COOKIE = '<cookie page="1"><contactid last="{A}" /></cookie>'


def page(*numbers: int, **more: object) -> Answer:
    return Answer(body={"value": [{"n": number} for number in numbers], **more})


def test_pages_follow_the_next_link_verbatim_with_the_same_preference(
    client: DataverseClient, server: ScriptedServer
) -> None:
    token = (
        "$select=n&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2520a%253d%252b%22%20/%3E"
    )
    link = f"{server.url}/api/data/v9.2/contacts?{token}"
    server.answers(page(1, 2, **{"@odata.nextLink": link}), page(3))
    rows = client.list_rows("contacts", select=["n"], page_size=2)
    assert server.asked == []  # lazy: nothing is asked before somebody reads
    assert next(rows) == {"n": 1}
    assert len(server.asked) == 1
    assert [row["n"] for row in rows] == [2, 3]
    assert server.asked[1].path == f"/api/data/v9.2/contacts?{token}"
    assert [asked.headers["Prefer"] for asked in server.asked] == ["odata.maxpagesize=2"] * 2


def test_all_options_of_a_query_reach_the_server(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(page())
    query = {
        "select": ["fullname", "emailaddress1"],
        "filter": "fullname eq 'A & B'",
        "order_by": ["fullname desc", "contactid"],
        "expand": "parentcustomerid_account($select=name)",
        "annotations": "*",
    }
    assert list(client.list_rows("contacts", top=7, **query)) == []
    (asked,) = server.asked
    assert parse_qs(urlsplit(asked.path).query) == {
        "$select": ["fullname,emailaddress1"],
        "$filter": ["fullname eq 'A & B'"],
        "$orderby": ["fullname desc,contactid"],
        "$expand": ["parentcustomerid_account($select=name)"],
        "$top": ["7"],
    }
    assert asked.headers["Prefer"] == 'odata.include-annotations="*"'


def test_a_page_that_links_to_itself_ends_in_an_error(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(page(1, **{"@odata.nextLink": f"{server.url}/api/data/v9.2/contacts"}))
    with pytest.raises(ProtocolError):
        list(client.list_rows("contacts"))


def test_a_failure_on_a_later_page_raises(client: DataverseClient, server: ScriptedServer) -> None:
    link = f"{server.url}/api/data/v9.2/contacts?$skiptoken=2"
    server.answers(page(1, **{"@odata.nextLink": link}), error(403, "0x80040220", "missing prvReadContact privilege"))
    rows = client.list_rows("contacts")
    assert next(rows) == {"n": 1}
    with pytest.raises(PrivilegeMissing):
        next(rows)


def fetch_of(path: str) -> ET.Element:
    (text,) = parse_qs(urlsplit(path).query)["fetchXml"]
    return ET.fromstring(text)  # noqa: S314  - written by the client under test


def contacts_fetch(**attributes: str) -> str:
    entity = fetchxml.element(
        "entity",
        *fetchxml.attributes("contactid"),
        fetchxml.element("filter", fetchxml.condition("lastname", "in", "O'Neil & <Sons>", 'a"b')),
        name="contact",
    )
    return fetchxml.text(fetchxml.element("fetch", entity, **attributes))


def test_fetchxml_pages_by_cookie_decoded_twice(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(page(1, **{fetchxml.MORE: True, fetchxml.COOKIE: COOKIE}), page(2, **{fetchxml.MORE: False}))
    rows = list(client.list_rows("contacts", fetch_xml=contacts_fetch(), page_size=1))
    assert [row["n"] for row in rows] == [1, 2]
    first, second = (fetch_of(asked.path) for asked in server.asked)
    assert (first.get("page"), first.get("count"), first.get("paging-cookie")) == ("1", "1", None)
    assert (second.get("page"), second.get("count"), second.get("paging-cookie")) == ("2", "1", DECODED_COOKIE)
    assert [value.text for value in second.iter("value")] == ["O'Neil & <Sons>", 'a"b']
    assert all("fetchxmlpagingcookie" in asked.headers["Prefer"] for asked in server.asked)


def test_fetchxml_without_cookies_pages_by_number(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(page(1, **{fetchxml.MORE: True}), page(2, **{fetchxml.MORE: True}), page(3))
    rows = list(client.list_rows("contacts", fetch_xml=contacts_fetch()))
    assert [row["n"] for row in rows] == [1, 2, 3]
    assert [fetch_of(asked.path).get("page") for asked in server.asked] == ["1", "2", "3"]


def test_fetchxml_with_top_is_left_alone(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(page(1))
    assert list(client.list_rows("contacts", fetch_xml=contacts_fetch(top="1"))) == [{"n": 1}]
    assert fetch_of(server.asked[0].path).get("page") is None


@pytest.mark.parametrize(
    "options",
    [
        {"top": 1, "page_size": 1},
        {"fetch_xml": contacts_fetch(), "select": ("a",)},
        {"fetch_xml": contacts_fetch(), "top": 1},
        {"fetch_xml": "<fetch"},
        {"fetch_xml": "<entity/>"},
    ],
)
def test_options_that_exclude_each_other_are_refused_at_once(
    client: DataverseClient, options: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"FetchXML|XML|combined"):
        client.list_rows("contacts", **options)  # type: ignore[arg-type]


def test_many_queries_take_one_request_and_keep_addresses_out_of_urls(
    client: DataverseClient, server: ScriptedServer
) -> None:
    server.answers(
        batch_answer(http(200, {"value": [{"n": 1}]}), http(200, {"value": []}), http(200, {"value": [{"n": 3}]}))
    )
    queries = [Query("contacts", filter=f"emailaddress1 eq 'ada{number}@example.org'") for number in range(3)]
    assert client.list_many(queries) == [[{"n": 1}], [], [{"n": 3}]]
    assert [asked.path for asked in server.asked] == ["/api/data/v9.2/$batch"]


def test_later_pages_of_many_queries_share_requests_too(client: DataverseClient, server: ScriptedServer) -> None:
    def following(number: int) -> str:
        return f"{server.url}/api/data/v9.2/contacts?$skiptoken={number}"

    def script(asked: Asked) -> Answer:
        pages = {
            "contacts": {"value": [{"n": 1}], "@odata.nextLink": following(2)},
            "contacts?$skiptoken=2": {"value": [{"n": 2}], "@odata.nextLink": following(3)},
            "contacts?$skiptoken=3": {"value": [{"n": 3}]},
            "leads": {"value": [{"n": 9}]},
        }
        return batch_answer(*(http(200, pages[target.partition("v9.2/")[2]]) for target in targets(asked)))

    server.asked.clear()
    server.script = script
    contacts, leads, again = client.list_many([Query("contacts"), Query("leads"), Query("contacts")])
    assert contacts == again == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert leads == [{"n": 9}]
    assert [len(targets(asked)) for asked in server.asked] == [3, 2, 2]


def test_fetchxml_among_many_queries_pages_by_number_too(client: DataverseClient, server: ScriptedServer) -> None:
    def script(asked: Asked) -> Answer:
        (target,) = targets(asked)
        number = int(fetch_of(target.partition(" ")[2]).get("page") or 0)
        return batch_answer(http(200, {"value": [{"n": number}], fetchxml.MORE: number < 3}))

    server.asked.clear()
    server.script = script
    assert client.list_many([Query("contacts", fetch_xml=contacts_fetch())]) == [[{"n": 1}, {"n": 2}, {"n": 3}]]


@pytest.mark.parametrize("part", [failed(403, "0x80040220"), http(204), http(200, {"rows": []})])
def test_one_failing_query_fails_them_all(client: DataverseClient, server: ScriptedServer, part: str) -> None:
    server.answers(batch_answer(http(200, {"value": [{"n": 1}]}), part))
    with pytest.raises((PrivilegeMissing, ProtocolError)):
        client.list_many([Query("contacts"), Query("leads")])
