"""A burst of events through webhook, queue and worker, counted at the tenant."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from consent_sync.dataverse.batch import Operation
from consent_sync.tenant import tables
from local.emulator.seed import ORGANIZATION
from tests.functions.conftest import Deployment, wait_until
from tests.support.figures import Record, show

EVENTS = 1000
MOST_ROUND_TRIPS = 40
OUT = 534120002


def event_of(contact: str, address: str) -> bytes:
    target = {"Attributes": [{"key": "donotbulkemail", "value": True}]}
    image = {"key": "after", "value": {"Attributes": [{"key": "emailaddress1", "value": address}]}}
    return json.dumps(
        {
            "MessageName": "Update",
            "PrimaryEntityName": "contact",
            "PrimaryEntityId": contact,
            "OrganizationId": ORGANIZATION,
            "OperationCreatedOn": f"/Date({int(time.time() * 1000)}+0000)/",
            "InputParameters": [{"key": "Target", "value": target}],
            "PreEntityImages": [],
            "PostEntityImages": [image],
        }
    ).encode()


def opted_out_contacts(deployment: Deployment) -> dict[str, str]:
    """Create people who all stopped bulk mail, without the service hearing of it; gives their addresses by id."""
    deployment.faults(webhooks={"drop": -1})
    people = {str(uuid.uuid4()): f"burst.{number}@example.com" for number in range(EVENTS)}
    rows = [
        Operation(
            "POST",
            "contacts",
            {"contactid": id_, "lastname": "Burst", "emailaddress1": address, "donotbulkemail": True},
        )
        for id_, address in people.items()
    ]
    assert all(response.error is None for response in deployment.people.batch(rows))
    return people


def test_a_thousand_events_cost_at_most_forty_round_trips(deployment: Deployment, record_property: Record) -> None:
    people = opted_out_contacts(deployment)
    deployment.faults(webhooks={})
    before, started = deployment.emulator.log.since(0)[-1]["seq"], time.monotonic()
    with ThreadPoolExecutor(8) as senders:
        answers = senders.map(lambda item: deployment.event(event_of(*item)).status_code, people.items())
        assert set(answers) == {202}
    accepted = time.monotonic() - started
    wait_until(lambda: not any(deployment.queued().values()), 60)
    seconds = time.monotonic() - started
    round_trips = len(deployment.emulator.log.since(before))
    condition = f"startswith({tables.POINT_VALUE},'burst.') and {tables.CONSENT_VALUE} eq {OUT}"
    rows = deployment.people.list_rows(tables.ROW_SET, select=(tables.POINT_VALUE,), filter=condition)
    times = f"accepted in {accepted:.1f} s, worked in {seconds:.1f} s"
    show(record_property, f"burst: {EVENTS:,} events {times}, {round_trips} round trips to Dataverse")
    assert sorted(row[tables.POINT_VALUE] for row in rows) == sorted([*people.values()] * 2), "one row for each brand"
    assert round_trips <= MOST_ROUND_TRIPS
