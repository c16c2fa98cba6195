"""An opt-out that arrived elsewhere, over HTTP."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.company import CONTOSO, FABRIKAM
from tests.functions.conftest import Deployment

OUT = 534120002


def told(address: str, **changed: Any) -> dict[str, Any]:
    body = {
        "whose": {"contact_point": {"value": address}},
        "said": "2026-11-20T09:30:00Z",
        "way": "phone",
        "evidence": "ticket 4711",
        "by": "Kim Berg",
    }
    return {name: value for name, value in {**body, **changed}.items() if value is not None}


def test_an_opt_out_by_phone_reaches_both_sides(deployment: Deployment) -> None:
    contact, address = deployment.add_contact()
    answer = deployment.call("POST", "api/intake", json=told(f" {address.upper()} "))
    assert answer.status_code == 202, answer.text
    assert answer.json() | {"id": ""} == {"id": "", "scopes": ["tenant:commercial"], "repeated": False, "queued": 1}
    deployment.idle()
    assert deployment.consent_of(address) == {CONTOSO.commercial: OUT, FABRIKAM.commercial: OUT}
    assert deployment.people.get(f"contacts({contact})", {"$select": "donotbulkemail"})["donotbulkemail"]


def test_a_brand_means_its_commercial_purposes(deployment: Deployment) -> None:
    _, address = deployment.add_contact()
    answer = deployment.call("POST", "api/intake", json=told(address, scope={"brand": "fabrikam"}))
    assert answer.json()["scopes"] == [f"purpose:{FABRIKAM.commercial}"]
    deployment.idle()
    assert deployment.consent_of(address) == {FABRIKAM.commercial: OUT}


def test_sent_again_it_says_so_and_another_one_under_its_id_is_refused(deployment: Deployment) -> None:
    _, address = deployment.add_contact()
    first = deployment.call("POST", "api/intake", json=told(address, id="ticket-4711"))
    again = deployment.call("POST", "api/intake", json=told(address, id="ticket-4711"))
    assert (first.json()["repeated"], again.json()["repeated"]) == (False, True)
    other = deployment.call("POST", "api/intake", json=told(address, id="ticket-4711", evidence="ticket 4712"))
    assert (other.status_code, other.headers["Content-Type"]) == (409, "application/problem+json")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"said": None}, 400),
        ({"said": "2026-11-20T09:30:00"}, 400),
        ({"evidence": " "}, 400),
        ({"way": "rumour"}, 400),
        ({"id": "ticket 4711"}, 400),
        ({"whose": {}}, 400),
        ({"whose": {"contact_point": {"value": "a@b.example"}, "record": None}}, 400),
        ({"scope": {"brand": None}}, 400),
        ({"opt_in": True}, 400),
        ({"said": "2999-01-01T00:00:00Z"}, 422),
        ({"by": None}, 422),
        ({"by": " "}, 422),
        ({"whose": {"contact_point": {"value": "very.private"}}}, 422),
        ({"whose": {"contact_point": {"channel": "text", "value": "very.private"}}}, 422),
        ({"scope": {"brand": "nobody"}}, 422),
        ({"scope": {"topic": "11111111-1111-4111-8111-111111111111"}}, 422),
    ],
)
def test_what_is_missing_or_unknown_is_refused_and_nobody_is_named(
    deployment: Deployment, changed: dict[str, Any], status: int
) -> None:
    answer = deployment.call("POST", "api/intake", json=told("very.private@example.com", **changed))
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert "very.private" not in answer.text + deployment.log.read_text(encoding="utf-8")


def test_the_log_says_that_and_how_but_not_who(deployment: Deployment) -> None:
    _, address = deployment.add_contact()
    answer = deployment.call("POST", "api/intake", json=told(address, way="letter"))
    deployment.idle()
    log = deployment.log.read_text(encoding="utf-8")
    (line,) = (line for line in log.splitlines() if answer.headers["x-request-id"] in line and '"intake"' in line)
    assert re.search(r'"way": "letter", "scopes": 1, "repeated": false', line)
    assert not any(word in log for word in (address, address.lower(), "Kim Berg", "ticket 4711"))
