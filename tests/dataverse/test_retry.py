from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import (
    ConnectionFailed,
    DataverseError,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
)
from consent_sync.dataverse.retry import RetryBudget, retry_after_seconds, wait_before_retry
from tests.dataverse.conftest import Clock
from tests.dataverse.scripted import Answer, ScriptedServer, error

READ = Operation("GET", "contacts")
CREATE = Operation("POST", "contacts", {"lastname": "x"})
CHANGE = Operation("PATCH", "contacts(1)", {"lastname": "x"}, if_match='W/"1"')
OVERWRITE = Operation("PATCH", "contacts(1)", {"lastname": "x"})
REMOVE = Operation("DELETE", "contacts(1)")
DONE = Answer(204)
BUSY = error(429, "0x80072322", "Number of requests exceeded the limit of 6000", Retry_After="17")
DOWN = Answer(503, b"<html>down</html>", {"Content-Type": "text/html"})
REFUSED = Answer(503, headers={"Retry-After": "4"})
HUNG_UP = Answer(hang_up=True)


def test_429_waits_exactly_as_long_as_told(client: DataverseClient, server: ScriptedServer, clock: Clock) -> None:
    server.answers(BUSY, BUSY, DONE)
    assert client.execute(CREATE).status == 204
    assert clock.slept == [17.0, 17.0]


@pytest.mark.parametrize("operation", [READ, CHANGE, REMOVE])
@pytest.mark.parametrize("failure", [DOWN, Answer(500), Answer(502), Answer(504), HUNG_UP])
def test_passing_failures_of_idempotent_requests_are_tried_again(
    client: DataverseClient, server: ScriptedServer, operation: Operation, failure: Answer
) -> None:
    server.answers(failure, DONE)
    assert client.execute(operation).status == 204
    assert len(server.asked) == 2


@pytest.mark.parametrize("operation", [CREATE, OVERWRITE])
@pytest.mark.parametrize(
    ("failure", "expected"),
    [(DOWN, ServiceUnavailable), (Answer(500), ServiceUnavailable), (HUNG_UP, ConnectionFailed)],
)
def test_what_may_have_been_run_is_not_sent_twice_if_twice_is_not_once(
    client: DataverseClient,
    server: ScriptedServer,
    operation: Operation,
    failure: Answer,
    expected: type[DataverseError],
) -> None:
    server.answers(failure, DONE)
    with pytest.raises(expected):
        client.execute(operation)
    assert len(server.asked) == 1


def test_a_create_is_sent_again_when_it_was_certainly_not_run(
    client: DataverseClient, server: ScriptedServer, clock: Clock
) -> None:
    server.answers(REFUSED, DONE)
    assert client.execute(CREATE).status == 204
    assert clock.slept == [4.0]


def test_a_batch_is_only_as_repeatable_as_its_operations(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(DOWN)
    with pytest.raises(ServiceUnavailable):
        client.batch([READ, CHANGE])
    repeated = len(server.asked)
    server.answers(DOWN)
    with pytest.raises(ServiceUnavailable):
        client.batch([READ, CREATE])
    assert (repeated, len(server.asked)) == (4, 1)


def test_back_off_grows_is_jittered_and_bounded() -> None:
    budget = RetryBudget(attempts=99, seconds=1e6, base=1, longest=8)
    failure = ServiceUnavailable("", status=503)

    def wait(attempt: int, dice: float) -> float | None:
        return wait_before_retry(failure, idempotent=True, attempt=attempt, budget=budget, dice=dice)

    assert [wait(attempt, 0.0) for attempt in (1, 2, 3, 4, 5)] == [0.5, 1, 2, 4, 4]
    assert [wait(attempt, 1.0) for attempt in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 8]


def test_attempts_are_limited_and_the_last_failure_is_raised(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(DOWN)
    with client.counting() as counter, pytest.raises(ServiceUnavailable) as raised:
        client.execute(READ)
    assert (counter.requests, counter.retries) == (4, 3)
    assert raised.value.status == 503


def test_a_wait_beyond_the_budget_is_not_waited_but_reported(
    client: DataverseClient, server: ScriptedServer, clock: Clock
) -> None:
    server.answers(error(429, "0x80072321", "Combined execution time", Retry_After="300"))
    with pytest.raises(Throttled) as raised:
        client.execute(READ)
    assert (raised.value.retry_after, clock.slept, len(server.asked)) == (300.0, [], 1)


def test_waits_add_up_to_the_budget(client: DataverseClient, server: ScriptedServer, clock: Clock) -> None:
    server.answers(error(429, "0x80072326", "concurrent requests", Retry_After="25"))
    with pytest.raises(Throttled):
        client.execute(READ)
    assert clock.slept == [25.0, 25.0]


def test_other_failures_are_not_tried_again(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(Answer(401))
    with pytest.raises(Unauthorized):
        client.execute(READ)
    assert len(server.asked) == 1


def test_a_read_time_out_is_a_connection_failure_without_the_address(server: ScriptedServer, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = DataverseClient(
            url,
            StaticToken("t0ken", url=server.url),
            timeout=(1, 0.05),
            budget=RetryBudget(attempts=2),
            sleep=clock.sleep,
            clock=clock,
        )
        with client, pytest.raises(ConnectionFailed) as raised:
            client.get("contacts", {"$filter": "emailaddress1 eq 'ada@example.org'"})
    assert raised.value.sent
    assert "ada" not in str(raised.value)
    assert client.requests_sent == 2


def test_a_refused_connection_was_certainly_not_run(server: ScriptedServer, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    client = DataverseClient(url, StaticToken("t0ken", url=server.url), sleep=clock.sleep, clock=clock)
    with client, pytest.raises(ConnectionFailed) as raised:
        client.execute(CREATE)
    assert not raised.value.sent
    assert client.requests_sent == 5


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", None),
        ("Wed, 01 Jan 2025 00:00:09 GMT", 9.0),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(header: str | None, expected: float | None) -> None:
    assert retry_after_seconds(header, datetime(2025, 1, 1, tzinfo=UTC)) == expected
