"""Line 68 of the fidelity checklist: a client that nobody here wrote, unmodified, against the emulator."""

from __future__ import annotations

import pytest
import requests
from dataverse_api.dataverse import DataverseClient
from dataverse_api.entity import DataverseEntity
from dataverse_api.utils.batching import BatchCommand, RequestMethod

from .support import Client


@pytest.fixture
def client(api: Client) -> DataverseClient:
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = "Bearer anything"
    return DataverseClient(session=session, environment_url=f"{api.url}/")


@pytest.fixture
def contacts(client: DataverseClient) -> DataverseEntity:
    return client.entity("contact")


def _rows(number: int) -> list[dict[str, object]]:
    return [{"lastname": f"L{n:02d}", "emailaddress1": f"l{n}@x.org"} for n in range(number)]


def test_checklist_68_it_learns_the_table_from_metadata(contacts: DataverseEntity) -> None:
    assert contacts.entity_set_name == "contacts"
    assert contacts.primary_id_attr == "contactid"
    assert contacts.supports_create_multiple
    assert contacts.supports_update_multiple
    assert "parentcustomerid_account" in contacts.relationships.single_valued
    assert "contact_customer_contacts" in contacts.relationships.collection_valued


@pytest.mark.parametrize("mode", ["individual", "multiple", "batch"])
def test_checklist_68_it_creates_and_reads(contacts: DataverseEntity, mode: str) -> None:
    answers = contacts.create(_rows(7), mode=mode)
    assert all(answer.ok for answer in answers)
    found = contacts.read(select=["lastname"], order_by="lastname desc", page_size=3)
    assert [row["lastname"] for row in found] == [f"L{n:02d}" for n in reversed(range(7))]
    assert len(contacts.read(select=["lastname"], filter="contains(emailaddress1,'L3@')")) == 1
    assert len(contacts.read(select=["lastname"], top=2)) == 2
    shown = contacts.read(select=["donotemail"], top=1, return_formatted_values=True)[0]
    assert shown["donotemail@OData.Community.Display.V1.FormattedValue"] == "Allow"


@pytest.mark.parametrize("mode", ["individual", "batch"])
def test_checklist_68_it_upserts_clears_and_deletes(contacts: DataverseEntity, api: Client, mode: str) -> None:
    contacts.create(_rows(3))
    keys = [row["contactid"] for row in contacts.read(select=["contactid"])]
    contacts.upsert([{"contactid": key, "jobtitle": "Boss"} for key in keys], mode=mode)
    assert {row["jobtitle"] for row in contacts.read(select=["jobtitle"])} == {"Boss"}
    contacts.delete_columns(["jobtitle"], ids=keys, mode=mode)
    assert {row["jobtitle"] for row in contacts.read(select=["jobtitle"])} == {None}
    api.post("EntityDefinitions(LogicalName='contact')/Keys", {"SchemaName": "k", "KeyAttributes": ["employeeid"]})
    contacts.update_schema("altkeys")
    assert contacts.alternate_keys == {"k": ["employeeid"]}
    contacts.upsert([{"employeeid": "E 1", "lastname": "Key"}], mode=mode, altkey_name="k")
    assert [row["lastname"] for row in contacts.read(filter="employeeid eq 'E 1'")] == ["Key"]
    contacts.delete(filter="jobtitle eq null", mode=mode)
    assert contacts.read(select=["contactid"]) == []


def test_checklist_68_it_sends_its_own_batches(client: DataverseClient, contacts: DataverseEntity) -> None:
    contacts.create(_rows(2))
    keys = [row["contactid"] for row in contacts.read(select=["contactid"])]
    commands = [BatchCommand(f"contacts({key})", RequestMethod.PATCH, data={"jobtitle": "Chef"}) for key in keys]
    commands.append(BatchCommand("contacts?$select=jobtitle", RequestMethod.GET))
    (answer,) = client.submit_batch(commands)
    assert answer.status_code == 200
    assert answer.text.count('"jobtitle":"Chef"') == 2


def test_checklist_68_it_reports_refusals(contacts: DataverseEntity) -> None:
    (answer,) = contacts.create([{"lastname": "x" * 51}])
    assert answer.json()["error"]["code"] == "0x80044331"


def test_checklist_68_other_tables(client: DataverseClient) -> None:
    consent = client.entity("msdynmkt_contactpointconsent4")
    assert "msdynmkt_purposeId" in consent.relationships.single_valued
    assert not client.entity("listmember").supports_create_multiple
