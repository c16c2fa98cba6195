"""Lines 1 to 14 of the fidelity checklist: transport and single rows."""

from __future__ import annotations

import re

import pytest

from .support import ANNOTATED, REPRESENTATION, Client, operation, send_batch, statuses

PURPOSE = {"msdynmkt_name": "News", "msdynmkt_type": 534120000, "msdynmkt_enforcementmodel": 534120000}
CONSENT = {
    "msdynmkt_contactpointvalue": "a@x.org",
    "msdynmkt_contactpointtype": 534120000,
    "msdynmkt_value": 534120002,
}


def test_checklist_01_create_answers_204_with_absolute_entity_id(api: Client) -> None:
    response = api.post("contacts", {"lastname": "Doe"})
    assert response.status_code == 204
    assert response.content == b""
    assert re.fullmatch(re.escape(api.base) + r"contacts\([0-9a-f-]{36}\)", response.headers["OData-EntityId"])


def test_checklist_02_representation_on_create_and_update(api: Client) -> None:
    created = api.post("contacts?$select=lastname", {"lastname": "Doe"}, headers=REPRESENTATION)
    assert created.status_code == 201
    assert created.headers["Preference-Applied"] == "return=representation"
    assert "OData-EntityId" not in created.headers
    row = created.json()
    assert set(row) == {"@odata.context", "@odata.etag", "lastname", "contactid"}
    updated = api.patch(f"contacts({row['contactid']})", {"jobtitle": "Boss"}, headers=REPRESENTATION)
    assert updated.status_code == 200
    assert updated.headers["Preference-Applied"] == "return=representation"
    assert updated.json()["jobtitle"] == "Boss"


def test_checklist_03_null_clears_a_column(api: Client) -> None:
    key = api.contact(jobtitle="Boss")
    assert api.patch(f"contacts({key})", {"jobtitle": None}).status_code == 204
    assert api.row(f"contacts({key})")["jobtitle"] is None


def test_checklist_04_bind_takes_every_url_form_and_the_exact_name_only(api: Client) -> None:
    purpose = api.create("msdynmkt_purposes", **PURPOSE)
    for url in (
        f"/msdynmkt_purposes({purpose})",
        f"msdynmkt_purposes({purpose})",
        f"{api.base}msdynmkt_purposes({purpose})",
    ):
        row = api.create("msdynmkt_contactpointconsent4s", **CONSENT, **{"msdynmkt_purposeId@odata.bind": url})
        assert api.row(f"msdynmkt_contactpointconsent4s({row})")["_msdynmkt_purposeid_value"] == purpose
    wrong = {**CONSENT, "msdynmkt_purposeid@odata.bind": f"/msdynmkt_purposes({purpose})"}
    assert api.post("msdynmkt_contactpointconsent4s", wrong).status_code == 400
    gone = {**CONSENT, "msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({api.contact()})"}
    assert api.post("msdynmkt_contactpointconsent4s", gone).status_code == 404


def test_checklist_05_lookup_value_and_annotations_only_when_asked(api: Client) -> None:
    account = api.create("accounts", name="Contoso")
    key = api.contact(**{"parentcustomerid_account@odata.bind": f"/accounts({account})"})
    url = f"contacts({key})?$select=_parentcustomerid_value"
    assert api.row(url)["_parentcustomerid_value"] == account
    assert not [name for name in api.row(url) if name.startswith("_") and "@" in name]
    full = api.get(url, headers=ANNOTATED).json()
    assert full["_parentcustomerid_value@OData.Community.Display.V1.FormattedValue"] == "Contoso"
    assert full["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert (
        full["_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"]
        == "parentcustomerid_account"
    )
    only = api.get(
        url, headers={"Prefer": 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"'}
    ).json()
    without = {"Prefer": 'odata.include-annotations="*,-Microsoft.Dynamics.CRM.*"'}
    assert "Microsoft" not in "".join(api.get(url, headers=without).json())
    assert [name for name in only if name.startswith("_") and "@" in name] == [
        "_parentcustomerid_value@OData.Community.Display.V1.FormattedValue"
    ]


def test_checklist_06_missing_row_is_404_with_its_code(api: Client) -> None:
    key = "11111111-2222-3333-4444-555555555555"
    response = api.get(f"contacts({key})")
    assert response.status_code == 404
    assert response.json() == {"error": {"code": "0x80040217", "message": f"contact With Id = {key} Does Not Exist"}}
    detailed = api.get(f"contacts({key})", headers=ANNOTATED).json()["error"]
    assert "@Microsoft.PowerApps.CDS.HelpLink" in detailed
    assert api.delete(f"contacts({key})").status_code == 404


def test_checklist_07_unknown_column_is_400(api: Client) -> None:
    key = api.contact()
    assert api.post("contacts", {"lastname": "Doe", "shoesize": 42}).status_code == 400
    assert api.patch(f"contacts({key})", {"FirstName": "wrong case"}).status_code == 400
    for query in ("$select=shoesize", "$filter=shoesize eq 42", "$orderby=shoesize", "$expand=shoesize"):
        response = api.get(f"contacts?{query}")
        assert response.status_code == 400, query
        assert "shoesize" in response.json()["error"]["message"]


def test_checklist_08_missing_system_required_column_is_400(api: Client) -> None:
    response = api.post("lists", {"createdfromcode": 2})
    assert response.status_code == 400
    assert "listname" in response.json()["error"]["message"]
    assert api.post("lists", {"listname": "News", "createdfromcode": 2}).status_code == 204


def test_checklist_09_too_long_text_is_400_with_its_code(api: Client) -> None:
    assert api.post("contacts", {"lastname": "x" * 50}).status_code == 204
    response = api.post("contacts", {"lastname": "x" * 51})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "0x80044331"


def test_checklist_10_option_out_of_range_is_400(api: Client) -> None:
    for body in ({"preferredcontactmethodcode": 9}, {"statecode": 5}, {"donotemail": 1}, {"statuscode": 2}):
        assert api.post("contacts", {"lastname": "Doe", **body}).status_code == 400, body
    assert api.post("contacts", {"lastname": "Doe", "preferredcontactmethodcode": 2}).status_code == 204


def test_checklist_11_unknown_set_is_404(api: Client) -> None:
    assert api.get("shoes").status_code == 404
    assert api.get("Contacts").status_code == 404
    assert api.post("shoes", {}).json()["error"]["code"] == "0x8006088a"


def test_checklist_12_fullname_follows_its_parts(api: Client) -> None:
    key = api.contact(firstname="Ann", lastname="Lee", fullname="ignored")
    assert api.row(f"contacts({key})")["fullname"] == "Ann Lee"
    api.patch(f"contacts({key})", {"lastname": "Kim"})
    assert api.row(f"contacts({key})")["fullname"] == "Ann Kim"


def test_checklist_13_defaults_on_create(api: Client) -> None:
    row = api.row(f"contacts({api.contact()})")
    falses = ("donotemail", "donotbulkemail", "donotphone", "donotfax", "donotpostalmail", "donotsendmm", "merged")
    assert [row[name] for name in falses] == [False] * len(falses)
    assert row["followemail"] is True
    assert (row["statecode"], row["statuscode"], row["preferredcontactmethodcode"]) == (0, 1, 1)
    assert row["msgdpr_gdprconsent"] == 587030001
    assert row["_ownerid_value"] == row["_createdby_value"] == api.me()
    assert row["createdon"] == row["modifiedon"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["createdon"])


def test_checklist_14_guids_ignore_case(api: Client) -> None:
    key = api.contact(contactid="ABCDEF01-2345-6789-ABCD-EF0123456789")
    assert key == "abcdef01-2345-6789-abcd-ef0123456789"
    assert api.row(f"contacts({key.upper()})")["contactid"] == key
    assert api.values(f"contacts?$filter=contactid eq {key.upper()}&$select=contactid")[0]["contactid"] == key


def test_one_column_can_be_read_set_and_cleared(api: Client) -> None:
    url = f"contacts({api.contact(jobtitle='Boss')})/jobtitle"
    assert api.row(url)["value"] == "Boss"
    assert api.send("PUT", url, {"value": "Chef"}).status_code == 204
    assert api.get(f"{url}/$value").text == "Chef"
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 204


def test_empty_text_is_stored_as_null(api: Client) -> None:
    assert api.row(f"contacts({api.contact(jobtitle='')})")["jobtitle"] is None


def test_state_columns_must_fit_together(api: Client) -> None:
    key = api.contact()
    assert api.patch(f"contacts({key})", {"statecode": 1}).status_code == 204
    assert api.row(f"contacts({key})")["statuscode"] == 2
    wrong = api.patch(f"contacts({key})", {"statecode": 0, "statuscode": 2})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "0x80048408")


def test_lookup_is_cleared_by_null_and_by_ref(api: Client) -> None:
    account = api.create("accounts", name="Contoso")
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    key = api.contact(**bind)
    url = f"contacts({key})?$select=_parentcustomerid_value"
    clear = (
        lambda: api.patch(f"contacts({key})", {"parentcustomerid_account": None}),
        lambda: api.patch(f"contacts({key})", {"parentcustomerid_account@odata.bind": None}),
        lambda: api.delete(f"contacts({key})/parentcustomerid_account/$ref"),
    )
    for act in clear:
        api.patch(f"contacts({key})", bind)
        assert api.row(url)["_parentcustomerid_value"] == account
        assert act().status_code == 204
        assert api.row(url)["_parentcustomerid_value"] is None
    response = api.patch(f"contacts({key})", {"_parentcustomerid_value": account})
    assert response.status_code == 400


def test_missing_and_wrong_tokens_are_401(api: Client) -> None:
    assert api.get("contacts", headers={"Authorization": ""}).status_code == 401
    api.admin("reset", {"token": "right"})
    assert api.get("contacts").status_code == 401
    assert Client(api.url, "right").get("contacts").status_code == 200
    api.admin("reset", {})
    assert api.get("contacts").status_code == 200


def test_what_is_not_modelled_is_501_and_says_so(api: Client) -> None:
    for path in (
        "$metadata",
        "contacts?$apply=aggregate($count as n)",
        "contacts?savedQuery=x",
        "contacts?$filter=parentcustomerid_account/contact_customer_accounts/any(c:c/lastname eq 'x')",
        "contacts?sql=SELECT fullname FROM contact",
        "GlobalOptionSetDefinitions",
        "RetrieveMetadataChanges(Query=@p1)?@p1={}",
        "teams",
    ):
        response = api.get(path)
        assert response.status_code == 501, path
        assert "emulator" in response.json()["error"]["message"]
    deep = {"lastname": "Doe", "parentcustomerid_account": {"name": "Contoso"}}
    assert api.post("contacts", deep).status_code == 501


def test_deleting_a_target_clears_or_removes_what_points_at_it(api: Client) -> None:
    purpose = api.create("msdynmkt_purposes", **PURPOSE)
    bind = {"msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({purpose})"}
    row = api.create("msdynmkt_contactpointconsent4s", **CONSENT, **bind)
    assert api.delete(f"msdynmkt_purposes({purpose})").status_code == 204
    assert api.row(f"msdynmkt_contactpointconsent4s({row})")["_msdynmkt_purposeid_value"] is None


def test_a_record_can_be_created_in_the_past(api: Client) -> None:
    row = api.row(f"contacts({api.contact(overriddencreatedon='2020-02-03T04:05:06Z', createdon='2019-01-01')})")
    assert row["createdon"] == "2020-02-03T04:05:06Z"
    assert row["overriddencreatedon"] == row["modifiedon"] > "2026"


def test_urls_have_a_limit_that_is_wider_in_a_batch(api: Client) -> None:
    def url(length: int) -> str:
        start = "contacts?$filter=lastname eq '"
        return f"{start}{'x' * (length - len(start) - 1)}'"

    assert api.get(url(32_000)).status_code == 200
    assert api.get(url(33_000)).status_code == 414
    assert statuses(send_batch(api, [operation("GET", url(65_000))])) == [200]
    assert statuses(send_batch(api, [operation("GET", url(66_000))])) == [400]


BAD_INPUT = [
    ("POST", "contacts", "{not json"),
    ("POST", "contacts", "[1]"),
    ("POST", "contacts", '{"createdby@odata.bind": 5}'),
    ("POST", "contacts", '{"parentcustomerid_account@odata.bind": "nowhere"}'),
    ("POST", "contacts", '{"birthdate": "2026-13-45"}'),
    ("PATCH", "contacts(not-a-guid)", "{}"),
    ("GET", "contacts(emailaddress1='x')", ""),
    ("GET", "contacts?$filter=Microsoft.Dynamics.CRM.Between(PropertyName='createdon',PropertyValues=['1'])", ""),
    ("GET", "contacts?$filter=Microsoft.Dynamics.CRM.In(PropertyName='createdon',PropertyValues=['x'])", ""),
    ("GET", "contacts?$top=x", ""),
    ("GET", "contacts?$expand=createdby($skip=1)", ""),
    ("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple", '{"Targets": [1]}'),
    ("POST", "contacts/Microsoft.Dynamics.CRM.UpsertMultiple", '{"Targets": 1}'),
    ("POST", "AddListMembersList", '{"List": 1, "Members": 2}'),
    ("POST", "Merge", '{"Target": null}'),
    ("POST", "$batch", ""),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD_INPUT)
def test_bad_input_is_the_callers_fault_and_says_why(api: Client, method: str, path: str, body: str) -> None:
    response = api.send(method, path, body.encode())
    assert response.status_code == 400, response.text
    assert len(response.json()["error"]["message"]) > 10


def test_methods_that_make_no_sense_are_405(api: Client) -> None:
    key = api.contact()
    for method, path in (("PUT", f"contacts({key})"), ("DELETE", "contacts"), ("POST", "WhoAmI"), ("GET", "Merge")):
        assert api.send(method, path).status_code == 405, path
