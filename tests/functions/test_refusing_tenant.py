"""A tenant that refuses: the work stays in its queue, nothing counts as done, the status says why, nobody is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.emulator import Emulator
from tests.functions.conftest import Deployment, deployed, wait_until


@pytest.fixture(scope="module")
def _refused(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run a service of its own: what is refused waits in its queue for longer than a test should."""
    with deployed(emulator, tmp_path_factory.mktemp("refused")) as running:
        yield running


@pytest.fixture
def refused(_refused: Deployment) -> Iterator[Deployment]:
    _refused.faults(webhooks={"drop": -1}, requests=[])
    yield _refused
    _refused.faults(webhooks={}, requests=[])


def test_a_page_that_fails_half_way_is_not_counted_as_done(refused: Deployment) -> None:
    whole = refused.resync({"all": True})
    refused.faults(requests=[{"method": "GET", "path": "leads?", "status": 403, "count": -1}])
    half = refused.resync({"all": True})
    assert half["problem"].startswith("PrivilegeMissing:")
    assert half["state"] == "running"
    assert half["read"] < whole["read"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 401}, "Unauthorized"),
        ({"status": 403}, "PrivilegeMissing"),
        ({"status": 429, "retry_after": 300}, "Throttled"),
    ],
    ids=["401", "403", "429"],
)
def test_a_refusing_tenant_leaves_the_run_open_and_says_why(
    refused: Deployment, fault: dict[str, Any], kind: str
) -> None:
    refused.faults(requests=[{"path": "$batch", "count": -1, **fault}])
    run = refused.resync({"all": True})
    assert (run["state"], run["finished"]) == ("running", None)
    assert run["problem"].startswith(f"{kind}:")
    assert run["written"] == 0
    wait_until(lambda: refused.call("GET", "admin/host/status").json()["in_flight"] == 0)
    assert refused.queued()["resync-pages"] > 0, "the message is back in its queue"


def test_the_logs_of_all_this_name_nobody(refused: Deployment) -> None:
    _, address = refused.add_contact(donotbulkemail=True)
    refused.faults(requests=[{"path": "$batch", "count": -1, "status": 403}])
    run = refused.resync({"contact_point": {"value": address}})
    assert run["problem"].startswith("PrivilegeMissing:")
    log = refused.log.read_text(encoding="utf-8").lower()
    assert "privilegemissing" in log
    assert "@example.com" not in log + str(run).lower()
