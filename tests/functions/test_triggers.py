"""Every function, invoked by the real worker, over the real protocols."""

from __future__ import annotations

import uuid

from consent_sync.tenant import tables
from local.company import CONTOSO, FABRIKAM
from tests.functions.conftest import Deployment, wait_until

OUT, IN = 534120002, 534120001
TRIGGERS = {
    "dataverse_events": "http",
    "reconcile": "queue",
    "resync_page": "queue",
    "sweep": "timer",
    "drift": "timer",
    "audit": "timer",
    "resync": "http",
    "apply_plan": "http",
    "undo": "http",
    "cancel": "http",
    "resume": "http",
    "plan": "http",
    "resync_status": "http",
    "runs": "http",
    "intake": "http",
    "holds": "http",
    "settle": "http",
    "parked": "http",
    "replay_parked": "http",
    "explain": "http",
    "explain_page": "http",
    "explained_page": "http",
    "page": "http",
    "status": "http",
    "health": "http",
    "openapi": "http",
}


def test_the_worker_indexes_every_function(deployment: Deployment) -> None:
    functions = deployment.call("GET", "admin/host/status").json()["functions"]
    assert {name: function["trigger"] for name, function in functions.items()} == TRIGGERS


def test_an_event_of_dataverse_carries_an_opt_out_across(deployment: Deployment) -> None:
    contact, address = deployment.add_contact()
    deployment.idle()
    assert deployment.consent_of(address) == {}
    deployment.people.update(f"contacts({contact})", {"donotbulkemail": True})
    wait_until(lambda: len(deployment.consent_of(address)) == 2)
    assert deployment.consent_of(address) == {CONTOSO.commercial: OUT, FABRIKAM.commercial: OUT}


def test_our_own_writes_come_back_as_events_and_wake_nobody(deployment: Deployment) -> None:
    contact, address = deployment.add_contact()
    deployment.idle()
    before = deployment.emulator.log.since(0)[-1]["seq"]
    deployment.people.update(f"contacts({contact})", {"donotbulkemail": True})
    deployment.idle()
    batches = [entry for entry in deployment.emulator.log.since(before) if entry["url"] == "$batch"]
    assert len(batches) == 2, "one to read, one to write, and none for the events of the two rows written"
    assert len(deployment.consent_of(address)) == 2


def test_the_sweep_finds_what_a_lost_event_would_have_told(deployment: Deployment) -> None:
    deployment.fire("sweep")
    deployment.idle()
    contact, address = deployment.add_contact()
    deployment.idle()
    deployment.faults(webhooks={"drop": -1})
    deployment.people.update(f"contacts({contact})", {"donotbulkemail": True})
    deployment.idle()
    assert deployment.consent_of(address) == {}
    deployment.fire("sweep")
    deployment.idle()
    assert set(deployment.consent_of(address).values()) == {OUT}


def test_the_timer_gets_tokens_of_change_tracking_and_sweeps_by_them_from_then_on(deployment: Deployment) -> None:
    for _ in range(3):
        deployment.fire("sweep")
        deployment.idle()
    runs = deployment.call("GET", "api/runs").json()["runs"]
    assert any((run["kind"], run["state"]) == ("track", "done") for run in runs)
    latest = next(run for run in runs if run["kind"] == "sweep")
    assert latest["tracked"] == ["contact", "lead", tables.ROW_TABLE]
    assert latest["state"] == "done"


def test_the_sweep_finds_who_left_a_list_without_an_event(deployment: Deployment) -> None:
    subscription = FABRIKAM.subscriptions[0]
    contact, address = deployment.add_contact()
    deployment.join(contact, subscription.list)
    deployment.idle()
    deployment.faults(webhooks={"drop": -1})
    deployment.leave(contact, subscription.list)
    deployment.fire("sweep")
    deployment.idle()
    assert deployment.consent_of(address) == {subscription.topic: OUT}


def test_a_resync_of_one_contact_point_repairs_that_one(deployment: Deployment) -> None:
    deployment.faults(webhooks={"drop": -1})
    (_, first), (_, second) = (deployment.add_contact(donotbulkemail=True) for _ in range(2))
    run = deployment.resync({"contact_point": {"channel": "email", "value": f" {first.upper()} "}})
    assert (run["state"], run["written"], run["scope"]) == ("done", 2, "contact point")
    assert set(deployment.consent_of(first).values()) == {OUT}
    assert deployment.consent_of(second) == {}


def test_a_dry_run_says_what_it_would_do_and_does_nothing(deployment: Deployment) -> None:
    deployment.faults(webhooks={"drop": -1})
    contact, address = deployment.add_contact(donotbulkemail=True)
    run = deployment.resync({"record": {"table": "contact", "id": contact}}, dry_run=True)
    assert (run["state"], run["written"]) == ("done", 0)
    assert [(p["brand"], p["rule"], p["count"]) for p in run["planned"]] == [
        ("contoso", "out-covers-narrower", 1),
        ("fabrikam", "out-covers-narrower", 1),
    ]
    assert deployment.consent_of(address) == {}


def test_a_resync_of_everything_ends_and_the_next_writes_nothing(deployment: Deployment) -> None:
    first = deployment.resync({"all": True})
    second = deployment.resync({"all": True})
    assert first["state"] == second["state"] == "done"
    assert first["read"] == second["read"] > 50
    assert (second["written"], second["planned"]) == (0, [])


def test_resyncs_of_a_brand_a_list_and_a_time_end(deployment: Deployment) -> None:
    for scope in ({"brand": "contoso"}, {"list": CONTOSO.subscriptions[0].list}, {"since": "2026-01-01T00:00:00Z"}):
        assert deployment.resync(scope)["state"] == "done", scope


def test_a_resync_of_one_brand_leaves_the_other_brand_alone(deployment: Deployment) -> None:
    deployment.faults(webhooks={"drop": -1})
    _, address = deployment.add_contact(donotbulkemail=True)
    deployment.resync({"brand": "fabrikam"})
    assert deployment.consent_of(address) == {FABRIKAM.commercial: OUT}


def test_status_shows_the_mode_and_the_latest_runs(deployment: Deployment) -> None:
    run = deployment.resync({"since": "2026-01-01T00:00:00Z"})
    status = deployment.call("GET", "api/status").json()
    assert (status["mode"], status["troubles"]) == ("two-way", [])
    assert run["id"] in {shown["id"] for shown in status["runs"]}
    assert run in deployment.call("GET", "api/runs").json()["runs"]


def test_health_says_one_word_without_a_key(deployment: Deployment) -> None:
    answer = deployment.call("GET", "api/health", key=None)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_management_needs_the_key(deployment: Deployment) -> None:
    for method, path in (("POST", "api/resync"), ("GET", f"api/resync/{uuid.uuid4().hex}"), ("GET", "api/status")):
        assert deployment.call(method, path, key=None).status_code == 401
        assert deployment.call(method, path, key="wrong").status_code == 401


def test_an_unknown_run_is_not_found(deployment: Deployment) -> None:
    answer = deployment.call("GET", "api/resync/0")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_new_rows_belong_to_the_owner_of_their_purpose(deployment: Deployment) -> None:
    contact, address = deployment.add_contact()
    deployment.people.update(f"contacts({contact})", {"donotbulkemail": True})
    deployment.idle()
    condition = f"msdynmkt_contactpointvalue eq '{address}'"
    rows = list(
        deployment.people.list_rows(tables.ROW_SET, select=(tables.PURPOSE_ID, "_ownerid_value"), filter=condition)
    )
    owners = {p["msdynmkt_purposeid"]: p["_ownerid_value"] for p in deployment.people.list_rows("msdynmkt_purposes")}
    assert [row["_ownerid_value"] for row in rows] == [owners[row[tables.PURPOSE_ID]] for row in rows]
