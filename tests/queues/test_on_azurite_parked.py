"""What was given up: shown with its cause and without a name, and put back once the cause is mended."""

from __future__ import annotations

from typing import Any

from azure.storage.queue import QueueServiceClient, TextBase64EncodePolicy

from consent_sync.consent.model import RecordRef
from consent_sync.ports.wake import PageTurn, Wake
from tests.functions.conftest import Deployment, wait_until
from tests.queues.test_on_azurite_bursts import event_of


def parked(deployment: Deployment) -> dict[str, Any]:
    return deployment.call("GET", "api/parked").json()


def replay(deployment: Deployment, **what: Any) -> Any:
    return deployment.call("POST", "api/parked/replay", json=what)


def test_a_wake_that_was_given_up_says_why_and_nobody_is_named(impatient: Deployment) -> None:
    contact, address = impatient.add_contact(donotbulkemail=True)
    impatient.faults(requests=[{"path": "$batch", "status": 403, "count": -1}])
    assert impatient.event(event_of(contact, address)).status_code == 202
    wait_until(lambda: parked(impatient)["count"] == 1, 40)
    view = parked(impatient)
    (message,) = view["messages"]
    assert (message["queue"], message["about"]) == ("wakes", "1 contact point, 1 record")
    assert (message["error"], message["tries"], message["run"]) == ("PrivilegeMissing", 5, None)
    assert view["causes"] == [{"error": "PrivilegeMissing", "count": 1, "first": message["parked"]}]
    log = impatient.log.read_text(encoding="utf-8")
    assert address.lower() not in (str(view) + log).lower()

    impatient.faults(requests=[])
    assert replay(impatient, ids=[message["id"]]).json() == {"replayed": 1}
    wait_until(lambda: len(impatient.consent_of(address)) == 2)
    assert parked(impatient) == {"count": 0, "causes": [], "messages": []}


def test_what_the_host_gave_up_by_itself_is_shown_without_a_cause_and_replayed_with_all(
    impatient: Deployment, azurite: str
) -> None:
    contact, address = impatient.add_contact(donotbulkemail=True)
    service = QueueServiceClient.from_connection_string(azurite)
    texts = {
        "wakes": Wake(records=(RecordRef("contact", contact),)).to_json(),
        "resync-pages": PageTurn("gone", "contact", 3).to_json(),
    }
    for queue, text in texts.items():
        client = service.get_queue_client(f"{queue}-poison", message_encode_policy=TextBase64EncodePolicy())
        if queue != "wakes":  # the other test made that one
            client.create_queue()
        client.send_message(text)
    shown = {m["queue"]: (m["about"], m["run"], m["error"]) for m in parked(impatient)["messages"]}
    assert shown == {"wakes": ("1 record", None, None), "resync-pages": ("page 3 of contact", "gone", None)}
    assert replay(impatient, all=True).json() == {"replayed": 2}
    wait_until(lambda: len(impatient.consent_of(address)) == 2)
    wait_until(lambda: not any(impatient.queued().values()))


def test_replaying_what_is_not_there_is_told(impatient: Deployment) -> None:
    answer = replay(impatient, ids=["nothing"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert replay(impatient).status_code == 400
    assert replay(impatient, all=True, ids=["x"]).status_code == 400
    assert replay(impatient, all=True).json() == {"replayed": 0}
    assert impatient.call("POST", "api/parked/replay", key=None, json={"all": True}).status_code == 401
