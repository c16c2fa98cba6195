from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from consent_sync.dataverse.bulk import Kind, write_rows
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import BadRequest, ProtocolError, ServiceUnavailable
from consent_sync.dataverse.metadata import TableMetadata
from tests.dataverse.scripted import Answer, Asked, ScriptedServer
from tests.dataverse.test_batch import batch_answer, failed, http, targets

ALL = frozenset({"CreateMultiple", "UpdateMultiple", "UpsertMultiple"})


def table(messages: frozenset[str]) -> TableMetadata:
    return TableMetadata(
        "contact", "contacts", "contactid", frozenset(), messages, {}, change_tracking=False, audited=False
    )


def bodies(asked: Asked) -> list[dict[str, Any]]:
    return [json.loads(line) for line in re.findall(rb"^\{.*\}\r$", asked.content, re.MULTILINE)]


def number_of(row: dict[str, Any]) -> int:
    return int(row["lastname"])


def rows(count: int) -> list[dict[str, Any]]:
    return [{"contactid": str(UUID(int=number + 1)), "lastname": str(number)} for number in range(count)]


def refuse(server: ScriptedServer, *bad: int) -> None:
    """Answer as Dataverse does: a message with a bad row fails whole, others succeed."""

    def script(asked: Asked) -> Answer:
        answers = []
        for target, body in zip(targets(asked), bodies(asked), strict=True):
            sent = body.get("Targets", [body])
            if any(number_of(row) in bad for row in sent):
                answers.append(failed(400, "0x80044331"))
            elif "CreateMultiple" in target:
                answers.append(http(200, {"Ids": [str(UUID(int=number_of(row) + 1)).upper() for row in sent]}))
            else:
                answers.append(http(204))
        return batch_answer(*answers)

    server.asked.clear()
    server.script = script


def test_rows_go_in_messages_of_a_hundred(client: DataverseClient, server: ScriptedServer) -> None:
    refuse(server)
    outcomes = write_rows(client, table(ALL), "CreateMultiple", rows(250))
    assert [outcome.entity_id for outcome in outcomes] == [str(UUID(int=number + 1)) for number in range(250)]
    (asked,) = server.asked
    assert targets(asked) == ["POST /api/data/v9.2/contacts/Microsoft.Dynamics.CRM.CreateMultiple?tag=consent-sync"] * 3
    assert [len(body["Targets"]) for body in bodies(asked)] == [100, 100, 50]
    assert bodies(asked)[0]["Targets"][0]["@odata.type"] == "Microsoft.Dynamics.CRM.contact"


@pytest.mark.parametrize("kind", ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"])
def test_one_bad_row_costs_no_other(client: DataverseClient, server: ScriptedServer, kind: Kind) -> None:
    refuse(server, 37, 141)
    outcomes = write_rows(client, table(ALL), kind, rows(200))
    assert [number for number, outcome in enumerate(outcomes) if outcome.error] == [37, 141]
    assert isinstance(outcomes[37].error, BadRequest)
    assert len(server.asked) <= 12  # halving, not one request for each row


@pytest.mark.parametrize(
    ("kind", "method", "condition"),
    [("CreateMultiple", "POST", None), ("UpdateMultiple", "PATCH", b"If-Match: *"), ("UpsertMultiple", "PATCH", None)],
)
def test_tables_without_the_message_take_single_operations(
    client: DataverseClient, server: ScriptedServer, kind: Kind, method: str, condition: bytes | None
) -> None:
    refuse(server, 1)
    outcomes = write_rows(client, table(frozenset()), kind, rows(3))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    (asked,) = server.asked
    assert all(target.startswith(method) for target in targets(asked))
    assert (b"If-Match" in asked.content) == (condition is not None)


def test_a_failure_that_is_no_row_s_fault_is_not_halved(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(batch_answer(failed(503, "")))
    outcomes = write_rows(client, table(ALL), "CreateMultiple", rows(64))
    assert all(isinstance(outcome.error, ServiceUnavailable) for outcome in outcomes)
    assert len(server.asked) == 1


def test_a_missing_id_is_never_guessed(client: DataverseClient, server: ScriptedServer) -> None:
    server.answers(batch_answer(http(200, {"Ids": [str(uuid4())]})))
    with pytest.raises(ProtocolError):
        write_rows(client, table(ALL), "CreateMultiple", rows(2))


def test_no_rows_no_request(client: DataverseClient) -> None:
    assert write_rows(client, table(ALL), "CreateMultiple", []) == []
    assert client.requests_sent == 0
