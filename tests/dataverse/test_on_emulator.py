"""The client against the project's emulator: what scripted answers can not show, because they agree with the client."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import requests

from consent_sync.dataverse import fetchxml, odata
from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.bulk import Kind, write_rows
from consent_sync.dataverse.changes import ChangePage, read_changes
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import (
    BadRequest,
    ChangesExpired,
    ConcurrencyConflict,
    NotFound,
    PrivilegeMissing,
    Throttled,
    Unauthorized,
)
from consent_sync.dataverse.metadata import Metadata
from consent_sync.dataverse.parallel import batch_in_parallel
from consent_sync.dataverse.query import Query
from consent_sync.dataverse.retry import RetryBudget
from local.emulator import Emulator
from tests.dataverse.conftest import Clock


def admin(client: DataverseClient, name: str, **body: Any) -> None:
    requests.post(f"{client.url}/_emulator/{name}", json=body, timeout=10).raise_for_status()


def contacts(client: DataverseClient, count: int) -> list[str]:
    operations = [
        Operation("POST", "contacts", {"lastname": f"{number:03}", "emailaddress1": f"p{number}+x@example.org"})
        for number in range(count)
    ]
    return [str(response.entity_id) for response in client.batch(operations)]


def test_a_row_lives_through_its_life(dataverse: DataverseClient) -> None:
    row_id = dataverse.create("contacts", {"firstname": "Ada", "lastname": "Lovelace"})
    path = odata.key("contacts", row_id)
    first = dataverse.get(path, {"$select": "fullname"})
    assert first["fullname"] == "Ada Lovelace"
    dataverse.update(path, {"lastname": "King"}, etag=first["@odata.etag"])
    with pytest.raises(ConcurrencyConflict):
        dataverse.update(path, {"lastname": "Byron"}, etag=first["@odata.etag"])
    with pytest.raises(ConcurrencyConflict):
        dataverse.upsert(path, {"lastname": "Byron"}, create_only=True)
    dataverse.delete(path)
    with pytest.raises(NotFound):
        dataverse.update(path, {"lastname": "Byron"})
    dataverse.upsert(path, {"lastname": "Byron"})
    assert dataverse.get(path)["lastname"] == "Byron"


def test_an_unchanged_row_is_not_sent_again(dataverse: DataverseClient) -> None:
    path = odata.key("contacts", dataverse.create("contacts", {"lastname": "Lovelace"}))
    etag = dataverse.get(path)["@odata.etag"]
    assert dataverse.execute(Operation("GET", path, headers={"If-None-Match": etag})).status == 304


def test_whoami_and_the_refused_token(dataverse: DataverseClient, emulator: Emulator) -> None:
    assert dataverse.whoami().organization_id
    admin(dataverse, "reset", token="the-only-one")
    with DataverseClient(emulator.url, StaticToken("another", url=emulator.url)) as other, pytest.raises(Unauthorized):
        other.whoami()


def test_pages_hold_every_row_once(dataverse: DataverseClient) -> None:
    made = contacts(dataverse, 25)
    rows = list(dataverse.list_rows("contacts", select=["contactid"], order_by=["lastname"], page_size=10))
    assert [row["contactid"] for row in rows] == made
    fetch = fetchxml.element(
        "fetch",
        fetchxml.element(
            "entity",
            *fetchxml.attributes("contactid"),
            fetchxml.element("order", attribute="lastname"),
            fetchxml.element("filter", fetchxml.condition("lastname", "not-null")),
            name="contact",
        ),
    )
    with dataverse.counting() as counter:
        rows = list(dataverse.list_rows("contacts", fetch_xml=fetchxml.text(fetch), page_size=10))
    assert [row["contactid"] for row in rows] == made
    assert counter.requests == 3
    both = dataverse.list_many(
        [
            Query("contacts", order_by=("lastname",), page_size=7),
            Query("contacts", fetch_xml=fetchxml.text(fetch), page_size=10),
        ]
    )
    assert [[row["contactid"] for row in rows] for rows in both] == [made, made]


def test_filters_find_addresses_that_need_quoting(dataverse: DataverseClient) -> None:
    address = "o'neil+news&more@example.org"
    made = dataverse.create("contacts", {"lastname": "O'Neil", "emailaddress1": address})
    dataverse.create("contacts", {"lastname": "other", "emailaddress1": "x@example.org"})
    for condition in (odata.eq("emailaddress1", address.upper()), odata.is_in("emailaddress1", [address, "y"])):
        (found,) = dataverse.list_rows("contacts", filter=condition)
        assert found["contactid"] == made
        assert dataverse.list_many([Query("contacts", filter=condition)]) == [[found]]


def test_a_change_set_is_all_or_nothing_and_its_members_know_each_other(dataverse: DataverseClient) -> None:
    account = Operation("POST", "accounts", {"name": "Analytical Engines"}, change_set="a")
    contact = Operation(
        "POST", "contacts", {"lastname": "Lovelace", "parentcustomerid_account@odata.bind": "$1"}, change_set="a"
    )
    good = dataverse.batch([account, contact])
    assert [response.status for response in good] == [204, 204]
    row = dataverse.get(odata.key("contacts", str(good[1].entity_id)))
    assert row["_parentcustomerid_value"] == good[0].entity_id
    bad = Operation("PATCH", odata.key("contacts", uuid4()), {"lastname": "x"}, if_match="*", change_set="b")
    failed = dataverse.batch([Operation("POST", "contacts", {"lastname": "gone"}, change_set="b"), bad])
    assert all(isinstance(response.error, NotFound) for response in failed)
    assert list(dataverse.list_rows("contacts", filter=odata.eq("lastname", "gone"))) == []


def test_a_member_of_a_change_set_can_change_what_another_made(dataverse: DataverseClient) -> None:
    operations = [
        Operation("POST", "contacts", {"lastname": "Byron"}, change_set="a"),
        Operation("PATCH", "$1", {"lastname": "Lovelace"}, change_set="a"),
    ]
    made, _ = dataverse.batch(operations)
    assert dataverse.get(odata.key("contacts", str(made.entity_id)))["lastname"] == "Lovelace"


def test_batches_side_by_side_answer_in_order(dataverse: DataverseClient) -> None:
    operations = [
        Operation("POST", "contacts", {"lastname": f"{number:03}"}, change_set="whole" if number in {3, 150} else None)
        for number in range(230)
    ]
    with dataverse.counting() as counter:
        responses = batch_in_parallel(dataverse, operations, size=50)
    assert counter.requests == 5
    names = {row["contactid"]: row["lastname"] for row in dataverse.list_rows("contacts")}
    assert [names[str(response.entity_id)] for response in responses] == [f"{number:03}" for number in range(230)]


def test_a_batch_goes_on_or_stops_as_asked(dataverse: DataverseClient) -> None:
    missing = Operation("DELETE", odata.key("contacts", uuid4()))
    create = Operation("POST", "contacts", {"lastname": "x"})
    assert [response.status for response in dataverse.batch([create, missing, create])] == [204, 404, 204]
    stopped = dataverse.batch([create, missing, create], continue_on_error=False)
    assert [response.status for response in stopped] == [204, 404, 424]
    assert len(list(dataverse.list_rows("contacts"))) == 3


def test_throttling_passes_without_losing_or_doubling_a_row(
    emulator: Emulator, dataverse: DataverseClient, clock: Clock
) -> None:
    busy = {"status": 429, "code": "0x80072322", "retry_after": 1, "count": 2}
    admin(dataverse, "faults", requests=[busy])
    tokens = StaticToken("any", url=emulator.url)
    with DataverseClient(emulator.url, tokens, sleep=clock.sleep, clock=clock) as client:
        client.create("contacts", {"lastname": "once"})
    assert clock.slept == [1.0, 1.0]
    assert len(list(dataverse.list_rows("contacts"))) == 1
    admin(dataverse, "faults", requests=[{**busy, "retry_after": 300}])
    with pytest.raises(Throttled):
        dataverse.whoami()


def test_a_cut_connection_is_repeated_only_where_twice_is_once(emulator: Emulator, dataverse: DataverseClient) -> None:
    path = odata.key("contacts", dataverse.create("contacts", {"lastname": "x"}))
    etag = dataverse.get(path)["@odata.etag"]
    budget = RetryBudget(attempts=3, base=0)
    with DataverseClient(emulator.url, StaticToken("any", url=emulator.url), budget=budget) as client:
        admin(dataverse, "faults", requests=[{"cut": "before"}])
        assert client.get(path)["lastname"] == "x"
        admin(dataverse, "faults", requests=[{"cut": "after"}])
        with pytest.raises(ConcurrencyConflict):  # the first attempt did it: read again, never overwrite
            client.update(path, {"lastname": "y"}, etag=etag)
    assert dataverse.get(path)["lastname"] == "y"


def test_metadata_is_probed_once(dataverse: DataverseClient) -> None:
    metadata = Metadata(dataverse)
    with dataverse.counting() as counter:
        tables = metadata.tables(["contact", "listmember", "msdyn_nothing"])
        assert metadata.table("contact") is tables["contact"]
    assert counter.requests == 1
    contact, member = tables["contact"], tables["listmember"]
    assert contact is not None
    assert member is not None
    assert tables["msdyn_nothing"] is None
    assert (contact.entity_set, contact.primary_id) == ("contacts", "contactid")
    assert {"donotbulkemail", "emailaddress1"} <= contact.columns
    assert "msdyn_nothing" not in contact.columns
    assert "CreateMultiple" in contact.messages
    assert "CreateMultiple" not in member.messages


@pytest.mark.parametrize("table", ["contact", "lead"])
@pytest.mark.parametrize("kind", ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"])
def test_bulk_messages_do_what_single_operations_do(dataverse: DataverseClient, table: str, kind: Kind) -> None:
    found = Metadata(dataverse).table(table)
    assert found is not None
    ids = [str(uuid4()) for _ in range(9)]
    rows = [{found.primary_id: row_id, "lastname": f"n{number}", "subject": "x"} for number, row_id in enumerate(ids)]
    if table == "contact":
        rows = [{name: value for name, value in row.items() if name != "subject"} for row in rows]
    if kind == "UpdateMultiple":
        write_rows(dataverse, found, "CreateMultiple", [{**row, "lastname": "before"} for row in rows])
    rows[4] |= {"lastname": "x" * 51}
    outcomes = write_rows(dataverse, found, kind, rows, size=5)
    assert [number for number, outcome in enumerate(outcomes) if outcome.error] == [4]
    assert isinstance(outcomes[4].error, BadRequest)
    written = {row[found.primary_id]: row["lastname"] for row in dataverse.list_rows(found.entity_set)}
    expected = {row_id: f"n{number}" for number, row_id in enumerate(ids) if number != 4}
    assert written == expected | ({ids[4]: "before"} if kind == "UpdateMultiple" else {})


def all_changes(dataverse: DataverseClient, token: str | None) -> list[ChangePage]:
    pages = [read_changes(dataverse, "contacts", select=["lastname"], at=token, page_size=2)]
    while after := pages[-1].after:
        pages.append(read_changes(dataverse, "contacts", select=["lastname"], at=after, page_size=2))
    return pages


def test_change_tracking_gives_what_changed(dataverse: DataverseClient) -> None:
    made = contacts(dataverse, 5)
    *_, last = all_changes(dataverse, None)
    dataverse.update(odata.key("contacts", made[1]), {"lastname": "changed"})
    dataverse.delete(odata.key("contacts", made[2]))
    pages = all_changes(dataverse, last.token)
    assert [row["contactid"] for page in pages for row in page.rows] == [made[1]]
    assert [row_id for page in pages for row_id in page.deleted] == [made[2]]
    (nothing,) = all_changes(dataverse, pages[-1].token)
    assert (nothing.rows, nothing.deleted) == ([], [])
    admin(dataverse, "clock", advance_seconds=8 * 24 * 3600)
    with pytest.raises(ChangesExpired):
        all_changes(dataverse, last.token)


@pytest.mark.parametrize(
    ("privilege", "path", "table"),
    [
        ("prvReadContact", "contacts", "contact"),
        ("prvReadList", "listmembers", "listmember"),
        ("prvReadEntity", "EntityDefinitions(LogicalName='contact')", None),
    ],
)
def test_a_missing_privilege_is_named_with_its_table(
    dataverse: DataverseClient, privilege: str, path: str, table: str | None
) -> None:
    admin(dataverse, "reset", without=[privilege])
    with pytest.raises(PrivilegeMissing) as raised:
        dataverse.get(path)
    assert (raised.value.privilege, raised.value.table) == (privilege, table)
    assert raised.value.request_id


@pytest.mark.usefixtures("dataverse")
def test_a_user_without_roles_is_told_apart(emulator: Emulator) -> None:
    with DataverseClient(emulator.url, StaticToken("admin@emulator.example", url=emulator.url)) as administrator:
        unit = administrator.whoami().business_unit_id
        bind = {"businessunitid@odata.bind": odata.bind("businessunits", unit)}
        administrator.create("systemusers", {"applicationid": str(uuid4()), "domainname": "new@x.org", **bind})
    with (
        DataverseClient(emulator.url, StaticToken("new@x.org", url=emulator.url)) as new,
        pytest.raises(PrivilegeMissing, match="has not been assigned any roles") as raised,
    ):
        new.get("contacts")
    assert raised.value.privilege == "prvReadContact"
