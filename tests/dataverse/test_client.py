from __future__ import annotations

import json
import threading
from uuid import UUID

import pytest

from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import (
    BadRequest,
    ConcurrencyConflict,
    NotFound,
    PrivilegeMissing,
    ProtocolError,
    Unauthorized,
    scrub,
)
from tests.dataverse.scripted import Answer, ScriptedServer, error

ID = "6d81597f-0f9f-e711-8122-000d3aa2331c"


def test_every_request_carries_the_documented_headers_and_ids_of_its_own(
    client: DataverseClient, server: ScriptedServer
) -> None:
    server.answers(Answer(body={}))
    client.get("contacts")
    client.get("contacts")
    first, second = (asked.headers for asked in server.asked)
    assert server.asked[0].path == "/api/data/v9.2/contacts"
    assert first["Accept"] == "application/json"
    assert first["OData-Version"] == first["OData-MaxVersion"] == "4.0"
    assert first["If-None-Match"] == "null"
    assert first["Prefer"] is None
    assert first["Authorization"] == "Bearer t0ken"
    assert UUID(first["x-ms-client-request-id"]) != UUID(second["x-ms-client-request-id"])


def test_query_options_are_encoded_so_that_plus_stays_plus(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(body={}))
    client.get("contacts", {"$filter": "emailaddress1 eq 'a+b&c@example.org'"})
    assert server.asked[0].path == ("/api/data/v9.2/contacts?$filter=emailaddress1%20eq%20'a%2Bb%26c@example.org'")


def test_create_gives_the_id_and_tags_the_write(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(204, headers={"OData-EntityId": f"{server.url}/api/data/v9.2/contacts({ID.upper()})"}))
    assert client.create("contacts", {"lastname": "Ünal"}) == ID
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/data/v9.2/contacts?tag=consent-sync")
    assert json.loads(asked.content) == {"lastname": "Ünal"}


def test_an_update_never_creates_and_an_etag_names_the_version(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(204))
    client.update(f"contacts({ID})", {"donotbulkemail": True})
    client.update(f"contacts({ID})", {"donotbulkemail": True}, etag='W/"7"')
    client.upsert(f"contacts({ID})", {"donotbulkemail": True}, create_only=True)
    client.delete(f"contacts({ID})", etag='W/"8"', tag=False)
    conditions = [(asked.headers["If-Match"], asked.headers["If-None-Match"]) for asked in server.asked]
    assert conditions == [("*", "null"), ('W/"7"', "null"), (None, "*"), ('W/"8"', "null")]
    assert "tag=" not in server.asked[-1].path


def test_upserts_and_deletions_are_tagged_too(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(204))
    client.upsert(f"contacts({ID})", {})
    client.delete(f"contacts({ID})")
    client.update(f"contacts({ID})", {})
    assert all(asked.path.endswith(f"contacts({ID})?tag=consent-sync") for asked in server.asked)


@pytest.mark.parametrize("url", ["contoso.crm.dynamics.com", "ftp://contoso", "https://", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        DataverseClient(url, StaticToken("t", url="http://127.0.0.1"))


def test_a_conflict_is_raised_or_given_as_data(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(error(412, "0x80060882", "The version of the existing record doesn't match"))
    operation = Operation("PATCH", f"contacts({ID})", {"a": 1}, if_match='W/"7"')
    with pytest.raises(ConcurrencyConflict) as raised:
        client.execute(operation)
    assert raised.value.code == "0x80060882"
    response = client.execute(operation, accept=(412,))
    assert isinstance(response.error, ConcurrencyConflict)


def test_not_modified_is_an_answer_and_no_error(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(304))
    response = client.execute(Operation("GET", f"contacts({ID})", headers={"If-None-Match": 'W/"7"'}))
    assert (response.status, response.body, response.error) == (304, None, None)


def test_errors_keep_the_request_id_and_lose_addresses(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(
        error(400, "0x80040203", "no 'ada@example.org' nor +49 30 1234567 here", x_ms_service_request_id="req-1")
    )
    with pytest.raises(BadRequest) as raised:
        client.get("contacts(emailaddress1='ada@example.org')", {"$select": "fullname"})
    text = str(raised.value)
    assert raised.value.request_id == "req-1"
    assert "ada" not in text
    assert "1234567" not in text
    assert "0x80040203" in text
    assert raised.value.correlation_id == server.asked[0].headers["x-ms-correlation-request-id"]


@pytest.mark.parametrize(
    ("message", "privilege", "table"),
    [
        (
            (
                f"Principal user (Id={ID}, type=8, roleCount=5, privilegeCount=1283, accessMode='0 Read-Write', "
                f"AADObjectId='{ID}', MetadataCachePrivilegesCount=6338, businessUnitId={ID}), is missing "
                f"prvReadmsdynmkt_purpose privilege (Id={ID}) on OTC=10530 for entity 'msdynmkt_purpose' "
                "(LocalizedName='Purpose')."
            ),
            "prvReadmsdynmkt_purpose",
            "msdynmkt_purpose",
        ),
        (
            f"Principal with id {ID} does not have WriteAccess right(s) for record with id {ID} of entity contact",
            "WriteAccess",
            "contact",
        ),
        ("The user is disabled", None, None),
    ],
)
def test_a_missing_privilege_names_privilege_and_table(
    client: DataverseClient, server: ScriptedServer, message: str, privilege: str | None, table: str | None
) -> None:
    server.answers(error(403, "0x80040220", message))
    with pytest.raises(PrivilegeMissing) as raised:
        client.get("msdynmkt_purposes")
    assert (raised.value.privilege, raised.value.table) == (privilege, table)


@pytest.mark.parametrize(("status", "expected"), [(401, Unauthorized), (404, NotFound), (501, BadRequest)])
def test_statuses_become_errors_of_their_own_kind(
    client: DataverseClient, server: ScriptedServer, status: int, expected: type[Exception]
) -> None:
    server.answers(Answer(status))
    with pytest.raises(expected):
        client.get("contacts")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        Answer(200, b"<html>sign in</html>", {"Content-Type": "text/html"}),
        Answer(200, b'{"value": [', {"Content-Type": "application/json"}),
        Answer(200, {"rows": []}),
        Answer(200, {"value": "none"}),
        Answer(204),
        Answer(302, headers={"Location": "https://login.example.org/"}),
    ],
)
def test_nonsense_never_looks_like_an_empty_list(
    client: DataverseClient, server: ScriptedServer, nonsense: Answer
) -> None:
    server.answers(nonsense)
    with pytest.raises(ProtocolError):
        list(client.list_rows("contacts"))


@pytest.mark.parametrize("content_type", ["text/html", "application/json", ""])
def test_a_success_that_is_neither_json_nor_text_is_no_success(
    client: DataverseClient, server: ScriptedServer, content_type: str
) -> None:
    server.answers(Answer(200, b"<html>sign in</html>", {"Content-Type": content_type} if content_type else {}))
    with pytest.raises(ProtocolError):
        client.get("contacts")


def test_text_loses_its_byte_order_mark(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(200, b"\xef\xbb\xbf42", {"Content-Type": "text/plain"}))
    assert client.get("contacts/$count") == "42"


def test_whoami_gives_lower_case_ids(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(body={"UserId": ID.upper(), "BusinessUnitId": ID, "OrganizationId": ID}))
    assert client.whoami().user_id == ID


def test_server_time_is_the_date_of_the_last_answer(client: DataverseClient) -> None:
    assert client.server_time is None
    client.execute(Operation("GET", "contacts"))
    assert client.server_time is not None
    assert client.server_time.utcoffset() is not None


def test_counting_counts_this_thread_only_and_the_client_counts_all(
    client: DataverseClient, server: ScriptedServer
) -> None:
    server.answers(error(429, "0x80072322", "slow down", Retry_After="3"), Answer(body={}))
    with client.counting() as outer:
        client.get("contacts")
        with client.counting() as inner:
            client.get("contacts")
            other = threading.Thread(target=client.get, args=("leads",))
            other.start()
            other.join()
    assert (outer.requests, outer.retries, outer.throttled) == (3, 1, 1)
    assert (inner.requests, inner.retries, inner.throttled) == (1, 0, 0)
    assert client.requests_sent == 4
    ids = {asked.headers["x-ms-correlation-request-id"] for asked in server.asked[:2]}
    assert ids == {outer.correlation_id}


def test_cookies_are_not_kept_so_that_load_spreads_over_servers(
    client: DataverseClient, server: ScriptedServer
) -> None:
    server.answers(Answer(body={}, headers={"Set-Cookie": "ARRAffinity=server-7; Path=/"}))
    client.get("contacts")
    client.get("contacts")
    assert server.asked[1].headers["Cookie"] is None


def test_a_token_goes_to_the_environment_only(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(
        Answer(body={"value": [], "@odata.nextLink": "https://elsewhere.example.org/api/data/v9.2/contacts"})
    )
    with pytest.raises(ProtocolError):
        list(client.list_rows("contacts"))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("A record with Id = 6d81597f-0f9f-e711-8122-000d3aa2331c does not exist", None),
        ("code 0x80040217 for parentcustomerid@odata.bind", None),
        ("AADSTS7000215: wrong secret", None),
        ("key 'ada@example.org' is taken", "key '<address>' is taken"),
        ("ada%40example.org, AdA+x@sub.example.org;", "<address>, <address>;"),
        ("mobile +49 (30) 123-4567 and 00493012345", "mobile <number> and <number>"),
        ("mobile%20%2b4930123456", "mobile%20<number>"),
        ("x" * 900, "x" * 500),
    ],
)
def test_messages_keep_ids_and_lose_people(text: str, kept: str | None) -> None:
    assert scrub(text) == (kept or text)
