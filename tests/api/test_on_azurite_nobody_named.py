"""Whatever happens, nobody is named: not in logs, answers, figures or the ledger, and in queues only where needed.

Everything that can go wrong goes wrong here, with the people of the sample company, and all that came out is searched.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueServiceClient

from consent_sync.bootstrap import PAGES, WAKES
from consent_sync.dataverse.registration import WebhookEndpoint, register
from consent_sync.mapping.load import load_mapping
from consent_sync.queues.envelope import unwrap
from consent_sync.tenant.events import steps
from local.emulator import Emulator, schema
from tests.api.test_webhook import body
from tests.functions.conftest import KEY, MAPPING, WEBHOOK_KEY, Deployment, deployed, wait_until
from tests.queues.conftest import APP

TOKEN = "token-of-the-service-0f3b4c7e"
CLERK, REASON = "Kim Berg", "she said so to Mr Vandermeulen on the telephone"
STRANGER = "very.private@example.com"


@dataclass
class Heard:
    """Everything that came out: the texts of answers by where they came from, and the queues' messages."""

    answers: dict[str, str] = field(default_factory=dict)
    messages: list[tuple[str, str]] = field(default_factory=list)
    log: str = ""
    ledger: bytes = b""
    people: set[str] = field(default_factory=set)


def people_of(emulator: Emulator) -> set[str]:
    """Every address and full name in the tenant, lower-case."""
    found = set()
    with emulator.store.lock:
        for table, columns in (
            ("contact", ("emailaddress1", "fullname")),
            ("lead", ("emailaddress1", "fullname")),
            ("msdynmkt_contactpointconsent4", ("msdynmkt_contactpointvalue",)),
        ):
            for row in emulator.store.find(schema.BY_NAME[table]):
                found |= {str(row[column]).strip().lower() for column in columns if row.get(column)}
    return {text for text in found if "@" in text or " " in text}


def queued(connection: str) -> list[tuple[str, str]]:
    """The messages of every queue of the service, as they lie there."""
    service = QueueServiceClient.from_connection_string(connection)
    found = []
    for queue in [each for own in (WAKES, PAGES) for each in service.list_queues(name_starts_with=own)]:
        peeked = service.get_queue_client(queue.name).peek_messages(max_messages=32)
        found += [(str(queue.name), base64.b64decode(message.content).decode()) for message in peeked]
    return found


class Drive:
    """Does everything that a day may bring."""

    def __init__(self, service: Deployment, connection: str) -> None:
        self.service, self.connection, self.heard = service, connection, Heard()

    def ask(self, name: str, method: str, path: str, **more: Any) -> requests.Response:
        answer = self.service.call(method, path, **more)
        self.heard.answers[name] = answer.text
        return answer

    def ordinary(self) -> tuple[str, str]:
        """Events, runs, an intake, an explanation, a hold that is settled."""
        contact, address = self.service.add_contact(firstname="Ann", lastname="Vandermeulen")
        self.service.people.update(f"contacts({contact})", {"donotbulkemail": True})
        self.service.idle()
        self.service.people.update(f"contacts({contact})", {"donotbulkemail": False})
        self.service.idle()
        (hold, *_) = self.ask("holds", "GET", "api/holds").json()["holds"]
        settled = {"verdict": "dismiss", "by": CLERK, "why": REASON}
        self.ask("settle", "POST", f"api/holds/{hold['id']}/settle", json=settled)
        whose = {"contact_point": {"value": address}}
        told = {"whose": whose, "way": "phone", "said": "2026-11-20T09:30:00Z", "by": CLERK, "evidence": REASON}
        self.ask("intake", "POST", "api/intake", json=told)
        self.ask("intake again", "POST", "api/intake", json={**told, "id": "x"})
        self.ask("another intake", "POST", "api/intake", json={**told, "id": "x", "evidence": STRANGER})
        self.ask("explain", "POST", "api/contact-points/explain", json=whose)
        self.service.resync(whose_scope(address))
        self.service.resync({"all": True}, dry_run=True)
        self.service.resync({"all": True})
        self.service.fire("sweep")
        self.service.idle()
        return contact, address

    def wrong_requests(self, contact: str) -> None:
        """Addresses wherever a caller could put one."""
        for number, (path, sent) in enumerate(
            [
                ("api/resync", {"scope": whose_scope(STRANGER + " x")}),
                ("api/resync", {"scope": {"brand": STRANGER}}),
                ("api/resync", {"scope": {"all": True}, STRANGER: 1}),
                ("api/resync", [STRANGER]),
                ("api/intake", {"whose": {"contact_point": {"value": "very.private"}}, "way": STRANGER}),
                ("api/contact-points/explain", {"contact_point": {"channel": STRANGER, "value": STRANGER}}),
                (f"api/holds/{STRANGER}/settle", {"verdict": STRANGER, "why": REASON}),
                ("api/parked/replay", {"ids": [STRANGER]}),
            ]
        ):
            self.ask(f"wrong {number}", "POST", path, json=sent)
        self.ask("wrong id", "GET", f"api/resync/{STRANGER}", headers={"x-ms-correlation-request-id": STRANGER})
        for number, event in enumerate((b"no JSON " + STRANGER.encode(), body(OrganizationId=STRANGER), b"[1]")):
            self.heard.answers[f"event {number}"] = self.service.event(event).text
        self.heard.answers["event key"] = self.service.event(body(PrimaryEntityId=contact), STRANGER).text

    def trouble(self, contact: str) -> None:
        """A tenant that throttles, refuses, breaks and hangs up, in the middle of everything."""
        for fault in (
            {"status": 429, "retry_after": 1},
            {"status": 500},
            {"cut": "after"},
            {"cut": "before"},
            {"status": 403},
        ):
            self.service.faults(requests=[{"path": "$batch", "count": 2, **fault}])
            self.service.event(body(PrimaryEntityId=contact))
            self.service.fire("sweep")
            self.heard.messages += queued(self.connection)
            self.service.faults(requests=[])
            self.service.idle()
        self.service.faults(requests=[{"path": "$batch", "count": -1, "status": 403}])
        self.service.people.update(f"contacts({contact})", {"emailaddress1": f"new.{STRANGER}", "donotbulkemail": True})
        wait_until(lambda: self.ask("parked", "GET", "api/parked").json()["count"], 60)
        self.heard.messages += queued(self.connection)
        self.ask("status in trouble", "GET", "api/status")
        self.service.faults(requests=[])
        self.ask("replay", "POST", "api/parked/replay", json={"all": True})
        self.service.idle()

    def look(self) -> Heard:
        for path in ("status", "runs", "holds", "health"):
            self.ask(path, "GET", f"api/{path}")
        self.heard.log = self.service.log.read_text(encoding="utf-8")
        folder = self.service.log.parent
        self.heard.ledger = b"".join(path.read_bytes() for path in sorted(folder.glob("ledger.sqlite*")))
        self.heard.people = people_of(self.service.emulator)
        return self.heard


def whose_scope(address: str) -> dict[str, Any]:
    return {"contact_point": {"channel": "email", "value": address}}


@pytest.fixture(scope="module")
def heard(queues: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    with (
        Emulator(contacts=60, seed=7, token=None) as emulator,
        deployed(
            emulator,
            tmp_path_factory.mktemp("watched"),
            APP,
            DATAVERSE_TOKEN=TOKEN,
            AzureWebJobsStorage=queues,
        ) as service,
    ):
        endpoint = WebhookEndpoint("consent-sync", f"{service.url}/api/dataverse-events", "x-webhook-key", WEBHOOK_KEY)
        register(service.people, endpoint, steps(load_mapping(MAPPING).file))
        drive = Drive(service, queues)
        contact, _ = drive.ordinary()
        drive.wrong_requests(contact)
        drive.trouble(contact)
        yield drive.look()


SECRETS = (TOKEN, KEY, WEBHOOK_KEY, "hash-key")
TYPED = (CLERK.lower(), REASON.lower(), STRANGER, "very.private", "vandermeulen")


def named_in(text: str, people: set[str]) -> set[str]:
    """Whose address or name a text holds."""
    low = text.lower()
    return {person for person in people if person in low} | {word for word in TYPED if word in low}


def test_everything_happened(heard: Heard) -> None:
    events = set(re.findall(r'"event": "([a-z-]+)"', heard.log))
    assert events >= {"reconciled", "arrived", "measured", "run-over", "refused", "intake", "retried", "parked"}
    assert len(heard.people) > 100
    assert {queue for queue, _ in heard.messages} >= {"wakes", "wakes-poison"}


def test_no_log_line_names_anybody_or_holds_a_secret(heard: Heard) -> None:
    assert named_in(heard.log, heard.people) == set()
    log = heard.log.replace(f"(key {KEY})", "")  # the local host says its own key once, when it starts
    assert [secret for secret in SECRETS if secret in log] == []


def test_every_line_of_ours_is_one_json_object(heard: Heard) -> None:
    ours = [line for line in heard.log.splitlines() if " consent_sync: " in line]
    assert len(ours) > 50
    assert all(json.loads(line.partition(" consent_sync: ")[2])["event"] for line in ours)


def test_no_answer_names_anybody_or_holds_a_secret(heard: Heard) -> None:
    found = {name: named_in(text, heard.people) for name, text in heard.answers.items()}
    staff = {"explain": {CLERK.lower(), REASON.lower(), "vandermeulen"}}  # who recorded an act belongs into its proof
    assert {name: names for name, names in found.items() if names - staff.get(name, set())} == {}
    assert [name for name, text in heard.answers.items() if any(secret in text for secret in SECRETS)] == []


def test_messages_hold_addresses_only_where_a_wake_says_where_to_look(heard: Heard) -> None:
    for queue, text in heard.messages:
        wrapped, cause = unwrap(text)
        message = json.loads(wrapped)
        assert named_in(f"{cause}", heard.people) == set()
        for act in message.get("acts", ()):
            act["location"].pop("subject")
        message |= {"points": [], "moves": []} if "points" in message else {}
        assert named_in(json.dumps(message, ensure_ascii=False), heard.people) == set(), queue
        assert not any(secret in text for secret in SECRETS)
        if queue.startswith("resync-pages"):
            assert message.keys() <= {"run_id", "part", "seq"}


def test_the_ledger_holds_no_address_of_anybody(heard: Heard) -> None:
    low = heard.ledger.lower()
    assert {person for person in heard.people if "@" in person and person.encode() in low} == set()
    assert not any(secret.encode() in heard.ledger for secret in SECRETS)
