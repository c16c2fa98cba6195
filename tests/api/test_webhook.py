"""Is the call really from our Dataverse? And what can somebody do who has got hold of the key or of a call?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent_sync.consent.model import Reading
from consent_sync.mapping.load import load_mapping
from consent_sync.operate.webhook import WrongKey, WrongOrganization, wake_from
from consent_sync.ports.wake import Wake
from consent_sync.tenant.tables import OF_PURPOSE, ROW_TABLE, VALUES
from local.emulator import Emulator
from local.emulator.seed import ORGANIZATION
from tests.functions.conftest import MAPPING, WEBHOOK_KEY, Deployment, deployed

CONTACT = "11111111-1111-4111-8111-111111111111"
CORRELATION = "0a4e6c1d-5f0b-4d1c-9a53-3d1f5c1f7a52"
NOW = datetime.now(UTC)


def body(at: datetime = NOW, **changed: Any) -> bytes:
    """An event that says that the contact's flag was set at that time."""
    target = {"Attributes": [{"key": "donotbulkemail", "value": True}]}
    return json.dumps(
        {
            "MessageName": "Update",
            "PrimaryEntityName": "contact",
            "PrimaryEntityId": CONTACT,
            "OrganizationId": ORGANIZATION,
            "OperationId": "22222222-2222-4222-8222-222222222222",
            "OperationCreatedOn": f"/Date({int(at.timestamp() * 1000)})/",
            "InputParameters": [{"key": "Target", "value": target}],
            "PreEntityImages": [],
            "PostEntityImages": [],
            **changed,
        }
    ).encode()


def opt_in(at: datetime) -> bytes:
    """An event that says that a consent row was set to Opted In at that time."""
    row = {
        "msdynmkt_contactpointvalue": "ann@example.com",
        "msdynmkt_contactpointconsenttype": {"Value": OF_PURPOSE},
        "msdynmkt_value": {"Value": VALUES[Reading.IN]},
        "msdynmkt_purposeid": {"LogicalName": "msdynmkt_purpose", "Id": "10000000-0000-0000-0000-000000000003"},
    }
    target = {"Attributes": [{"key": key, "value": value} for key, value in row.items()]}
    changed = {"PrimaryEntityName": ROW_TABLE, "InputParameters": [{"key": "Target", "value": target}]}
    return body(at, **changed)


def wake_of(event: bytes, *, key: str = "key-one", organization: str | None = ORGANIZATION, **headers: str) -> Wake:
    file = load_mapping(MAPPING).file
    given = {"x-webhook-key": key, **headers}
    wake = wake_from(event, given, ("key-one", "key-two"), lambda: file, lambda: organization)
    assert wake is not None
    return wake


@pytest.mark.parametrize("key", ["key-one", "key-two"])
def test_either_key_lets_a_call_in(key: str) -> None:
    assert wake_of(body(), key=key).acts


@pytest.mark.parametrize("key", ["", "key-on", "key-one ", "key-one,key-two", "KEY-ONE"])
def test_nothing_like_a_key_does(key: str) -> None:
    with pytest.raises(WrongKey):
        wake_of(body(), key=key)


def test_a_call_of_another_organization_is_refused() -> None:
    with pytest.raises(WrongOrganization):
        wake_of(body(), organization="5f6e7d8c-0000-4000-8000-000000000001")


def test_before_the_organization_is_known_a_call_is_let_in() -> None:
    assert wake_of(body(), organization=None).records


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=20), timedelta(days=3)])
def test_an_opt_out_that_is_told_late_is_an_opt_out_of_its_time(age: timedelta) -> None:
    (act,) = wake_of(body(NOW - age)).acts
    assert act.reading is Reading.OUT
    assert abs(act.at - (NOW - age)) < timedelta(seconds=1)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=20)])
def test_an_opt_in_proves_its_time_while_the_event_is_fresh(age: timedelta) -> None:
    (act,) = wake_of(opt_in(NOW - age)).acts
    assert act.reading is Reading.IN
    assert abs(act.at - (NOW - age)) < timedelta(seconds=1)


@pytest.mark.parametrize("age", [timedelta(hours=25), timedelta(days=400), timedelta(hours=-1)])
def test_a_stale_opt_in_is_only_looked_after(age: timedelta) -> None:
    wake = wake_of(opt_in(NOW - age))
    assert wake.acts == ()
    assert [point.value for point in wake.points] == ["ann@example.com"]


def test_the_id_of_the_event_goes_on_with_the_wake() -> None:
    assert wake_of(body(), **{"x-ms-correlation-request-id": CORRELATION.upper()}).correlation == CORRELATION
    assert wake_of(body(CorrelationId=CORRELATION)).correlation == CORRELATION
    assert wake_of(body(), **{"x-ms-correlation-request-id": "ann@example.com"}).correlation == ""


@pytest.fixture(scope="module")
def listening(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service of its own that knows its organization, without a webhook: calls come from the tests only."""
    with deployed(emulator, tmp_path_factory.mktemp("listening")) as running:
        running.resync({"since": "2026-01-01T00:00:00Z"})
        yield running


def test_the_running_service_refuses_another_organization(listening: Deployment) -> None:
    assert listening.event(body()).status_code == 202
    answer = listening.event(body(OrganizationId="5f6e7d8c-0000-4000-8000-000000000001"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")


def test_a_replayed_call_causes_another_look_and_changes_nothing(listening: Deployment) -> None:
    contact, address = listening.add_contact()
    listening.people.update(f"contacts({contact})", {"donotbulkemail": True})
    call = body(datetime.now(UTC), PrimaryEntityId=contact)
    listening.event(call)
    listening.idle()
    rows = listening.consent_of(address)
    assert set(rows.values()) == {534120002}
    before = listening.emulator.log.since(0)[-1]["seq"]
    for _ in range(3):
        assert listening.event(call).status_code == 202
    listening.idle()
    looks = listening.emulator.log.since(before)
    assert looks
    assert {entry["url"] for entry in looks} == {"$batch"}, "reading only"
    assert listening.consent_of(address) == rows


def test_a_forged_event_cannot_make_anybody_say_anything(listening: Deployment) -> None:
    """Whoever has the key can say that a flag was set. The flag is not, so at worst the person gets less mail."""
    contact, address = listening.add_contact()
    opened = {"Attributes": [{"key": "donotbulkemail", "value": False}]}
    listening.event(body(PrimaryEntityId=contact, InputParameters=[{"key": "Target", "value": opened}]))
    listening.idle()
    assert listening.consent_of(address) == {}


def test_the_id_of_a_call_goes_with_every_request_that_follows(listening: Deployment) -> None:
    contact, _ = listening.add_contact(donotbulkemail=True)
    before = listening.emulator.log.since(0)[-1]["seq"]
    headers = {"x-webhook-key": WEBHOOK_KEY, "x-ms-correlation-request-id": CORRELATION}
    call = body(PrimaryEntityId=contact)
    assert listening.call("POST", "api/dataverse-events", key=None, data=call, headers=headers).status_code == 202
    listening.idle()
    followed = [entry.get("correlation") for entry in listening.emulator.log.since(before)]
    assert followed
    assert set(followed) == {CORRELATION}
