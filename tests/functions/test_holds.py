"""What waits for a person, and what a person's word does, over HTTP."""

from __future__ import annotations

import time

import pytest

from local.company import CONTOSO, FABRIKAM
from tests.functions.conftest import Deployment, wait_until

OUT, IN = 534120002, 534120001


def held_flag(deployment: Deployment) -> tuple[str, str, str]:
    """Have a flag set, then cleared without proof; gives the contact, its address and the hold's id."""
    contact, address = deployment.add_contact()
    deployment.people.update(f"contacts({contact})", {"donotbulkemail": True})
    deployment.idle()
    before = {hold["id"] for hold in deployment.call("GET", "api/holds").json()["holds"]}
    deployment.people.update(f"contacts({contact})", {"donotbulkemail": False})
    deployment.idle()
    (hold,) = [h for h in deployment.call("GET", "api/holds").json()["holds"] if h["id"] not in before]
    assert (hold["location"], hold["rule"], hold["says"], hold["stands"]) == (
        "flag/donotbulkemail", "hold-loosened", "silent", "out",
    )  # fmt: skip
    return contact, address, hold["id"]


def next_second() -> None:
    """Let the clock go on: within one second an opt-out wins, whatever came after it."""
    now = int(time.time())
    wait_until(lambda: int(time.time()) > now + 1)


def flag_of(deployment: Deployment, contact: str) -> bool:
    return deployment.people.get(f"contacts({contact})", {"$select": "donotbulkemail"})["donotbulkemail"]


def test_applying_a_hold_opens_both_sides(deployment: Deployment) -> None:
    contact, address, hold = held_flag(deployment)
    assert flag_of(deployment, contact)
    next_second()
    answer = deployment.call(
        "POST", f"api/holds/{hold}/settle", json={"verdict": "apply", "by": "Kim", "why": "asked by phone"}
    )
    assert (answer.status_code, answer.json()) == (200, {"id": hold, "queued": 1})
    wait_until(lambda: not flag_of(deployment, contact))
    wait_until(lambda: set(deployment.consent_of(address).values()) == {IN})
    assert set(deployment.consent_of(address)) == {CONTOSO.commercial, FABRIKAM.commercial}


def test_dismissing_a_hold_leaves_the_opt_out(deployment: Deployment) -> None:
    contact, address, hold = held_flag(deployment)
    answer = deployment.call(
        "POST", f"api/holds/{hold}/settle", json={"verdict": "dismiss", "by": "Kim", "why": "a slip"}
    )
    assert answer.json()["queued"] == 0
    deployment.idle()
    assert flag_of(deployment, contact)
    assert set(deployment.consent_of(address).values()) == {OUT}
    again = deployment.call("POST", f"api/holds/{hold}/settle", json={"verdict": "apply", "by": "Kim", "why": "no"})
    assert (again.status_code, again.headers["Content-Type"]) == (409, "application/problem+json")


@pytest.mark.parametrize("body", [{}, {"verdict": "apply"}, {"verdict": "maybe", "by": "Kim", "why": "x"}])
def test_a_settlement_without_a_verdict_a_name_or_a_reason_is_refused(
    deployment: Deployment, body: dict[str, str]
) -> None:
    assert deployment.call("POST", "api/holds/1/settle", json=body).status_code == 400


def test_holds_tell_their_number_and_the_age_of_the_oldest(deployment: Deployment) -> None:
    held_flag(deployment)
    view = deployment.call("GET", "api/holds").json()
    assert view["count"] == len(view["holds"]) > 0
    assert view["oldest"] == min(hold["opened"] for hold in view["holds"])
    assert all(hold["explanation"] and hold["reason"] for hold in view["holds"])
