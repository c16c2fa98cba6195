from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
import requests

from consent_sync.dataverse import odata
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.context import parse
from consent_sync.dataverse.errors import BadRequest
from consent_sync.dataverse.registration import Step, WebhookEndpoint, drift, register, unregister
from tests.dataverse.scripted import Answer, ScriptedServer

KEY = """<k&"e'y> """ + "x" * 20
COLUMNS = ("donotbulkemail", "emailaddress1")
STEPS = (
    Step("Create", "contact", post_image=COLUMNS),
    Step("Update", "contact", columns=COLUMNS, pre_image=("emailaddress1",)),
    Step("Delete", "contact", pre_image=COLUMNS),
    Step("AddMemberList", "list"),
)


@pytest.fixture
def endpoint(server: ScriptedServer) -> WebhookEndpoint:
    server.answers(Answer(202))
    return WebhookEndpoint("consent-sync", f"{server.url}/api/dataverse-events", "x-webhook-key", KEY)


def rows(client: DataverseClient, entity_set: str) -> list[dict[str, object]]:
    return list(client.list_rows(entity_set))


def test_a_first_run_registers_everything_and_a_second_changes_nothing(
    dataverse: DataverseClient, endpoint: WebhookEndpoint
) -> None:
    first = register(dataverse, endpoint, STEPS)
    assert len(first.added) == 1 + len(STEPS) + 3
    assert (first.changed, first.removed, first.missing) == ((), (), ())
    before = rows(dataverse, "sdkmessageprocessingsteps"), rows(dataverse, "sdkmessageprocessingstepimages")
    with dataverse.counting() as counter:
        second = register(dataverse, endpoint, STEPS)
    assert (second.added, second.changed, second.removed) == ((), (), ())
    assert second.endpoint_id == first.endpoint_id
    assert before == (rows(dataverse, "sdkmessageprocessingsteps"), rows(dataverse, "sdkmessageprocessingstepimages"))
    assert counter.requests <= 4
    assert drift(dataverse, endpoint, STEPS) == []


def test_steps_are_asynchronous_after_the_operation_and_clean_up_after_themselves(
    dataverse: DataverseClient, endpoint: WebhookEndpoint
) -> None:
    register(dataverse, endpoint, STEPS)
    steps = rows(dataverse, "sdkmessageprocessingsteps")
    assert {(step["mode"], step["stage"], step["asyncautodelete"], step["statecode"]) for step in steps} == {
        (1, 40, True, 0)
    }
    assert {step["filteringattributes"] for step in steps} == {None, "donotbulkemail,emailaddress1"}


def test_events_arrive_with_the_key_and_the_images(
    dataverse: DataverseClient, endpoint: WebhookEndpoint, server: ScriptedServer
) -> None:
    register(dataverse, endpoint, STEPS)
    contact = dataverse.create("contacts", {"lastname": "Lovelace", "emailaddress1": "ada@example.org"})
    dataverse.update(odata.key("contacts", contact), {"emailaddress1": "countess@example.org"}, tag=False)
    dataverse.update(odata.key("contacts", contact), {"firstname": "Ada"})
    settle(dataverse)
    created, updated = sorted((parse(asked.content) for asked in server.asked), key=lambda event: event.message)
    assert {asked.headers["x-webhook-key"] for asked in server.asked} == {KEY}
    assert (created.message, created.table, created.record_id) == ("Create", "contact", contact)
    assert created.tags == {"consent-sync"}
    assert created.post_images["post"]["emailaddress1"] == "ada@example.org"
    assert updated.tags == frozenset()
    assert updated.target["emailaddress1"] == "countess@example.org"
    assert updated.pre_images["pre"]["emailaddress1"] == "ada@example.org"


def settle(client: DataverseClient) -> None:
    """Wait until the emulator has delivered every event."""
    requests.post(f"{client.url}/_emulator/settle", json={}, timeout=30).raise_for_status()


def test_a_new_key_is_written_though_nobody_can_read_the_old_one(
    dataverse: DataverseClient, endpoint: WebhookEndpoint, server: ScriptedServer
) -> None:
    register(dataverse, endpoint, STEPS)
    register(dataverse, WebhookEndpoint(endpoint.name, endpoint.url, endpoint.header, "next-key"), STEPS)
    dataverse.create("contacts", {"lastname": "Hopper"})
    settle(dataverse)
    assert [asked.headers["x-webhook-key"] for asked in server.asked] == ["next-key"]


def test_what_drifted_is_said_and_put_right(dataverse: DataverseClient, endpoint: WebhookEndpoint) -> None:
    register(dataverse, endpoint, STEPS)
    steps = {str(step["name"]): step for step in rows(dataverse, "sdkmessageprocessingsteps")}
    update = odata.key(
        "sdkmessageprocessingsteps", str(steps["consent-sync: Update of contact"]["sdkmessageprocessingstepid"])
    )
    delete = odata.key(
        "sdkmessageprocessingsteps", str(steps["consent-sync: Delete of contact"]["sdkmessageprocessingstepid"])
    )
    dataverse.update(update, {"filteringattributes": "firstname"})
    dataverse.update(update, {"statecode": 1, "statuscode": 2})
    dataverse.delete(delete)
    (image,) = dataverse.list_rows(f"{update}/sdkmessageprocessingstepid_sdkmessageprocessingstepimage")
    dataverse.update(
        odata.key("sdkmessageprocessingstepimages", image["sdkmessageprocessingstepimageid"]),
        {"attributes": "fullname"},
    )
    assert drift(dataverse, endpoint, STEPS) == [
        "step Update of contact: filteringattributes",
        "step Update of contact: disabled",
        "step Update of contact: image pre attributes",
        "step Delete of contact: missing",
        "step Delete of contact: image pre missing",
    ]
    report = register(dataverse, endpoint, STEPS)
    assert (len(report.added), len(report.changed), report.removed) == (2, 3, ())
    assert drift(dataverse, endpoint, STEPS) == []


def test_an_endpoint_is_a_webhook_with_a_header_and_json(dataverse: DataverseClient, endpoint: WebhookEndpoint) -> None:
    register(dataverse, endpoint, STEPS)
    (row,) = rows(dataverse, "serviceendpoints")
    names = ("contract", "authtype", "connectionmode", "messageformat", "url")
    assert [row[name] for name in names] == [8, 5, 1, 2, endpoint.url]


def test_an_endpoint_without_a_key_is_drift(dataverse: DataverseClient, endpoint: WebhookEndpoint) -> None:
    row = {"name": endpoint.name, "url": endpoint.url, "contract": 8, "authtype": 5, "messageformat": 2}
    dataverse.create("serviceendpoints", row)
    assert drift(dataverse, endpoint, []) == ["endpoint: no key is set"]
    register(dataverse, endpoint, [])
    assert drift(dataverse, endpoint, []) == []


def test_a_moved_endpoint_is_changed_in_place(dataverse: DataverseClient, endpoint: WebhookEndpoint) -> None:
    first = register(dataverse, endpoint, STEPS)
    moved = WebhookEndpoint(endpoint.name, "https://moved.example.org/api/dataverse-events", "x-webhook-key", "k")
    report = register(dataverse, moved, STEPS)
    assert report.changed == ("endpoint: url",)
    assert (report.endpoint_id, report.warnings) == (first.endpoint_id, ())
    (row,) = rows(dataverse, "serviceendpoints")
    assert row["url"] == moved.url


def test_steps_and_images_no_longer_wanted_go_and_those_of_others_stay(
    dataverse: DataverseClient, endpoint: WebhookEndpoint
) -> None:
    other = WebhookEndpoint("somebody else's", endpoint.url, "x-key", "k")
    register(dataverse, other, STEPS)
    register(dataverse, endpoint, STEPS)
    report = register(dataverse, endpoint, [Step("Update", "contact", columns=COLUMNS)])
    assert sorted(report.removed) == [
        "step Update of contact: image pre not wanted",
        "step consent-sync: AddMemberList of list: not wanted",
        "step consent-sync: Create of contact: not wanted",
        "step consent-sync: Delete of contact: not wanted",
    ]
    assert drift(dataverse, other, STEPS) == []


def test_events_that_the_environment_lacks_are_reported_and_not_fatal(
    dataverse: DataverseClient, endpoint: WebhookEndpoint
) -> None:
    steps = [*STEPS, Step("Update", "msdynmkt_nothing"), Step("Undo", "contact")]
    report = register(dataverse, endpoint, steps)
    assert report.missing == (
        "Update of msdynmkt_nothing: no such event here",
        "Undo of contact: no such event here",
    )
    assert drift(dataverse, endpoint, steps) == list(report.missing)


def test_what_dataverse_refuses_is_raised_and_stops_the_rest(dataverse: DataverseClient) -> None:
    refused = WebhookEndpoint("n", "https://app.example.org/" + "x" * 2000, "x-webhook-key", "k")
    with pytest.raises(BadRequest):
        register(dataverse, refused, STEPS)
    assert rows(dataverse, "sdkmessageprocessingsteps") == []


def test_unregister_leaves_nothing_behind(dataverse: DataverseClient, endpoint: WebhookEndpoint) -> None:
    assert unregister(dataverse, "consent-sync") == []
    register(dataverse, endpoint, STEPS)
    assert len(unregister(dataverse, "consent-sync")) == len(STEPS) + 1
    for entity_set in ("serviceendpoints", "sdkmessageprocessingsteps", "sdkmessageprocessingstepimages"):
        assert rows(dataverse, entity_set) == []


@pytest.mark.parametrize(
    ("url", "count"),
    [
        ("https://app.example.org/api/dataverse-events", 0),
        ("http://app.example.org/", 1),
        ("https://app.example.org:7071/", 1),
        ("http://127.0.0.1:7071/", 2),
    ],
)
def test_addresses_that_dataverse_online_would_not_serve_well_are_warned_of(url: str, count: int) -> None:
    assert len(WebhookEndpoint("n", url, "x-webhook-key", "k").warnings()) == count


def test_the_key_is_escaped_xml_and_in_no_repr() -> None:
    endpoint = WebhookEndpoint("n", "https://app.example.org", "x-webhook-key", KEY)
    (setting,) = ET.fromstring(endpoint.auth_value())  # noqa: S314  - written by the code under test
    assert setting.attrib == {"name": "x-webhook-key", "value": KEY}
    assert KEY not in repr(endpoint)


def test_the_longest_key_fits() -> None:
    frame = len(WebhookEndpoint("n", "https://app.example.org", "x-webhook-key", "k").auth_value()) - 1
    longest = WebhookEndpoint("n", "https://app.example.org", "x-webhook-key", "x" * (2048 - frame))
    assert len(longest.auth_value()) == 2048


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "x" * 2048])
def test_keys_that_can_not_travel_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        WebhookEndpoint("n", "https://app.example.org", "x-webhook-key", key)


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("Create", {"columns": ("a",)}),
        ("Create", {"pre_image": ("a",)}),
        ("Delete", {"post_image": ("a",)}),
        ("AddMemberList", {"post_image": ("a",)}),
    ],
)
def test_steps_that_dataverse_refuses_can_not_be_written_down(
    message: str, options: dict[str, tuple[str, ...]]
) -> None:
    with pytest.raises(ValueError, match=f"{message} of contact"):
        Step(message, "contact", **options)
