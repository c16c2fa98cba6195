"""What nobody should send, and a tenant that does not work: clear errors, nothing lost, nobody named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from local.demo.servers import Server, free_port
from local.emulator import Emulator
from local.emulator.seed import ORGANIZATION
from tests.functions.conftest import (
    KEY,
    MAPPING,
    OLD_WEBHOOK_KEY,
    Deployment,
    settings_for,
    wait_until,
)

SECRET_PERSON = "very.private@example.com"
EVENT = {
    "MessageName": "Update",
    "PrimaryEntityName": "contact",
    "PrimaryEntityId": "11111111-1111-4111-8111-111111111111",
    "OrganizationId": ORGANIZATION,
    "InputParameters": [
        {"key": "Target", "value": {"Attributes": [{"key": "emailaddress1", "value": SECRET_PERSON}]}},
    ],
    "PreEntityImages": [],
    "PostEntityImages": [],
}


def event(**changed: Any) -> bytes:
    return json.dumps({**EVENT, **changed}).encode()


def test_an_event_with_either_key_is_accepted(deployment: Deployment) -> None:
    for key in ("webhook-key", OLD_WEBHOOK_KEY):
        answer = deployment.event(event(), key)
        assert (answer.status_code, answer.json()) == (202, {"queued": 1})
    deployment.idle()


@pytest.mark.parametrize(
    ("body", "key", "status", "says"),
    [
        (event(), None, 401, "key is missing or wrong"),
        (event(), "wrong", 401, "key is missing or wrong"),
        (b"not JSON " + SECRET_PERSON.encode(), "webhook-key", 400, "not JSON"),
        (b"[1]", "webhook-key", 400, "not a JSON object"),
        (event(MessageName=""), "webhook-key", 400, "MessageName"),
        (event(PrimaryEntityName=None), "webhook-key", 400, "PrimaryEntityName"),
        (event(OrganizationId="x"), "webhook-key", 400, "OrganizationId"),
        (event(Padding="x" * 256 * 1024), "webhook-key", 400, "256 KB"),
    ],
    ids=["no key", "wrong key", "no JSON", "no object", "no message", "no table", "no organization", "too large"],
)
def test_a_bad_event_is_refused_and_queues_nothing(
    deployment: Deployment, body: bytes, key: str | None, status: int, says: str
) -> None:
    deployment.idle()
    before = deployment.emulator.log.since(0)[-1]["seq"]
    answer = deployment.event(body, key)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    deployment.idle()
    assert deployment.emulator.log.since(before) == []
    assert SECRET_PERSON not in answer.text + deployment.log.read_text(encoding="utf-8")


def test_an_event_about_other_things_is_accepted_and_queues_nothing(deployment: Deployment) -> None:
    assert deployment.event(event(PrimaryEntityName="account")).json() == {"queued": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"scope": {}}',
        b'{"scope": {"all": true, "brand": "contoso"}}',
        b'{"scope": {"all": false}}',
        b'{"scope": {"brand": null}}',
        b'{"scope": {"record": {"table": "account", "id": "11111111-1111-4111-8111-111111111111"}}}',
        b'{"scope": {"record": {"table": "contact", "id": "4711"}}}',
        b'{"scope": {"since": "yesterday"}}',
        b'{"scope": {"all": true}, "dryrun": true}',
    ],
)
def test_a_bad_resync_is_refused_with_a_problem_document(deployment: Deployment, body: bytes) -> None:
    answer = deployment.call("POST", "api/resync", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["detail"]
    assert answer.json()["remedy"]
    assert "very.private" not in answer.text


@pytest.mark.parametrize(
    "point",
    [
        {"channel": "email", "value": "very.private@example"},
        {"channel": "text", "value": "0475 very.private"},
        {"channel": "text", "value": "+32475000000"},
    ],
    ids=["no address", "no number", "a channel that is not mapped"],
)
def test_a_resync_of_what_is_no_contact_point_here_is_refused(deployment: Deployment, point: dict[str, str]) -> None:
    answer = deployment.call("POST", "api/resync", json={"scope": {"contact_point": point}})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert "very.private" not in answer.text


def test_a_resync_of_an_unknown_brand_says_which_there_are(deployment: Deployment) -> None:
    answer = deployment.call("POST", "api/resync", json={"scope": {"brand": "nobody"}})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert "contoso, fabrikam" in answer.json()["detail"]


def test_a_passing_fault_is_not_even_noticed(deployment: Deployment) -> None:
    contact, address = deployment.add_contact()
    deployment.idle()
    deployment.faults(requests=[{"path": "$batch", "status": 429, "retry_after": 1, "count": 2}])
    deployment.people.update(f"contacts({contact})", {"donotbulkemail": True})
    wait_until(lambda: len(deployment.consent_of(address)) == 2)


@pytest.fixture(scope="module")
def broken(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host whose mapping has two mistakes."""
    folder = tmp_path_factory.mktemp("broken")
    text = MAPPING.read_text(encoding="utf-8").replace("opt_out_lists: [c", "optout_lists: [c")
    mapping = folder / "mapping.yaml"
    mapping.write_text(text.replace("members: subscribed\n", "members: perhaps\n", 1), encoding="utf-8")
    port, log = free_port(), folder / "host.log"
    settings = settings_for(emulator, folder, MAPPING_FILE=str(mapping))
    with Server(["local.host", "--port", str(port), "--key", KEY], settings, "Functions host on", log):
        yield f"http://127.0.0.1:{port}/api", log


def test_a_bad_mapping_is_refused_at_start_with_file_line_key_and_remedy(broken: tuple[str, Path]) -> None:
    log = broken[1].read_text(encoding="utf-8")
    assert "mapping.yaml:28: brands.contoso.optout_lists: unknown key. Did you mean 'opt_out_lists'?" in log
    assert "brands.contoso.topics[0].members: unknown list polarity" in log


def test_with_a_bad_mapping_nothing_runs_and_the_status_says_so(broken: tuple[str, Path]) -> None:
    url, _ = broken
    assert requests.get(f"{url}/health", timeout=10).status_code == 503
    answer = requests.get(f"{url}/status", headers={"x-functions-key": KEY}, timeout=10)
    assert answer.status_code == 503
    assert "unknown list polarity" in answer.json()["detail"]
    refused = requests.post(f"{url}/dataverse-events", data=event(), headers={"x-webhook-key": "wrong"}, timeout=10)
    assert refused.status_code == 401
