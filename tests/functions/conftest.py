"""The whole service as it is deployed: the real worker, the emulator beside it, webhooks between them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.endpoint import WebhookEndpoint
from consent_sync.dataverse.registration import register
from consent_sync.mapping.load import load_mapping
from consent_sync.tenant import tables
from consent_sync.tenant.events import steps
from local.demo.servers import ROOT, Server, free_port
from local.emulator import Emulator

KEY, WEBHOOK_KEY, OLD_WEBHOOK_KEY = "functions-key", "webhook-key", "old-webhook-key"
MAPPING = ROOT / "mapping.example.yaml"
NEVER = "0 0 0 29 2 *"


@dataclass
class Deployment:
    """The running service and the tenant it works in; `people` acts as staff of the tenant do."""

    url: str
    emulator: Emulator
    people: DataverseClient
    log: Path

    def call(self, method: str, path: str, *, key: str | None = KEY, **more: Any) -> requests.Response:
        headers = ({"x-functions-key": key} if key else {}) | more.pop("headers", {})
        return requests.request(method, f"{self.url}/{path}", headers=headers, timeout=30, **more)

    def event(self, body: bytes, key: str | None = WEBHOOK_KEY) -> requests.Response:
        return self.call(
            "POST", "api/dataverse-events", key=None, data=body, headers={"x-webhook-key": key} if key else {}
        )

    def fire(self, function: str) -> None:
        assert self.call("POST", f"admin/functions/{function}", json={}).status_code == 202

    def queued(self) -> dict[str, int]:
        return self.call("GET", "admin/host/status").json()["queues"]

    def idle(self) -> None:
        """Wait until no event is under way and nothing runs or waits."""
        for _ in range(2):
            self.emulator.delivery.settle(20)
            wait_until(lambda: not self._busy())

    def _busy(self) -> bool:
        status = self.call("GET", "admin/host/status").json()
        return bool(status["in_flight"] or any(status["queues"].values()))

    def resync(self, scope: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Ask for a resync, and give its view once it is done or says what is wrong."""
        return self.ended(self.call("POST", "api/resync", json={"scope": scope, "reason": "test", **more}))

    def ended(self, answer: requests.Response) -> dict[str, Any]:
        """Give the view of the run that a call began, once it is done or says what is wrong."""
        assert answer.status_code == 202, answer.text
        where = answer.headers["Location"].lstrip("/")
        wait_until(lambda: (v := self.call("GET", where).json())["state"] != "running" or v["problem"])
        return self.call("GET", where).json()

    def faults(self, **faults: Any) -> None:
        requests.post(f"{self.emulator.url}/_emulator/faults", json=faults, timeout=30).raise_for_status()

    def add_contact(self, **columns: Any) -> tuple[str, str]:
        """Create a contact with an address of its own; gives its id and address."""
        address = f"Person.{uuid.uuid4().hex[:12]}@Example.com"
        return self.people.create("contacts", {"lastname": "Test", "emailaddress1": address, **columns}), address

    def join(self, contact: str, list_id: str) -> None:
        action = Operation("POST", f"lists({list_id})/Microsoft.Dynamics.CRM.AddMemberList", {"EntityId": contact})
        self.people.execute(action)

    def leave(self, contact: str, list_id: str) -> None:
        condition = f"_listid_value eq {list_id} and _entityid_value eq {contact}"
        (member,) = self.people.list_rows("listmembers", select=("listmemberid",), filter=condition)
        self.people.delete(f"listmembers({member['listmemberid']})")

    def consent_of(self, address: str) -> dict[str, int]:
        """What the consent rows of an address say, by the id of their topic or purpose."""
        condition = f"msdynmkt_contactpointvalue eq '{address}'"
        columns = (tables.PURPOSE_ID, tables.TOPIC_ID, tables.CONSENT_VALUE)
        rows = self.people.list_rows(tables.ROW_SET, select=columns, filter=condition)
        return {row[tables.TOPIC_ID] or row[tables.PURPOSE_ID]: row[tables.CONSENT_VALUE] for row in rows}


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.02)


def settings_for(emulator: Emulator, folder: Path, **changed: str) -> dict[str, str]:
    return {
        "DATAVERSE_URL": emulator.url,
        "DATAVERSE_AUTH": "static",
        "DATAVERSE_TOKEN": "service",
        "MAPPING_FILE": str(MAPPING),
        "LEDGER_URL": f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}",
        "LEDGER_HASH_KEY": "hash-key",
        "WEBHOOK_KEYS": f"{WEBHOOK_KEY}, {OLD_WEBHOOK_KEY}",
        "SWEEP_SCHEDULE": NEVER,
        "DRIFT_SCHEDULE": NEVER,
        "AUDIT_SCHEDULE": NEVER,
        "AzureWebJobsStorage": "",
        "CONSENT_SYNC_MODE": "",
        **changed,
    }


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator(contacts=60, seed=7) as emulator:
        yield emulator


@contextmanager
def deployed(emulator: Emulator, folder: Path, app: Path = ROOT, **changed: str) -> Iterator[Deployment]:
    """Run the service beside `emulator`, with `changed` settings."""
    port, log = free_port(), folder / "host.log"
    url = f"http://127.0.0.1:{port}"
    people = DataverseClient(emulator.url, StaticToken("staff@emulator.example", url=emulator.url), tag="")
    settings = settings_for(emulator, folder, **changed)
    arguments = ["local.host", "--port", str(port), "--key", KEY, "--app", str(app)]
    with Server(arguments, settings, "Functions host on", log):
        yield Deployment(url, emulator, people, log)


@pytest.fixture(scope="session")
def _deployment(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(emulator, tmp_path_factory.mktemp("service")) as running:
        endpoint = WebhookEndpoint("consent-sync", f"{running.url}/api/dataverse-events", "x-webhook-key", WEBHOOK_KEY)
        register(running.people, endpoint, steps(load_mapping(MAPPING).file))
        yield running


@pytest.fixture
def deployment(_deployment: Deployment) -> Iterator[Deployment]:
    yield _deployment
    _deployment.faults(webhooks={}, requests=[])
