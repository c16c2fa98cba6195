"""How the service stands, in figures that an operator acts on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.emulator import Emulator
from tests.functions.conftest import Deployment, deployed, wait_until


@pytest.fixture(scope="module")
def alone() -> Iterator[Emulator]:
    with Emulator(contacts=40, seed=3) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def watched(alone: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service with a tenant of its own, so that its figures are known."""
    with deployed(alone, tmp_path_factory.mktemp("watched")) as running:
        running.resync({"all": True})
        running.fire("sweep")
        running.idle()
        yield running


def status(deployment: Deployment) -> dict[str, Any]:
    answer = deployment.call("GET", "api/status")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def told(deployment: Deployment, contact: str, **columns: Any) -> None:
    """Send the event of a change that somebody made just now."""
    from tests.api.test_webhook import body  # noqa: PLC0415  - the same call

    deployment.people.update(f"contacts({contact})", columns)
    assert deployment.event(body(PrimaryEntityId=contact)).status_code == 202


def lines(deployment: Deployment, event: str) -> list[dict[str, Any]]:
    log = deployment.log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line[line.index("{") :]) for line in log if f'{{"event": "{event}"' in line]


def test_every_contact_point_is_in_one_bucket(watched: Deployment) -> None:
    census = status(watched)["census"]
    buckets = [census[name] for name in ("in_step", "pending", "held", "parked")]
    assert sum(buckets) + sum(census["excluded"].values()) == census["contact_points"] > 20
    assert census["excluded"].keys() <= {"no mail can reach it"}


def test_an_opt_out_that_arrived_is_counted_with_its_time(watched: Deployment) -> None:
    contact, _ = watched.add_contact()
    before = status(watched)
    told(watched, contact, donotbulkemail=True)
    watched.idle()
    after = status(watched)
    assert after["arrivals"]["count"] == before["arrivals"]["count"] + 1
    assert sum(bound["count"] for bound in after["arrivals"]["within"]) == after["arrivals"]["count"]
    assert after["late"] == {"count": 0, "more": False, "oldest": None, "seconds": 0.0, "target": "none"}
    assert after["last_event"] is not None
    assert after["budget"]["busiest"] >= after["budget"]["requests"] > 0
    line = lines(watched, "arrived")[-1]
    assert line["writes"] == 2
    assert 0 <= line["seconds"] < 60
    (worked,) = (each for each in lines(watched, "reconciled") if each["correlation"] == line["correlation"])
    assert (worked["points"], worked["written"], worked["error"]) == (1, 2, None)


def test_an_opt_out_that_may_not_be_written_is_late(
    alone: Emulator, watched: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    contact, _ = watched.add_contact()
    with deployed(alone, tmp_path_factory.mktemp("observing"), CONSENT_SYNC_MODE="observe") as observing:
        told(observing, contact, donotbulkemail=True)
        observing.idle()
        late = status(observing)["late"]
        assert (late["count"], late["more"], late["target"]) == (1, False, "minutes")
        assert 0 <= late["seconds"] < 600
        observing.fire("sweep")
        wait_until(lambda: lines(observing, "measured"))
        (line,) = lines(observing, "measured")
        assert (line["late"], line["mode"]) == (1, "observe")
        assert line["oldest_opt_out"] >= late["seconds"]


def test_the_latest_sweep_says_what_it_found(watched: Deployment) -> None:
    watched.add_contact(donotbulkemail=True)
    watched.fire("sweep")
    watched.idle()
    sweep = status(watched)["last_sweep"]
    assert sweep["drift"] >= 2
    watched.fire("sweep")
    wait_until(lambda: any(line["run"] == sweep["run"] for line in lines(watched, "run-over")))
    (line,) = (line for line in lines(watched, "run-over") if line["run"] == sweep["run"])
    assert (line["drift"], line["state"]) == (sweep["drift"], "done")


def test_a_purpose_that_is_not_enforced_is_named(watched: Deployment) -> None:
    assert status(watched)["purposes"] == []
