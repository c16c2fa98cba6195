"""Whether the webhook is still registered as it should be is looked at once an hour, and never stops a sweep."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent_sync.errors import ConsentSyncError
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.operate.watch import EVERY, watch_registration
from tests.functions.conftest import Deployment, wait_until

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", SubjectKeys("hash-key"))
    yield ledger
    ledger.close()


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "consent_sync"]
    return [line for line in lines if line["event"] == "registration-drift"]


def test_what_differs_is_said_once_an_hour(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "consent_sync"):
        for minutes in (0, 5, 55):
            watch_registration(ledger, lambda: ["endpoint: missing", "step x"], NOON + timedelta(minutes=minutes))
        assert said(caplog) == [{"event": "registration-drift", "count": 2, "first": "endpoint: missing"}]
        watch_registration(ledger, lambda: ["endpoint: missing"], NOON + EVERY)
        assert len(said(caplog)) == 2


def test_nothing_is_said_where_nothing_differs(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    watch_registration(ledger, list, NOON)
    assert said(caplog) == []


def test_not_being_able_to_look_is_said_and_stops_nothing(
    ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> list[str]:
        raise ConsentSyncError("a name@example.com that must not be said")

    watch_registration(ledger, refused, NOON)
    assert said(caplog) == [{"event": "registration-drift", "count": 1, "first": "it cannot be read: ConsentSyncError"}]


def test_the_sweep_of_the_running_service_notices_a_step_that_somebody_disabled(deployment: Deployment) -> None:
    steps = list(
        deployment.people.list_rows("sdkmessageprocessingsteps", select=("sdkmessageprocessingstepid", "name"))
    )
    (step, *_) = (row for row in steps if str(row["name"]).startswith("consent-sync"))
    path = f"sdkmessageprocessingsteps({step['sdkmessageprocessingstepid']})"
    deployment.people.update(path, {"statecode": 1, "statuscode": 2})
    try:
        deployment.fire("sweep")
        wait_until(lambda: "registration-drift" in deployment.log.read_text(encoding="utf-8"))
    finally:
        deployment.people.update(path, {"statecode": 0, "statuscode": 1})
        deployment.idle()
