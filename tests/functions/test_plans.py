"""A plan that a dry run saves, applying it, and taking back what a run wrote, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from local.company import CONTOSO, FABRIKAM
from tests.functions.conftest import Deployment
from tests.functions.test_holds import flag_of, next_second

OUT, IN = 534120002, 534120001
BOTH = {CONTOSO.commercial: OUT, FABRIKAM.commercial: OUT}


@pytest.fixture
def quiet(deployment: Deployment) -> Deployment:
    """A service that hears of nothing: what happens is found by runs only."""
    deployment.idle()
    deployment.faults(webhooks={"drop": -1})
    return deployment


def plan_for(deployment: Deployment, contact: str) -> tuple[dict[str, Any], dict[str, Any]]:
    run = deployment.resync({"record": {"table": "contact", "id": contact}}, dry_run=True)
    return run, deployment.call("GET", f"api/resync/{run['id']}/plan").json()


def applied(deployment: Deployment, run: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"by": "Kim", "reason": "read and found good", **more}
    return deployment.ended(deployment.call("POST", f"api/resync/{run['id']}/apply", json=body))


def undone(deployment: Deployment, run: dict[str, Any], **more: Any) -> dict[str, Any]:
    return deployment.ended(deployment.call("POST", f"api/resync/{run['id']}/undo", json={"reason": "wrong", **more}))


def test_a_dry_run_saves_a_plan_that_names_places_but_nobody(quiet: Deployment) -> None:
    contact, address = quiet.add_contact(donotbulkemail=True)
    run, plan = plan_for(quiet, contact)
    assert (run["state"], plan["run"], plan["dry_run"], plan["after"]) == ("done", run["id"], True, None)
    assert {(c["location"], c["was"], c["present"], c["to"], c["stage"]) for c in plan["changes"]} == {
        (f"row/purpose:{purpose}", "silent", False, "out", "planned") for purpose in BOTH
    }
    assert all(change["key"].startswith("point:") and change["rule"] for change in plan["changes"])
    assert address.lower() not in str(plan).lower()
    assert quiet.consent_of(address) == {}


def test_applying_a_plan_writes_it(quiet: Deployment) -> None:
    contact, address = quiet.add_contact(donotbulkemail=True)
    run, plan = plan_for(quiet, contact)
    done = applied(quiet, run)
    assert (done["state"], done["kind"], done["written"], done["problem"]) == ("done", "apply", 2, None)
    assert quiet.consent_of(address) == BOTH
    written = quiet.call("GET", f"api/resync/{done['id']}/plan").json()
    assert written["state"] == plan["state"]
    assert {change["stage"] for change in written["changes"]} == {"done"}


def test_a_plan_whose_tenant_has_changed_is_refused_and_names_what_changed(quiet: Deployment) -> None:
    contact, address = quiet.add_contact(donotbulkemail=True)
    run, _ = plan_for(quiet, contact)
    quiet.people.update(f"contacts({contact})", {"donotbulkemail": False})
    done = applied(quiet, run)
    assert (done["state"], done["written"]) == ("refused", 0)
    assert done["problem"].startswith("2 changes are not as planned: point:")
    assert f"row/purpose:{CONTOSO.commercial} was to change" in done["problem"]
    assert "and is not any more" in done["problem"]
    assert quiet.consent_of(address) == {}


def test_a_plan_is_refused_for_what_came_new_as_well(quiet: Deployment) -> None:
    list_id = CONTOSO.subscriptions[0].list
    contact, address = quiet.add_contact(donotbulkemail=True)
    run, _ = plan_for(quiet, contact)
    quiet.people.create(
        "msdynmkt_contactpointconsent4s",
        {
            "msdynmkt_contactpointvalue": address,
            "msdynmkt_contactpointtype": 534120000,
            "msdynmkt_contactpointconsenttype": 534120000,
            "msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({CONTOSO.commercial})",
            "msdynmkt_value": OUT,
        },
    )
    done = applied(quiet, run)
    assert (done["state"], done["written"]) == ("refused", 0)
    assert list_id not in done["problem"]


def test_what_changes_in_other_respects_does_not_make_a_plan_stale(quiet: Deployment) -> None:
    contact, address = quiet.add_contact(donotbulkemail=True)
    run, _ = plan_for(quiet, contact)
    quiet.people.update(f"contacts({contact})", {"lastname": "Renamed"})
    assert applied(quiet, run)["state"] == "done"
    assert quiet.consent_of(address) == BOTH


def test_a_plan_of_one_contact_point_needs_it_again(quiet: Deployment) -> None:
    _, address = quiet.add_contact(donotbulkemail=True)
    run = quiet.resync({"contact_point": {"value": address}}, dry_run=True)
    refused = quiet.call("POST", f"api/resync/{run['id']}/apply", json={"by": "Kim"})
    assert (refused.status_code, "name it again" in refused.json()["detail"]) == (409, True)
    done = applied(quiet, run, contact_point={"value": address})
    assert (done["state"], done["written"]) == ("done", 2)
    assert quiet.consent_of(address) == BOTH


def test_only_a_plan_that_is_complete_can_be_applied_by_somebody(quiet: Deployment) -> None:
    contact, _ = quiet.add_contact(donotbulkemail=True)
    run = quiet.resync({"record": {"table": "contact", "id": contact}})
    again = quiet.call("POST", f"api/resync/{run['id']}/apply", json={"by": "Kim"})
    assert (again.status_code, again.json()["detail"]) == (409, "there is no such plan")
    assert quiet.call("POST", "api/resync/0/apply", json={"by": "Kim"}).status_code == 404
    assert quiet.call("POST", f"api/resync/{run['id']}/apply", json={}).status_code in {400, 422}


def test_undoing_opt_outs_needs_an_approval_and_says_first_what_it_would_do(quiet: Deployment) -> None:
    contact, address = quiet.add_contact()
    quiet.join(contact, CONTOSO.subscriptions[0].list)
    quiet.resync({"record": {"table": "contact", "id": contact}})
    next_second()
    quiet.people.update(f"contacts({contact})", {"donotbulkemail": True})
    run = quiet.resync({"record": {"table": "contact", "id": contact}})
    assert run["written"] == 2
    assert quiet.consent_of(address) == BOTH

    assert undone(quiet, run)["written"] == 0
    assert quiet.consent_of(address) == BOTH

    next_second()
    planned = undone(quiet, run, approve=True, by="Kim", dry_run=True)
    assert (planned["state"], planned["written"]) == ("done", 0)
    changes = quiet.call("GET", f"api/resync/{planned['id']}/plan").json()["changes"]
    assert {(c["location"].split("/")[0], c["was"], c["to"]) for c in changes} == {
        ("row", "out", "in"),
        ("flag", "out", "in"),
    }
    assert quiet.consent_of(address) == BOTH

    done = undone(quiet, run, approve=True, by="Kim")
    assert (done["state"], done["kind"]) == ("done", "undo")
    assert set(quiet.consent_of(address).values()) == {IN}
    assert not flag_of(quiet, contact)


def test_undoing_an_opt_in_restricts_and_needs_nobody(quiet: Deployment) -> None:
    contact, address = quiet.add_contact(donotbulkemail=True)
    for _ in range(2):  # without an event, an opt-in is certainly no older than the last look
        quiet.resync({"record": {"table": "contact", "id": contact}})
        next_second()
    for purpose in BOTH:
        (row,) = quiet.people.list_rows(
            "msdynmkt_contactpointconsent4s",
            select=("msdynmkt_contactpointconsent4id",),
            filter=f"msdynmkt_contactpointvalue eq '{address}' and _msdynmkt_purposeid_value eq {purpose}",
        )
        key = row["msdynmkt_contactpointconsent4id"]
        says = {"msdynmkt_value": IN, "msdynmkt_source": 534120004}
        quiet.people.update(f"msdynmkt_contactpointconsent4s({key})", says)
    run = quiet.resync({"record": {"table": "contact", "id": contact}})
    assert (run["written"], flag_of(quiet, contact)) == (1, False)
    next_second()
    done = undone(quiet, run)
    assert done["state"] == "done"
    assert flag_of(quiet, contact)


def test_an_undo_never_overrides_who_opted_out_since(quiet: Deployment) -> None:
    contact, address = quiet.add_contact(donotbulkemail=True)
    run = quiet.resync({"record": {"table": "contact", "id": contact}})
    next_second()
    quiet.people.update(f"contacts({contact})", {"donotbulkemail": False})
    quiet.people.update(f"contacts({contact})", {"donotbulkemail": True})
    quiet.resync({"record": {"table": "contact", "id": contact}})
    next_second()
    done = undone(quiet, run, approve=True, by="Kim")
    assert (done["state"], done["written"]) == ("done", 0)
    assert quiet.consent_of(address) == BOTH


def test_what_wrote_nothing_cannot_be_undone(quiet: Deployment) -> None:
    contact, _ = quiet.add_contact()
    for dry_run in (True, False):
        run = quiet.resync({"record": {"table": "contact", "id": contact}}, dry_run=dry_run)
        answer = quiet.call("POST", f"api/resync/{run['id']}/undo", json={"approve": True, "by": "Kim"})
        assert answer.status_code == 409
