"""What a person may do with a run that does not get on."""

from __future__ import annotations

from azure.storage.queue import QueueServiceClient

from tests.functions.conftest import Deployment, wait_until


def test_a_run_is_cancelled_and_resumed(impatient: Deployment) -> None:
    impatient.faults(requests=[{"method": "GET", "path": "leads?", "status": 403, "count": -1}])
    run = impatient.resync({"all": True})
    assert (run["state"], run["problem"].split(":")[0]) == ("running", "PrivilegeMissing")
    where = f"api/resync/{run['id']}"
    assert impatient.call("POST", f"{where}/cancel").json()["state"] == "cancelled"
    assert impatient.call("POST", f"{where}/cancel").status_code == 409
    impatient.faults(requests=[])
    impatient.idle()
    assert impatient.call("GET", where).json()["state"] == "cancelled"

    assert impatient.call("POST", f"{where}/resume").json()["state"] == "running"
    wait_until(lambda: impatient.call("GET", where).json()["state"] == "done")
    assert impatient.call("POST", f"{where}/resume").status_code == 409
    assert impatient.call("POST", "api/resync/0/cancel").status_code == 404


def test_a_page_that_dataverse_asks_to_wait_is_put_off_and_counts_no_try(impatient: Deployment, azurite: str) -> None:
    impatient.idle()
    impatient.faults(requests=[{"method": "GET", "path": "leads?", "status": 429, "retry_after": 91, "count": 6}])
    run = impatient.resync({"all": True})
    assert run["problem"].startswith("Throttled:")
    wait_until(lambda: '"event": "put-off"' in impatient.log.read_text(encoding="utf-8"))
    assert '"seconds": 101.0' in impatient.log.read_text(encoding="utf-8")
    assert impatient.call("GET", f"api/resync/{run['id']}").json()["state"] == "running"
    assert impatient.call("GET", "api/parked").json()["count"] == 0
    assert impatient.call("POST", f"api/resync/{run['id']}/cancel").json()["state"] == "cancelled"
    QueueServiceClient.from_connection_string(azurite).get_queue_client("resync-pages").clear_messages()
