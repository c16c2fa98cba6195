"""Who may call what: the function key alone on a laptop, a signed-in caller with an app role in Azure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from consent_sync.operate.access import Role, caller_of
from consent_sync.operate.endpoints import ENDPOINTS
from local.emulator import Emulator
from tests.functions.conftest import KEY, Deployment, deployed

OID = "5f6e7d8c-0000-4000-8000-000000000001"
ROLE_TYP = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
SCOPE = {"scope": {"since": "2026-01-01T00:00:00Z"}}


def principal(*roles: str, role_typ: str = ROLE_TYP, **changed: Any) -> dict[str, str]:
    """What App Service puts into the headers for a person with these app roles."""
    claims = [
        {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": OID},
        {"typ": "name", "val": "Kim Berg"},
        *({"typ": role_typ, "val": role} for role in roles),
    ]
    told = {"auth_typ": "aad", "role_typ": role_typ, "claims": claims, **changed}
    header = base64.b64encode(json.dumps(told).encode()).decode()
    return {"x-ms-client-principal": header, "x-ms-client-principal-id": OID}


@pytest.fixture(scope="module")
def protected(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The service with App Service authentication switched on."""
    with deployed(emulator, tmp_path_factory.mktemp("protected"), WEBSITE_AUTH_ENABLED="True") as running:
        yield running


FORGED = {
    "no principal": {},
    "no base64": {"x-ms-client-principal": "Kim Berg, approver"},
    "no JSON": {"x-ms-client-principal": base64.b64encode(b"approver").decode()},
    "no claims": {"x-ms-client-principal": base64.b64encode(b'{"auth_typ": "aad"}').decode()},
    "nobody's id": principal("approver") | {"x-ms-client-principal-id": "5f6e7d8c-0000-4000-8000-000000000002"},
    "another provider": principal("approver", auth_typ="github"),
    "without an id": principal("approver", claims=[{"typ": "roles", "val": "approver"}]),
    "too long": principal(*["approver"] * 500),
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
def test_a_missing_or_forged_principal_is_refused(protected: Deployment, headers: dict[str, str]) -> None:
    answer = protected.call("GET", "api/holds", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert "Berg" not in answer.text


def test_the_function_key_is_needed_besides_the_principal(protected: Deployment) -> None:
    assert protected.call("GET", "api/holds", key=None, headers=principal("approver")).status_code == 401


@pytest.mark.parametrize("role", Role)
def test_a_role_opens_what_it_is_for_and_no_more(protected: Deployment, role: Role) -> None:
    headers = principal(role.name.lower())
    allowed = {
        Role.READER: protected.call("GET", "api/runs", headers=headers),
        Role.OPERATOR: protected.call("POST", "api/resync", headers=headers, json=SCOPE),
        Role.APPROVER: protected.call(
            "POST", "api/holds/none/settle", headers=headers, json={"verdict": "dismiss", "why": "a slip"}
        ),
    }
    statuses = {needed: answer.status_code for needed, answer in allowed.items()}
    open_to = {Role.READER: 200, Role.OPERATOR: 202, Role.APPROVER: 409}
    assert statuses == {needed: open_to[needed] if needed <= role else 403 for needed in Role}


@pytest.mark.parametrize("roles", [(), ("Consent.Other",)])
def test_whoever_is_signed_in_without_a_role_sees_nothing(protected: Deployment, roles: tuple[str, ...]) -> None:
    answer = protected.call("GET", "api/status", headers=principal(*roles))
    assert answer.status_code == 403
    assert answer.json()["detail"] == "this needs the app role reader"


@pytest.mark.parametrize("role_typ", [ROLE_TYP, "roles"])
def test_roles_are_read_under_either_name(role_typ: str) -> None:
    caller = caller_of(principal("operator", "reader", role_typ=role_typ), Role.OPERATOR)
    assert (caller.name, caller.role) == (f"Kim Berg ({OID})", Role.OPERATOR)


def test_webhook_and_health_need_no_principal(protected: Deployment) -> None:
    assert protected.call("GET", "api/health", key=None).status_code == 200
    assert protected.event(b"{}").status_code == 400, "the key was right, the event was not"


def test_without_authentication_the_header_names_nobody(deployment: Deployment) -> None:
    forged = principal("approver")
    assert deployment.call("GET", "api/holds", headers=forged).status_code == 200
    settled = deployment.call(
        "POST", "api/holds/none/settle", headers=forged, json={"verdict": "dismiss", "why": "a slip"}
    )
    assert settled.status_code == 422
    assert "nobody is signed in" in settled.json()["detail"]


@pytest.mark.parametrize("path", ["api/resync", "api/holds/none/settle"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
def test_what_a_form_of_another_site_could_send_is_refused(deployment: Deployment, path: str, kind: str) -> None:
    answer = deployment.call("POST", path, data=b'{"scope": {"all": true}}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["Content-Type"]) == (415, "application/problem+json")


def test_a_page_of_another_site_is_refused(deployment: Deployment) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 202)):
        headers = {"Sec-Fetch-Site": site}
        assert deployment.call("POST", "api/resync", json=SCOPE, headers=headers).status_code == status


def test_every_call_that_changes_something_needs_more_than_a_reader() -> None:
    """An explanation is asked for with POST, since an address must not stand in a URL; it only reads."""
    posted = {e.name for e in ENDPOINTS.values() if e.changes and e.role is not None and e.role < Role.OPERATOR}
    assert posted == {"explain", "explained_page"}


def test_a_body_that_is_too_large_is_refused(deployment: Deployment) -> None:
    body = b'{"scope": {"all": true}, "reason": "' + b"x" * 16 * 1024 + b'"}'
    answer = deployment.call("POST", "api/resync", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


def test_a_field_that_nobody_knows_is_refused_and_not_repeated(deployment: Deployment) -> None:
    answer = deployment.call("POST", "api/resync", json={**SCOPE, "very.private@example.com": True})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "body: has a field that is not known"


def test_an_answer_carries_the_id_of_the_request(deployment: Deployment) -> None:
    given = "0A4E6C1D-5F0B-4D1C-9A53-3D1F5C1F7A52"
    named = deployment.call("GET", "api/resync/none", headers={"x-ms-correlation-request-id": given})
    assert named.headers["x-request-id"] == named.json()["request_id"] == given.lower()
    other = deployment.call("GET", "api/resync/none", headers={"x-ms-correlation-request-id": "ann@example.com"})
    assert len(other.headers["x-request-id"]) == 36
    assert KEY not in named.text
