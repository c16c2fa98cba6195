"""Messages that wait in the queues across an upgrade or a rollback. `golden/` keeps what each version wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent_sync.consent.model import Act, Channel, ContactPoint, Kind, Location, Move, Reading, RecordRef
from consent_sync.ports.wake import PageTurn, Wake
from tests.functions.conftest import Deployment, wait_until

GOLDEN = Path(__file__).parent / "golden"
RUN, LIST, ROW = (
    "0b5e0c1d2f3a4b5c8d7e6f5a4b3c2d1e",
    "6e0f1c2a-0d3b-4c55-9f1e-000000000007",
    "6e0f1c2a-0d3b-4c55-9f1e-000000000009",
)
CONTACT = RecordRef("contact", "6e0f1c2a-0d3b-4c55-9f1e-000000000001")
POINT, BEFORE = (ContactPoint(Channel.EMAIL, f"{name}@example.com") for name in ("golden", "before"))
AT = datetime(2026, 11, 20, 9, 30, 5, tzinfo=UTC)
MEANT = {
    "0.1.0": (
        Wake(
            (POINT,),
            (CONTACT,),
            acts=(Act(Location(CONTACT, Kind.FLAG, "donotbulkemail"), Reading.OUT, AT),),
            moves=(Move(CONTACT, BEFORE),),
        ),
        Wake((POINT,), acts=(Act(Location(POINT, Kind.ROW, f"purpose:{LIST}", ROW), Reading.OUT, AT),)),
        Wake(records=(CONTACT,), acts=(Act(Location(CONTACT, Kind.LIST, LIST), Reading.OUT, AT),)),
        Wake(rows=(ROW,)),
        Wake((POINT,), (CONTACT,), run_id=RUN, dry_run=True),
        PageTurn(RUN, "contact"),
        PageTurn(RUN, f"listmember-{LIST}-gone", 7),
    )
}
VERSIONS = sorted(folder.name for folder in GOLDEN.iterdir())


def queued(version: str, queue: str) -> list[str]:
    return (GOLDEN / version / f"{queue}.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("version", VERSIONS)
def test_messages_of_an_earlier_version_mean_what_they_meant(version: str) -> None:
    wakes = [Wake.from_json(line) for line in queued(version, "wakes")]
    turns = [PageTurn.from_json(line) for line in queued(version, "resync-pages")]
    assert (*wakes, *turns) == MEANT[version]


@pytest.mark.parametrize("version", VERSIONS)
def test_messages_of_a_later_version_are_read_after_a_rollback(version: str) -> None:
    """A later version may say more in a message; what this one knows of it must not change its meaning."""
    later = [json.dumps(json.loads(line) | {"unheard_of": 1}) for line in queued(version, "wakes")]
    assert [Wake.from_json(line) for line in later] == [m for m in MEANT[version] if isinstance(m, Wake)]


def test_an_opt_out_that_waited_in_the_queue_is_carried_across_after_the_upgrade(deployment: Deployment) -> None:
    """The person's act is in the message only: the flag was cleared again before anybody looked."""
    deployment.faults(webhooks={"drop": -1})
    row = {"contactid": CONTACT.id, "lastname": "Golden", "emailaddress1": POINT.value}
    deployment.people.create("contacts", row)
    (waiting,) = (line for line in queued("0.1.0", "wakes") if '"flag"' in line)
    answer = deployment.call("POST", "admin/functions/reconcile", json={"input": waiting})
    assert answer.status_code == 202
    wait_until(lambda: len(deployment.consent_of(POINT.value)) == 2)
    assert set(deployment.consent_of(POINT.value).values()) == {534120002}
