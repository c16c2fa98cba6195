from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.dataverse.batch import Operation, decode, encode, split
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import (
    BadRequest,
    ConcurrencyConflict,
    NotFound,
    NotRun,
    ProtocolError,
    ServiceUnavailable,
    Throttled,
)
from tests.dataverse.conftest import Clock
from tests.dataverse.scripted import Answer, Asked, ScriptedServer, error

ID = "6d81597f-0f9f-e711-8122-000d3aa2331c"
READ = Operation("GET", "contacts?$select=fullname")
OK = "HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n"


def http(status: int, body: object = None, **headers: str) -> str:
    lines = [f"HTTP/1.1 {status} Whatever"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append("Content-Type: application/json; odata.metadata=minimal")
    return "\r\n".join([*lines, "", "" if body is None else json.dumps(body)])


def failed(status: int, code: str, **headers: str) -> str:
    return http(status, {"error": {"code": code, "message": "no"}}, **headers)


def multipart(*parts: str | list[str], line_end: str = "\r\n") -> tuple[str, bytes]:
    """Build a batch answer as Dataverse does; a list is the answer of a change set."""
    text = ""
    for part in parts:
        text += "--batchresponse_1\r\n"
        if isinstance(part, list):
            text += "Content-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n"
            for number, inner in enumerate(part, start=1):
                text += "--changesetresponse_2\r\nContent-Type: application/http\r\n"
                text += f"Content-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n{inner}\r\n"
            text += "--changesetresponse_2--\r\n"
        else:
            text += f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{part}\r\n"
    text += "--batchresponse_1--\r\n"
    return 'multipart/mixed; boundary="batchresponse_1"', text.replace("\r\n", line_end).encode()


def batch_answer(*parts: str | list[str], status: int = 200) -> Answer:
    content_type, content = multipart(*parts)
    return Answer(status, content, {"Content-Type": content_type})


def targets(asked: Asked) -> list[str]:
    """The request lines inside a batch, without the protocol version."""
    return re.findall(r"^([A-Z]+ \S+) HTTP/1.1\r$", asked.content.decode(), re.MULTILINE)


def test_a_batch_is_written_by_the_book() -> None:
    content_type, content = encode(
        [
            Operation("GET", "contacts?$top=1", headers={"Prefer": "odata.maxpagesize=5"}),
            Operation("POST", "contacts", {"lastname": "Ü\r\n--batch"}, change_set="a"),
            Operation("PATCH", "$1", {"donotemail": True}, if_match="*", change_set="a"),
        ]
    )
    (boundary,) = re.findall("boundary=(.*)", content_type)
    assert content.decode().replace(boundary, "B") == (
        "--B\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        "GET /api/data/v9.2/contacts?$top=1 HTTP/1.1\r\nAccept: application/json\r\n"
        "Prefer: odata.maxpagesize=5\r\n\r\n\r\n"
        "--B\r\nContent-Type: multipart/mixed; boundary=changeset_2\r\n\r\n"
        "--changeset_2\r\nContent-ID: 1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        "POST /api/data/v9.2/contacts HTTP/1.1\r\nAccept: application/json\r\n"
        'Content-Type: application/json; charset=utf-8\r\n\r\n{"lastname":"\\u00dc\\r\\n--batch"}\r\n'
        "--changeset_2\r\nContent-ID: 2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        "PATCH $1 HTTP/1.1\r\nAccept: application/json\r\nIf-Match: *\r\n"
        'Content-Type: application/json; charset=utf-8\r\n\r\n{"donotemail":true}\r\n'
        "--changeset_2--\r\n--B--\r\n"
    )


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_answers_come_back_in_the_order_of_the_operations(line_end: str) -> None:
    operations = [
        READ,
        Operation("POST", "contacts", {}, change_set="a"),
        Operation("PATCH", f"contacts({ID})", {}, change_set="a"),
        Operation("DELETE", f"contacts({ID})"),
    ]
    content_type, content = multipart(
        http(200, {"value": [{"a": "x\n--batchresponse_1--\n"}], "@odata.etag": 'W/"5"'}),
        [http(204, OData_EntityId=f"http://h/api/data/v9.2/contacts({ID.upper()})"), OK],
        failed(404, "0x80040217"),
        line_end=line_end,
    )
    read, created, changed, removed = decode(content_type, content, operations)
    assert (read.status, read.body["value"][0]["a"], read.etag) == (200, "x\n--batchresponse_1--\n", 'W/"5"')
    assert (created.status, created.entity_id) == (204, ID)
    assert changed.status == 204
    assert isinstance(removed.error, NotFound)
    assert removed.error.operation == f"DELETE contacts({ID})"


def test_a_part_may_end_with_its_headers() -> None:
    content_type, content = multipart("HTTP/1.1 204 No Content\r\nETag: x", "HTTP/1.1 204 No Content")
    responses = decode(content_type, content, [Operation("DELETE", "a(1)")] * 2)
    assert [response.etag for response in responses] == ["x", None]


def test_members_of_a_change_set_may_stand_apart() -> None:
    operations = [Operation("POST", "as", {}, change_set="x"), READ, Operation("POST", "bs", {}, change_set="x")]
    _, content = encode(operations)
    assert [line.split()[1] for line in re.findall(r"^[A-Z]+ /.*", content.decode(), re.MULTILINE)] == [
        "/api/data/v9.2/as",
        "/api/data/v9.2/bs",
        "/api/data/v9.2/contacts?$select=fullname",
    ]
    content_type, content = multipart([http(204, ETag="a"), http(204, ETag="b")], http(200, {"value": []}))
    assert [response.etag for response in decode(content_type, content, operations)] == ["a", None, "b"]


@pytest.mark.parametrize("part", [failed(412, "0x80060882"), [failed(412, "0x80060882")]])
def test_a_failed_change_set_fails_each_of_its_operations(part: str | list[str]) -> None:
    operations = [Operation("POST", "as", {}, change_set="x"), Operation("POST", "bs", {}, change_set="x"), READ]
    content_type, content = multipart(part, http(200, {"value": []}))
    first, second, third = decode(content_type, content, operations)
    assert isinstance(first.error, ConcurrencyConflict)
    assert isinstance(second.error, ConcurrencyConflict)
    assert third.error is None


@pytest.mark.parametrize("part", [OK, [OK], [OK, OK, OK]])
def test_a_change_set_that_succeeded_answers_for_each_operation(part: str | list[str]) -> None:
    content_type, content = multipart(part)
    with pytest.raises(ProtocolError):
        decode(content_type, content, [Operation("DELETE", "a(1)", change_set="x")] * 2)


def test_what_a_stopped_batch_did_not_run_says_so() -> None:
    content_type, content = multipart(OK, failed(404, "0x80040217"))
    responses = decode(content_type, content, [Operation("DELETE", "a(1)")] * 4)
    assert [type(response.error) for response in responses] == [type(None), NotFound, NotRun, NotRun]


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        multipart(OK),  # fewer parts, yet no failure that explains it
        multipart(OK, OK, OK),
        multipart([OK, OK]),
        multipart("no status line", OK),
        ("multipart/mixed", b"--x--"),
        ("application/json", b"{}"),
        (multipart(OK, OK)[0], multipart(OK, OK)[1].replace(b"--batchresponse_1--", b"")),
        (multipart(OK, OK)[0], b""),
    ],
)
def test_an_answer_that_does_not_fit_is_no_answer(content_type: str, content: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(content_type, content, [Operation("DELETE", "a(1)")] * 2)


@pytest.mark.parametrize("bad", ["contacts\r\nHost: x", "contacts\n"])
def test_a_line_break_can_not_smuggle_a_header(bad: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Operation("GET", bad)
    with pytest.raises(ValueError, match="line break"):
        Operation("GET", "contacts", if_match=bad)


def test_a_change_set_holds_no_read() -> None:
    with pytest.raises(ValueError, match="GET"):
        Operation("GET", "contacts", change_set="a")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=2500))
def test_batches_keep_the_limit_and_never_cut_a_change_set(change_sets: list[str | None]) -> None:
    operations = [Operation("DELETE", f"x({i})", change_set=name) for i, name in enumerate(change_sets)]
    try:
        batches = split(operations)
    except ValueError:
        assert max(change_sets.count(name) for name in "abc") > 1000
        return
    assert all(0 < len(batch) <= 1000 for batch in batches)
    assert sorted(index for batch in batches for index in batch) == list(range(len(operations)))
    for name in "abc":
        homes = [batch for batch in batches if any(operations[index].change_set == name for index in batch)]
        assert len(homes) <= 1


def test_1001_operations_go_as_two_batches_and_come_back_in_order(
    client: DataverseClient, server: ScriptedServer
) -> None:
    def script(asked: Asked) -> Answer:
        return batch_answer(*(http(204, ETag=target) for target in targets(asked)))

    server.script = script
    server.asked.clear()
    responses = client.batch([Operation("DELETE", f"x({number})") for number in range(1001)])
    assert [len(targets(asked)) for asked in server.asked] == [1000, 1]
    assert [response.etag for response in responses] == [
        f"DELETE /api/data/v9.2/x({number})?tag=consent-sync" for number in range(1001)
    ]


def test_conflicts_are_data_and_writes_are_tagged(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(batch_answer(http(200, {"value": []}), failed(412, "0x80060882"), OK))
    responses = client.batch(
        [READ, Operation("PATCH", "a(1)", {}, if_match='W/"1"'), Operation("PATCH", "a(2)?x=1", {}, if_match="*")]
    )
    assert [type(response.error) for response in responses] == [type(None), ConcurrencyConflict, type(None)]
    assert targets(server.asked[0]) == [
        "GET /api/data/v9.2/contacts?$select=fullname",
        "PATCH /api/data/v9.2/a(1)?tag=consent-sync",
        "PATCH /api/data/v9.2/a(2)?x=1&tag=consent-sync",
    ]
    assert server.asked[0].headers["Prefer"] == "odata.continue-on-error"


def test_an_error_inside_a_batch_has_the_request_id_of_the_batch(
    client: DataverseClient, server: ScriptedServer
) -> None:
    answer = batch_answer(failed(404, "0x80040217"), failed(404, "0x80040217", x_ms_service_request_id="own"))
    server.answers(Answer(200, answer.body, {**answer.headers, "x-ms-service-request-id": "outer"}))
    responses = client.batch([READ, READ])
    assert [response.error and response.error.request_id for response in responses] == ["outer", "own"]
    assert "[request outer]" in str(responses[0].error)


def test_nothing_to_do_sends_nothing(client: DataverseClient) -> None:
    assert client.batch([]) == []
    assert client.list_many([]) == []
    assert client.requests_sent == 0


def test_throttled_operations_are_sent_again_alone_after_their_wait(
    client: DataverseClient, server: ScriptedServer, clock: Clock
) -> None:
    server.answers(
        batch_answer(failed(429, "0x80072322", Retry_After="3"), OK, failed(429, "0x80072322", Retry_After="9")),
        batch_answer(OK, failed(404, "0x80040217")),
    )
    operations = [Operation("POST", f"set{number}", {}) for number in range(3)]
    with client.counting() as counter:
        responses = client.batch(operations)
    assert [response.status for response in responses] == [204, 204, 404]
    assert targets(server.asked[1]) == [
        "POST /api/data/v9.2/set0?tag=consent-sync",
        "POST /api/data/v9.2/set2?tag=consent-sync",
    ]
    assert clock.slept == [9.0]
    assert (counter.requests, counter.retries, counter.throttled) == (2, 1, 2)


def test_a_throttled_change_set_is_sent_again_as_a_whole(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(batch_answer(OK, failed(429, "0x80072322", Retry_After="3")), batch_answer([OK, OK]))
    operations = [Operation("DELETE", "z(1)"), *(Operation("POST", name, {}, change_set="c") for name in ("a", "b"))]
    assert [response.status for response in client.batch(operations)] == [204, 204, 204]
    assert server.asked[1].content.count(b"Content-ID") == 2


def test_operations_throttled_beyond_the_budget_are_data(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(batch_answer(OK, failed(429, "0x80072321", Retry_After="300")))
    first, second = client.batch([Operation("DELETE", "a(1)"), Operation("DELETE", "a(2)")])
    assert first.error is None
    assert isinstance(second.error, Throttled)
    assert second.error.retry_after == 300


def test_a_passing_failure_inside_is_tried_again_only_where_twice_is_once(
    client: DataverseClient, server: ScriptedServer
) -> None:
    server.answers(
        batch_answer(failed(503, ""), failed(503, "")),
        batch_answer(http(200, {"value": []})),
    )
    read, created = client.batch([READ, Operation("POST", "contacts", {})])
    assert read.error is None
    assert isinstance(created.error, ServiceUnavailable)


def test_a_whole_batch_that_was_throttled_is_sent_again(
    client: DataverseClient, server: ScriptedServer, clock: Clock
) -> None:
    server.answers(error(429, "0x80072326", "concurrent", Retry_After="5"), batch_answer(OK))
    assert client.batch([Operation("POST", "contacts", {})])[0].status == 204
    assert clock.slept == [5.0]


def test_a_refused_batch_raises(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(error(400, "0x80040203", "malformed"))
    with pytest.raises(BadRequest):
        client.batch([READ])
    server.answers(Answer(200, {}))
    with pytest.raises(ProtocolError):
        client.batch([READ])


def test_without_continue_the_rest_is_not_run(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(batch_answer(OK, failed(400, "0x80040203"), status=400))
    operations = [Operation("DELETE", f"x({number})") for number in range(1500)]
    responses = client.batch(operations, continue_on_error=False)
    assert [type(response.error) for response in responses[:3]] == [type(None), BadRequest, NotRun]
    assert all(isinstance(response.error, NotRun) for response in responses[2:])
    assert len(server.asked) == 1
    assert server.asked[0].headers["Prefer"] is None


def test_a_long_address_travels_inside_a_batch_of_one(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(batch_answer(http(200, {"value": [{"a": 1}]})))
    condition = " or ".join(f"emailaddress1 eq 'someone{number}@example.org'" for number in range(800))
    assert list(client.list_rows("contacts", filter=condition)) == [{"a": 1}]
    assert server.asked[0].path == "/api/data/v9.2/$batch"
    with pytest.raises(BadRequest, match="64 KB"):
        list(client.list_rows("contacts", filter=condition * 2))
