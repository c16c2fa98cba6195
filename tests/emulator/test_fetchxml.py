"""FetchXML over HTTP: joins on any column, exists and its relatives, paging, aggregates, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import quoteattr

import pytest

from .support import ANNOTATED, TYPE, Client, operation, send_batch, statuses

if TYPE_CHECKING:
    import requests

PURPOSES = {"msdynmkt_name": "News", "msdynmkt_type": 534120000, "msdynmkt_enforcementmodel": 534120000}
OUT, IN = 534120002, 534120001


@pytest.fixture
def people(api: Client) -> dict[str, str]:
    purpose = api.create("msdynmkt_purposes", **PURPOSES)
    for value, choice in (("ANN@x.org", OUT), ("ann@x.org ", OUT), ("bob@x.org", IN), ("nobody@x.org", OUT)):
        api.create(
            "msdynmkt_contactpointconsent4s",
            msdynmkt_contactpointvalue=value,
            msdynmkt_contactpointtype=534120000,
            msdynmkt_value=choice,
            **{"msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({purpose})"},
        )
    names = ("ann", "bob", "cid", "dan")
    mails = ("ann@x.org", "bob@x.org", None, "dan@x.org")
    return {
        name: api.contact(firstname=name, emailaddress1=mail, numberofchildren=number)
        for number, (name, mail) in enumerate(zip(names, mails, strict=True))
    }


def fetch(api: Client, text: str, entity_set: str = "contacts", **more: Any) -> dict[str, Any]:
    response = api.get(entity_set, params={"fetchXml": text}, **more)
    assert response.status_code == 200, response.text
    return response.json()


def names(api: Client, inner: str, head: str = "") -> str:
    text = f'<fetch {head}><entity name="contact"><attribute name="firstname"/>{inner}</entity></fetch>'
    return " ".join(row.get("firstname") or "-" for row in fetch(api, text)["value"])


ORDER = '<order attribute="firstname"/>'
CONDITIONS = {
    "attribute='emailaddress1' operator='eq' value='ANN@X.org'": "ann",
    "attribute='emailaddress1' operator='ne' value='ann@x.org'": "bob cid dan",
    "attribute='emailaddress1' operator='null'": "cid",
    "attribute='emailaddress1' operator='not-null'": "ann bob dan",
    "attribute='numberofchildren' operator='ge' value='2'": "cid dan",
    "attribute='numberofchildren' operator='lt' value='2'": "ann bob",
    "attribute='emailaddress1' operator='like' value='%B@X%'": "bob",
    "attribute='emailaddress1' operator='like' value='_an@%'": "dan",
    "attribute='emailaddress1' operator='not-like' value='%@x.org'": "cid",
    "attribute='emailaddress1' operator='begins-with' value='DAN'": "dan",
    "attribute='donotemail' operator='eq' value='0'": "ann bob cid dan",
    "attribute='createdon' operator='on-or-after' value='2020-01-01'": "ann bob cid dan",
    "attribute='createdon' operator='on-or-after' value='2120-01-01'": "",
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions(api: Client, people: dict[str, str], condition: str) -> None:
    assert people
    assert names(api, f"<filter><condition {condition}/></filter>{ORDER}") == CONDITIONS[condition]


def test_in_and_not_in(api: Client, people: dict[str, str]) -> None:
    values = "".join(f"<value>{value}</value>" for value in ("ANN@x.org", "dan@x.org"))
    condition = "<filter><condition attribute='emailaddress1' operator='{}'>" + values + "</condition></filter>" + ORDER
    assert names(api, condition.format("in")) == "ann dan"
    assert names(api, condition.format("not-in")) == "bob cid"
    by_id = (
        f"<filter><condition attribute='contactid' operator='in'><value>{people['bob']}</value></condition></filter>"
    )
    assert names(api, by_id) == "bob"


def test_nested_filters(api: Client, people: dict[str, str]) -> None:
    assert people
    either = "".join(f"<condition attribute='firstname' operator='eq' value='{name}'/>" for name in ("ann", "bob"))
    inner = f"<filter type='or'>{either}</filter><condition attribute='numberofchildren' operator='gt' value='0'/>"
    assert names(api, f"<filter>{inner}</filter>") == "bob"


CONSENT = (
    "<link-entity name='msdynmkt_contactpointconsent4' from='msdynmkt_contactpointvalue' to='emailaddress1' {}>"
    "<filter><condition attribute='msdynmkt_value' operator='eq' value='534120002'/></filter></link-entity>"
)
LINKS = {"any": "ann", "not any": "bob cid dan", "all": "bob", "not all": "ann"}


@pytest.mark.parametrize("kind", LINKS)
def test_links_inside_a_filter(api: Client, people: dict[str, str], kind: str) -> None:
    assert people
    link = CONSENT.format(f"link-type='{kind}'")
    assert names(api, f"<filter>{link}</filter>{ORDER}") == LINKS[kind]


@pytest.mark.parametrize("kind", ["exists", "in"])
def test_a_link_as_subquery_returns_each_parent_once(api: Client, people: dict[str, str], kind: str) -> None:
    assert people
    assert names(api, CONSENT.format(f"link-type='{kind}'")) == "ann"


def test_inner_and_outer_links_bring_columns(api: Client, people: dict[str, str]) -> None:
    assert people
    link = (
        "<link-entity name='msdynmkt_contactpointconsent4' from='msdynmkt_contactpointvalue' to='emailaddress1'"
        " alias='c' link-type='{}'><attribute name='msdynmkt_value'/>"
        "<attribute name='msdynmkt_purposeid' alias='purpose'/></link-entity>"
    )
    text = f"<fetch><entity name='contact'><attribute name='firstname'/>{link}{ORDER}</entity></fetch>"
    rows = fetch(api, text.format("inner"), headers=ANNOTATED)["value"]
    assert [row["firstname"] for row in rows] == ["ann", "ann", "bob"]
    assert rows[2]["c.msdynmkt_value"] == IN
    assert rows[2]["c.msdynmkt_value@OData.Community.Display.V1.FormattedValue"] == "Opted In"
    assert rows[2]["purpose@OData.Community.Display.V1.FormattedValue"] == "News"
    rows = fetch(api, text.format("outer"))["value"]
    assert [row["firstname"] for row in rows] == ["ann", "ann", "bob", "cid", "dan"]
    assert "c.msdynmkt_value" not in rows[3]
    without = text.format("outer").replace(
        ORDER, "<filter><condition entityname='c' attribute='msdynmkt_value' operator='null'/></filter>" + ORDER
    )
    assert [row["firstname"] for row in fetch(api, without)["value"]] == ["cid", "dan"]


def test_members_of_lists_by_address(api: Client, people: dict[str, str]) -> None:
    list_id = api.create("lists", listname="News", createdfromcode=2)
    for key in people.values():
        api.post(f"lists({list_id})/{TYPE}AddMemberList", {"EntityId": key})
    text = f"""
      <fetch><entity name="listmember"><attribute name="listid"/><attribute name="entityid"/><filter>
      <condition attribute="listid" operator="in"><value>{list_id}</value></condition></filter>
      <link-entity name="contact" from="contactid" to="entityid"><attribute name="emailaddress1"/><filter>
      <condition attribute="emailaddress1" operator="in"><value>BOB@x.org</value><value>z@x.org</value></condition>
      </filter></link-entity></entity></fetch>"""
    (row,) = fetch(api, text, "listmembers")["value"]
    assert row["_entityid_value"] == people["bob"]
    assert row["_listid_value"] == list_id
    assert [value for name, value in row.items() if name.endswith(".emailaddress1")] == ["bob@x.org"]


def test_pages_by_number_and_by_cookie(api: Client, people: dict[str, str]) -> None:
    assert people
    assert names(api, ORDER, "count='3' page='1'") == "ann bob cid"
    assert names(api, ORDER, "count='3' page='2'") == "dan"
    assert names(api, ORDER, "top='2'") == "ann bob"
    seen: list[str] = []
    head = "count='1'"
    for page in range(2, 7):
        text = f"<fetch {head}><entity name='contact'><attribute name='firstname'/>{ORDER}</entity></fetch>"
        found = fetch(api, text, headers=ANNOTATED)
        seen += [row["firstname"] for row in found["value"]]
        if not found["@Microsoft.Dynamics.CRM.morerecords"]:
            break
        cookie = found["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
        assert "%253Ccookie" in cookie
        inner = unquote(unquote(cookie.split('pagingcookie="')[1].split('"')[0]))
        head = f"count='1' page='{page}' paging-cookie={quoteattr(inner)}"
    assert seen == ["ann", "bob", "cid", "dan"]


def test_pages_of_a_join_lose_and_repeat_nothing(api: Client, people: dict[str, str]) -> None:
    assert people
    link = (
        "<link-entity name='msdynmkt_contactpointconsent4' alias='c' from='msdynmkt_contactpointvalue'"
        " to='emailaddress1'><attribute name='msdynmkt_contactpointconsent4id'/></link-entity>"
    )
    seen = []
    head = "count='1'"
    for page in range(2, 6):
        text = f"<fetch {head}><entity name='contact'><attribute name='contactid'/>{link}</entity></fetch>"
        found = fetch(api, text, headers=ANNOTATED)
        seen += [row["c.msdynmkt_contactpointconsent4id"] for row in found["value"]]
        if not found["@Microsoft.Dynamics.CRM.morerecords"]:
            break
        cookie = found["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
        inner = unquote(unquote(cookie.split('pagingcookie="')[1].split('"')[0]))
        head = f"count='1' page='{page}' paging-cookie={quoteattr(inner)}"
    assert len(seen) == len(set(seen)) == 3


def test_aggregates(api: Client, people: dict[str, str]) -> None:
    assert people
    text = """<fetch aggregate='true'><entity name='msdynmkt_contactpointconsent4'>
      <attribute name='msdynmkt_contactpointvalue' alias='rows' aggregate='count'/>
      <attribute name='msdynmkt_contactpointvalue' alias='people' aggregate='countcolumn' distinct='true'/>
      <attribute name='msdynmkt_value' alias='choice' groupby='true'/></entity></fetch>"""
    found = {row["choice"]: row for row in fetch(api, text, "msdynmkt_contactpointconsent4s")["value"]}
    assert found[OUT] == {"choice": OUT, "rows": 3, "people": 2}
    assert found[IN]["rows"] == 1


def _contacts(inner: str) -> str:
    return f"<fetch><entity name='contact'>{inner}</entity></fetch>"


NULL = "<condition attribute='createdon' operator='null'/>"
REFUSED = {
    "0x80040201": "<fetch>",
    "0x80041102": "<fetch><entity name='lead'/></fetch>",
    "0x80041103": _contacts("<attribute name='shoe'/>"),
    "0x80041103 ": _contacts("<link-entity name='lead' from='createdon' to='emailaddress1'/>"),
    "0x8004430D": _contacts("<link-entity name='lead'/>" * 16),
    "0x80041104": _contacts(f"<filter>{NULL.replace('null', 'eq')}</filter>"),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_refused(api: Client, code: str) -> None:
    response = api.get("contacts", params={"fetchXml": REFUSED[code]})
    assert (response.status_code, response.json()["error"]["code"]) == (400, code.strip())


def test_more_than_500_conditions_are_refused(api: Client) -> None:
    def send(number: int) -> requests.Response:
        text = _contacts(f"<filter>{'<condition attribute="merged" operator="null"/>' * number}</filter>")
        return send_batch(api, [operation("GET", f"contacts?fetchXml={quote(text, safe='<>=/ ')}")])

    assert statuses(send(500)) == [200]
    assert "0x8004430C" in send(501).text


def test_what_is_not_modelled(api: Client) -> None:
    for inner in (
        f"<filter>{NULL.replace('null', 'this-year')}</filter>",
        "<filter><condition attribute='firstname' operator='eq' valueof='lastname'/></filter>",
        "<link-entity name='lead' link-type='matchfirstrowusingcrossapply' from='fullname' to='fullname'/>",
    ):
        assert api.get("contacts", params={"fetchXml": _contacts(inner)}).status_code == 501
