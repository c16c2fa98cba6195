"""Lines 22 to 27 of the fidelity checklist: reading sets."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from .support import ANNOTATED, Client

if TYPE_CHECKING:
    from local.emulator import Emulator


@pytest.fixture
def people(api: Client) -> dict[str, str]:
    rows = {
        "ann": {"firstname": "Ann", "lastname": "O'Hara", "emailaddress1": "Ann@X.org", "numberofchildren": 1},
        "bob": {"firstname": "Bob", "lastname": "Lee", "emailaddress1": "bob@x.org", "numberofchildren": 2},
        "cid": {"firstname": "Cid", "lastname": "Ärger", "numberofchildren": 3, "donotemail": True},
    }
    return {name: api.create("contacts", **row) for name, row in rows.items()}


FILTERS = {
    "emailaddress1 eq 'ANN@x.ORG'": "ann",
    "emailaddress1 eq 'bob@x.org  '": "bob",
    "emailaddress1 ne 'bob@x.org'": "ann cid",
    "emailaddress1 eq null": "cid",
    "emailaddress1 ne null": "ann bob",
    "lastname eq 'o''hara'": "ann",
    "lastname eq 'ÄRGER'": "cid",
    "numberofchildren gt 1": "bob cid",
    "numberofchildren ge 2 and numberofchildren lt 3": "bob",
    "2 le numberofchildren": "bob cid",
    "donotemail eq true": "cid",
    "not (donotemail eq true)": "ann bob",
    "not contains(emailaddress1,'x.org')": "cid",
    "startswith(firstname,'a') or endswith(firstname,'D')": "ann cid",
    "contains(emailaddress1,'@X.')": "ann bob",
    "firstname eq 'Ann' or firstname eq 'Bob' and numberofchildren eq 1": "ann",
    "(firstname eq 'Ann' or firstname eq 'Bob') and numberofchildren eq 2": "bob",
    "createdon eq modifiedon and numberofchildren eq 1": "ann",
    "createdon gt 2020-01-01T00:00:00Z and createdon lt 2099-01-01": "ann bob cid",
    "Microsoft.Dynamics.CRM.In(PropertyName='firstname',PropertyValues=['ann','BOB'])": "ann bob",
    "Microsoft.Dynamics.CRM.In(PropertyName='numberofchildren',PropertyValues=['3'])": "cid",
    "Microsoft.Dynamics.CRM.NotIn(PropertyName='firstname',PropertyValues=['ann','[x]'])": "bob cid",
    "Microsoft.Dynamics.CRM.Between(PropertyName='numberofchildren',PropertyValues=['2','3'])": "bob cid",
    "Microsoft.Dynamics.CRM.OnOrAfter(PropertyName='createdon',PropertyValue='2020-01-01')": "ann bob cid",
    "Microsoft.Dynamics.CRM.OnOrBefore(PropertyName='createdon',PropertyValue='2020-01-01')": "",
    "Microsoft.Dynamics.CRM.LastXHours(PropertyName='createdon',PropertyValue=2)": "ann bob cid",
    "createdby/domainname eq 'APP@emulator.example' and firstname eq 'Ann'": "ann",
    "firstname eq @p1&@p1='Cid'": "cid",
}


@pytest.mark.parametrize("text", FILTERS)
def test_checklist_22_filter(api: Client, people: dict[str, str], text: str) -> None:
    found = {row["contactid"] for row in api.values(f"contacts?$select=contactid&$filter={text}")}
    assert found == {people[name] for name in FILTERS[text].split()}


def test_checklist_22_any_and_all_over_collections(api: Client, people: dict[str, str]) -> None:
    def accounts(condition: str) -> list[str]:
        return [row["name"] for row in api.values(f"accounts?$select=name&$orderby=name&$filter={condition}")]

    for name, contact in (("A", "ann"), ("B", "bob"), ("C", "")):
        account = api.create("accounts", name=name)
        if contact:
            bind = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
            api.patch(f"contacts({people[contact]})", bind)
    assert accounts("contact_customer_accounts/any()") == ["A", "B"]
    assert accounts("contact_customer_accounts/any(c:c/firstname eq 'ann')") == ["A"]
    assert accounts("contact_customer_accounts/all(c:c/firstname eq 'ann')") == ["A", "C"]


def test_checklist_22_fractions_of_a_second_count_in_comparisons(api: Client) -> None:
    stamp = api.row(f"contacts({api.contact()})")["createdon"]
    half = stamp.replace("Z", ".5Z")
    for name, found in (("eq", 0), ("gt", 0), ("ge", 0), ("lt", 1), ("le", 1)):
        assert len(api.values(f"contacts?$select=contactid&$filter=createdon {name} {half}")) == found, name
    assert len(api.values(f"contacts?$select=contactid&$filter=createdon ge {stamp.replace('Z', '%2B00:00')}")) == 1


def test_checklist_22_encodings_of_the_query_string(api: Client, people: dict[str, str]) -> None:
    found = api.values("contacts?%24select=firstname&%24filter=firstname+eq+%27Ann%27")
    assert [row["contactid"] for row in found] == [people["ann"]]
    plus = api.contact(emailaddress1="a+b@x.org")
    assert (
        api.values(f"contacts?$select=contactid&$filter=emailaddress1 eq '{quote('a+b@x.org')}'")[0]["contactid"]
        == plus
    )
    assert api.values("contacts?$select=contactid&$filter=emailaddress1%20eq%20'a+b@x.org'") == []


@pytest.mark.parametrize(
    "text",
    ["firstname eq 5", "numberofchildren eq 'x'", "contactid eq 'not-a-guid'", "firstname", "eq", "donotemail eq 1"],
)
def test_checklist_22_bad_filters_are_400(api: Client, text: str) -> None:
    assert api.get(f"contacts?$filter={text}").status_code == 400


def test_checklist_23_next_link_is_followed_verbatim(api: Client) -> None:
    keys = {api.contact(firstname=f"P{number % 3}" if number else None) for number in range(7)}
    prefer = {"Prefer": "odata.maxpagesize=2"}
    for order in ("", "&$orderby=firstname", "&$orderby=firstname desc,createdon"):
        seen: list[str] = []
        names: list[str | None] = []
        url, pages = f"contacts?$select=firstname{order}", 0
        while url:
            page = api.get(url, headers=prefer).json()
            pages += 1
            seen += [row["contactid"] for row in page["value"]]
            names += [row["firstname"] for row in page["value"]]
            url = page.get("@odata.nextLink", "")
            if url:
                assert url.startswith(f"{api.base}contacts?")
                assert f"pagenumber%3D%22{pages + 1}%22" in url
        assert pages == 4
        assert len(seen) == 7
        assert set(seen) == keys
        if order:
            assert names == sorted(names, key=lambda name: name or "", reverse="desc" in order)
    assert api.get("contacts?$skiptoken=nonsense").status_code == 400


def test_checklist_23_paging_survives_writes_between_pages(api: Client) -> None:
    keys = sorted(api.contact() for _ in range(6))
    first = api.get("contacts?$select=contactid", headers={"Prefer": "odata.maxpagesize=3"}).json()
    api.delete(f"contacts({keys[0]})")
    second = api.get(first["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=3"}).json()
    assert [row["contactid"] for row in second["value"]] == keys[3:]


def test_checklist_24_a_page_holds_at_most_5000_rows(api: Client, emulator: Emulator) -> None:
    emulator.store.load(("contact", {"lastname": f"L{number}"}) for number in range(5003))
    for prefer, size in (("odata.maxpagesize=9999", 5000), ("odata.maxpagesize=10", 10), ("", 5000)):
        page = api.get("contacts?$select=contactid", headers={"Prefer": prefer}).json()
        assert len(page["value"]) == size
        assert "@odata.nextLink" in page
    top = api.get("contacts?$select=contactid&$top=7", headers={"Prefer": "odata.maxpagesize=3"}).json()
    assert len(top["value"]) == 7
    assert "@odata.nextLink" not in top


def test_checklist_25_count_stops_at_5000(api: Client, emulator: Emulator) -> None:
    api.contact()
    assert api.get("contacts?$select=contactid&$count=true").json()["@odata.count"] == 1
    emulator.store.load(("contact", {"lastname": f"L{number}"}) for number in range(5002))
    url = "contacts?$select=contactid&$count=true"
    page = api.get(url, headers={"Prefer": 'odata.include-annotations="*",odata.maxpagesize=1'}).json()
    assert page["@odata.count"] == 5000
    assert page["@Microsoft.Dynamics.CRM.totalrecordcount"] == 5000
    assert page["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is True
    plain = api.get("contacts?$select=contactid&$top=1", headers=ANNOTATED).json()
    assert "@odata.count" not in plain
    assert plain["@Microsoft.Dynamics.CRM.totalrecordcount"] == -1
    assert api.get("contacts/$count").content == b"\xef\xbb\xbf5000"
    assert api.get("contacts/$count?$filter=lastname eq 'L7'").content == b"\xef\xbb\xbf1"


def test_checklist_26_expand(api: Client) -> None:
    account = api.create("accounts", name="Contoso")
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    keys = [api.contact(lastname=name, **bind) for name in ("A", "B", "C")]
    row = api.row(f"contacts({keys[0]})?$select=lastname&$expand=parentcustomerid_account($select=name)")
    assert row["parentcustomerid_account"]["name"] == "Contoso"
    inner = "$select=lastname;$orderby=lastname desc;$filter=lastname ne 'B';$expand=createdby($select=fullname)"
    row = api.row(f"accounts({account})?$select=name&$expand=contact_customer_accounts({inner})")
    assert [one["lastname"] for one in row["contact_customer_accounts"]] == ["C", "A"]
    assert row["contact_customer_accounts"][0]["createdby"]["fullname"] == "Application User"
    assert "contact_customer_accounts@odata.nextLink" in row
    rows = api.values("contacts?$select=lastname&$expand=parentcustomerid_account($select=name)&$orderby=lastname")
    assert [one["parentcustomerid_account"]["name"] for one in rows] == ["Contoso"] * 3
    assert api.values(f"accounts({account})/contact_customer_accounts?$select=lastname&$top=1")[0]["lastname"]
    nested = "listcontact_association($expand=createdby)"
    assert api.get(f"lists({api.create('lists', listname='L', createdfromcode=2)})?$expand={nested}").status_code == 400
    many = ",".join(["createdby"] * 16)
    assert api.get(f"contacts?$expand={many}").status_code == 400


def test_checklist_27_skip_is_refused(api: Client) -> None:
    response = api.get("contacts?$skip=5")
    assert response.status_code == 400
    assert "$skip" in response.json()["error"]["message"]
    assert api.get("contacts?$search=x").status_code == 400
