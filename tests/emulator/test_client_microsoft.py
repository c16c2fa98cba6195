"""Line 69 of the fidelity checklist: Microsoft's own client, unmodified, over HTTPS, which it insists on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.config import DataverseConfig
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col

from local.emulator import Emulator
from local.emulator.tls import write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

GONE = "11111111-2222-3333-4444-555555555555"
FORMATTED = "OData.Community.Display.V1.FormattedValue"


class Credential:
    """An azure-core TokenCredential with a token that the emulator takes."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken("anything", 4_102_444_800)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_certificate(tmp_path_factory.mktemp("tls") / "server.pem"))


@pytest.fixture(scope="module")
def secure(certificate: str) -> Iterator[Emulator]:
    with Emulator(certificate=certificate) as emulator:
        yield emulator


@pytest.fixture
def client(secure: Emulator, certificate: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataverseClient]:
    secure.reset()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    with DataverseClient(secure.url, Credential(), DataverseConfig(http_retries=1)) as client:
        yield client


@pytest.fixture
def keys(client: DataverseClient) -> list[str]:
    """Seven contacts, L0 to L6."""
    return client.records.create("contact", [{"lastname": f"L{n}"} for n in range(7)])


def _names(rows: Any) -> list[str]:
    return sorted(row["lastname"] for row in rows)


def test_checklist_69_one_row(client: DataverseClient) -> None:
    key = client.records.create("contact", {"FirstName": "Ann", "lastname": "Doe", "gendercode": "Female"})
    row = client.records.retrieve("contact", key, select=["fullname", "gendercode"], include_annotations="*")
    assert (row["fullname"], row["gendercode"], row[f"gendercode@{FORMATTED}"]) == ("Ann Doe", 2, "Female")
    client.records.update("contact", key, {"jobtitle": "Boss"})
    assert client.records.retrieve("contact", key, select=["jobtitle"])["jobtitle"] == "Boss"
    client.records.delete("contact", key)
    assert client.records.retrieve("contact", key) is None


def test_checklist_69_many_rows(client: DataverseClient, keys: list[str]) -> None:
    client.records.update("contact", keys, {"jobtitle": "same"})
    client.records.update("contact", keys[:2], [{"jobtitle": "one"}, {"jobtitle": "two"}])
    found = client.records.list("contact", filter="jobtitle eq 'same'", select=["LastName"], page_size=2, count=True)
    assert _names(found) == ["L2", "L3", "L4", "L5", "L6"]
    assert [len(page) for page in client.records.list_pages("contact", select=["lastname"], page_size=3)] == [3, 3, 1]
    client.records.delete("contact", keys[:2], use_bulk_delete=False)
    assert len(client.records.list("contact", select=["lastname"])) == 5


def test_checklist_69_bulk_deletion_is_a_job(client: DataverseClient, keys: list[str]) -> None:
    job = client.records.delete("contact", keys[1:])
    assert _names(client.records.list("contact", select=["lastname"])) == ["L0"]
    assert client.records.retrieve("asyncoperation", job, select=["statuscode"])["statuscode"] == 30


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (col("lastname") == "l1", ["L1"]),
        (col("lastname") != "L1", ["L0", "L2", "L3", "L4", "L5", "L6"]),
        ((col("lastname") == "L1") | (col("lastname") == "L2"), ["L1", "L2"]),
        ((col("lastname") >= "L5") & col("jobtitle").is_null(), ["L5", "L6"]),
        (col("lastname").in_(["L1", "L2", "it's"]), ["L1", "L2"]),
        (col("lastname").not_in(["L0", "L1", "L2", "L3", "L4"]), ["L5", "L6"]),
        (col("lastname").between("L2", "L4"), ["L2", "L3", "L4"]),
        (col("lastname").not_between("L1", "L6"), ["L0"]),
        (col("lastname").startswith("L") & ~col("lastname").endswith("6"), ["L0", "L1", "L2", "L3", "L4", "L5"]),
        (col("lastname").like("%6"), ["L6"]),
    ],
    ids=str,
)
def test_checklist_69_filters(client: DataverseClient, keys: list[str], condition: Any, found: list[str]) -> None:
    assert keys
    assert _names(client.records.list("contact", filter=condition, select=["lastname"])) == found


def test_checklist_69_queries(client: DataverseClient, keys: list[str]) -> None:
    built = client.query.builder("contact").select("lastname").where(col("lastname") > "L3").order_by("lastname")
    assert [row["lastname"] for row in built.top(2).execute()] == ["L4", "L5"]
    pages = client.query.builder("contact").select("lastname").page_size(3).count().execute_pages()
    assert [len(page) for page in pages] == [3, 3, 1]
    fetch = "<fetch count='3'><entity name='contact'><attribute name='lastname'/></entity></fetch>"
    assert [len(page) for page in client.query.fetchxml(fetch).execute_pages()] == [3, 3, 1]
    row = client.records.list("contact", select=["lastname"], expand=["ownerid"], top=1)[0]
    assert row["ownerid"]["fullname"] == "Application User"
    assert len(keys) == 7


def test_checklist_69_alternate_keys(client: DataverseClient) -> None:
    made = client.tables.create_alternate_key("contact", "byemployee", ["employeeid"])
    (key,) = client.tables.get_alternate_keys("contact")
    assert (key.metadata_id, key.key_attributes, key.status) == (made.metadata_id, ["employeeid"], "Active")
    items = [{"alternate_key": {"employeeid": f"E{n}"}, "record": {"lastname": f"K{n}"}} for n in range(3)]
    client.records.upsert("contact", items[:1])
    client.records.upsert("contact", items)
    assert _names(client.records.list("contact", select=["lastname"])) == ["K0", "K1", "K2"]
    client.tables.delete_alternate_key("contact", key.metadata_id)
    assert client.tables.get_alternate_keys("contact") == []


def test_checklist_69_metadata(client: DataverseClient) -> None:
    table = client.tables.get("Contact")
    assert (table.entity_set_name, table.primary_id_attribute) == ("contacts", "contactid")
    assert client.tables.get("shoe") is None
    names = {row["LogicalName"] for row in client.tables.list(select=["LogicalName"])}
    assert {"contact", "lead", "msdynmkt_contactpointconsent4"} <= names
    texts = client.tables.list_columns("contact", select=["LogicalName"], filter="AttributeType eq 'String'")
    assert {"LogicalName": "lastname"}.items() <= next(c for c in texts if c["LogicalName"] == "lastname").items()
    assert client.tables.get_column("contact", "lastname")["MaxLength"] == 50
    assert client.tables.get_column("contact", "nothing") is None
    relation = client.tables.get_relationship("contact_customer_accounts")
    assert (relation.referenced_entity, relation.referencing_entity) == ("account", "contact")
    kinds = {row["RelationshipType"] for row in client.tables.list_table_relationships("contact")}
    assert kinds == {"OneToManyRelationship", "ManyToManyRelationship"}
    assert len(client.tables.list_relationships()) > 50
    columns = {column["name"]: column["type"] for column in client.query.sql_columns("contact")}
    assert columns["donotemail"] == "Boolean"


def test_checklist_69_batches(client: DataverseClient, keys: list[str]) -> None:
    batch = client.batch.new()
    batch.records.create("contact", {"lastname": "Single"})
    batch.records.list("contact", select=["lastname"], top=1)
    batch.records.update("contact", keys[0], {"jobtitle": "x"})
    with batch.changeset() as changes:
        made = changes.records.create("contact", {"lastname": "Parent"})
        changes.records.update("contact", made, {"jobtitle": "boss"})
        changes.records.create("contact", {"lastname": "Child", "parentcustomerid_contact@odata.bind": made})
    batch.records.create("contact", {"lastname": "x" * 60})
    batch.records.retrieve("contact", GONE, select=["lastname"])
    batch.tables.get("contact")
    result = batch.execute(continue_on_error=True)
    assert [item.status_code for item in result.responses] == [204, 200, 204, 204, 204, 204, 400, 404, 200]
    assert [item.error_code for item in result.failed] == ["0x80044331", "0x80040217"]
    child = client.records.list("contact", filter="lastname eq 'Child'", expand=["parentcustomerid_contact"])[0]
    assert child["parentcustomerid_contact"]["jobtitle"] == "boss"


def test_checklist_69_a_change_set_that_fails_leaves_nothing(client: DataverseClient) -> None:
    batch = client.batch.new()
    with batch.changeset() as changes:
        changes.records.create("contact", {"lastname": "First"})
        changes.records.update("contact", GONE, {"lastname": "x"})
    assert batch.execute().has_errors
    assert len(client.records.list("contact", select=["lastname"])) == 0


def test_checklist_69_refusals_keep_their_code(client: DataverseClient) -> None:
    with pytest.raises(HttpError) as raised:
        client.records.create("contact", {"lastname": "x" * 60})
    assert raised.value.details["service_error_code"] == "0x80044331"
    assert raised.value.details["service_request_id"]
    with pytest.raises(HttpError) as raised:
        client.query.sql("SELECT fullname FROM contact")
    assert raised.value.status_code == 501
