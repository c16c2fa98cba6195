"""Requests that other people's clients were seen to send (dataverse.md section 3), each as it stands on the wire."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .support import ANNOTATED, Client, operation, send_batch, statuses

CONTACT = "EntityDefinitions(LogicalName='contact')"


def _raw(api: Client, path: str, **headers: str) -> Any:
    """Send the path as it is: requests would encode it anew."""
    prepared = requests.Request("GET", api.base, headers={**api.headers, **headers}).prepare()
    prepared.url = api.base + path
    with requests.Session() as session:
        session.trust_env = False
        answer = session.send(prepared, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    "query",
    [
        "$select=lastname&$filter=lastname eq 'Doe'",
        "%24select=lastname&%24filter=lastname%20eq%20%27Doe%27",
        "%24filter=%28lastname+eq+%27Doe%27%29and%28statecode+eq+0%29&%24select=lastname%2Ccontactid&%24top=1",
        "$select=lastname,contactid&$filter=(lastname eq 'Doe')&$count=true",
        "$filter=lastname%20eq%20@name&@name='Doe'",
        "$filter=Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=['Doe','Roe'])",
        "$filter=Microsoft.Dynamics.CRM.In(PropertyName=%27lastname%27,PropertyValues=[%22Doe%22])",
        "$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p,PropertyValues=@v)&@p='lastname'&@v=[\"Doe\"]",
        "$filter=contains(lastname,%27DO%27)",
        "$filter=not%20(lastname%20ne%20%27Doe%27)",
        "$filter=not(lastname ne 'Doe')and(contains(lastname,')and(')or(statecode eq 0))",
        "fetchXml=%3Cfetch%3E%3Centity+name%3D%22contact%22%3E%3Call-attributes%2F%3E%3C%2Fentity%3E%3C%2Ffetch%3E",
    ],
)
def test_queries_in_every_encoding(api: Client, query: str) -> None:
    api.contact(lastname="Doe")
    assert [row["lastname"] for row in _raw(api, f"contacts?{query}")["value"]] == ["Doe"]


@pytest.mark.parametrize("path", ["WhoAmI", "WhoAmI()", "/WhoAmI"])
def test_who_am_i_in_every_form(api: Client, path: str) -> None:
    assert set(_raw(api, path)) == {"@odata.context", "BusinessUnitId", "UserId", "OrganizationId"}


@pytest.mark.parametrize("kind", ['multipart/mixed; boundary="batch_1"', "multipart/mixed;boundary=batch_1"])
def test_batch_boundaries_with_and_without_quotes(api: Client, kind: str) -> None:
    answer = send_batch(
        api, [operation("GET", "contacts?$top=1"), operation("GET", "WhoAmI")], **{"Content-Type": kind}
    )
    assert statuses(answer) == [200, 200]


def test_bulk_messages_are_looked_up_as_clients_do(api: Client) -> None:
    query = (
        "sdkmessagefilters?$select=sdkmessagefilterid&$expand=sdkmessageid($select=name)"
        "&$filter=(sdkmessageid/name eq 'CreateMultiple' or sdkmessageid/name eq 'UpdateMultiple') "
        "and primaryobjecttypecode eq '{}'"
    )
    found = {row["sdkmessageid"]["name"] for row in api.values(query.format("contact"))}
    assert found == {"CreateMultiple", "UpdateMultiple"}
    assert api.values(query.format("listmember")) == []


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"{CONTACT}/Keys", set()),
        (f"{CONTACT}/Attributes?$select=LogicalName", {"lastname", "donotbulkemail"}),
        (f"{CONTACT}/OneToManyRelationships?$select=SchemaName", {"contact_master_contact"}),
        (f"{CONTACT}/ManyToOneRelationships", {"contact_customer_accounts"}),
        (f"{CONTACT}/ManyToManyRelationships", {"listcontact_association"}),
        ("EntityDefinitions?$filter=LogicalName eq 'contact'", {"contact"}),
        ("RelationshipDefinitions?$filter=SchemaName eq 'listlead_association'", {"listlead_association"}),
    ],
)
def test_definitions_and_what_is_below_them(api: Client, path: str, named: set[str]) -> None:
    rows = api.values(path)
    assert named <= {row.get("LogicalName", row.get("SchemaName")) for row in rows}
    assert bool(rows) == bool(named)


def test_choices_are_read_through_a_cast(api: Client) -> None:
    cast = "Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
    rows = api.values(f"{CONTACT}/{cast}?$select=LogicalName&$expand=OptionSet($select=Options)")
    options = {row["LogicalName"]: [option["Value"] for option in row["OptionSet"]["Options"]] for row in rows}
    assert options["preferredcontactmethodcode"] == [1, 2, 3, 4, 5]


def test_all_tables_with_their_columns_say_whether_changes_can_be_tracked(api: Client) -> None:
    rows = {row["LogicalName"]: row for row in api.values("EntityDefinitions?$expand=Attributes")}
    assert rows["contact"]["CanChangeTrackingBeEnabled"]["Value"] is True
    assert rows["listmember"]["CanChangeTrackingBeEnabled"]["Value"] is False
    assert {"emailaddress1", "donotemail"} <= {column["LogicalName"] for column in rows["contact"]["Attributes"]}


@pytest.mark.parametrize(
    "path",
    [
        f"{CONTACT}?$select=Nothing",
        f"{CONTACT}/Attributes?$filter=Nothing eq 1",
        f"{CONTACT}?$expand=Nothing",
        f"{CONTACT}/ManyToManyRelationships?$select=ReferencedEntity",
    ],
)
def test_a_property_that_definitions_do_not_have_is_refused(api: Client, path: str) -> None:
    assert api.get(path).status_code == 400


def test_every_answer_names_its_request(api: Client) -> None:
    answers = [api.get("contacts"), api.get("contacts?$select=x"), api.get("nothing"), api.post("contacts", {"x": 1})]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 400]
    assert len({answer.headers["x-ms-service-request-id"] for answer in answers}) == 4
    assert all(answer.headers["REQ_ID"] == answer.headers["x-ms-service-request-id"] for answer in answers)
    assert all(answer.headers["OData-Version"] == "4.0" for answer in answers)
    error = api.get("contacts?$select=x", headers=ANNOTATED).json()["error"]
    assert "@Microsoft.PowerApps.CDS.HelpLink" in error


@pytest.mark.parametrize(
    "select",
    [
        "serviceendpoints?$select=namespaceaddress,saskeyname,issaskeyset,schematype,usekeyvaultconfiguration",
        "sdkmessageprocessingsteps?$select=category,canusereadonlyconnection,enablepluginprofiler,eventexpander",
        "contacts?$select=_transactioncurrencyid_value,_slaid_value,_defaultpricelevelid_value",
    ],
)
def test_columns_that_the_reference_names_can_be_read(api: Client, select: str) -> None:
    assert api.get(select).status_code == 200


@pytest.mark.parametrize("secret", ["authvalue", "saskey", "sastoken"])
def test_secrets_of_an_endpoint_cannot_be_read(api: Client, secret: str) -> None:
    assert api.get(f"serviceendpoints?$select={secret}").status_code == 400
