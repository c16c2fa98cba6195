"""Lines 15 to 21 of the fidelity checklist: ETags, conditional requests, upsert, alternate keys."""

from __future__ import annotations

import pytest

from .support import ANNOTATED, REPRESENTATION, Client

MISSING = "contacts(11111111-2222-3333-4444-555555555555)"
KEY = {"SchemaName": "by_employee", "KeyAttributes": ["employeeid"]}


def test_checklist_15_etag_changes_with_each_write(api: Client) -> None:
    url = f"contacts({api.contact()})"
    seen = [api.row(url)["@odata.etag"]]
    for title in ("a", "a", "b"):
        api.patch(url, {"jobtitle": title})
        response = api.get(url)
        assert response.headers["ETag"] == response.json()["@odata.etag"]
        seen.append(response.headers["ETag"])
    assert len(set(seen)) == 4
    assert seen[-1].startswith('W/"')


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_checklist_16_stale_if_match_is_412(api: Client, method: str) -> None:
    url = f"contacts({api.contact()})"
    old = api.row(url)["@odata.etag"]
    api.patch(url, {"jobtitle": "Boss"})
    body = {"jobtitle": "Chef"} if method == "PATCH" else None
    response = api.send(method, url, body, headers={"If-Match": old})
    assert (response.status_code, response.json()["error"]["code"]) == (412, "0x80060882")
    assert api.row(url)["jobtitle"] == "Boss"
    fresh = api.row(url)["@odata.etag"]
    assert api.send(method, url, body, headers={"If-Match": fresh}).status_code == 204


def test_checklist_17_if_match_star_on_a_missing_row_is_404(api: Client) -> None:
    response = api.patch(MISSING, {"lastname": "Doe"}, headers={"If-Match": "*"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "0x80040217")
    assert api.get(MISSING).status_code == 404


def test_checklist_18_if_none_match_star_on_an_existing_row_is_412(api: Client) -> None:
    url = f"contacts({api.contact()})"
    response = api.patch(url, {"jobtitle": "Boss"}, headers={"If-None-Match": "*"})
    assert response.status_code == 412
    assert "already exists" in response.json()["error"]["message"]
    assert api.row(url)["jobtitle"] is None
    assert api.patch(MISSING, {"lastname": "Doe"}, headers={"If-None-Match": "*"}).status_code == 204


def test_checklist_19_get_with_the_current_etag_is_304(api: Client) -> None:
    url = f"contacts({api.contact()})"
    current = {"If-None-Match": api.row(url)["@odata.etag"]}
    assert api.get(url, headers=current).status_code == 304
    assert api.get(f"{url}?$expand=createdby", headers=current).status_code == 200
    assert api.get(url, headers={**current, **ANNOTATED}).status_code == 200
    api.patch(url, {"jobtitle": "Boss"})
    assert api.get(url, headers=current).status_code == 200


def test_checklist_20_patch_creates_and_then_updates(api: Client) -> None:
    created = api.patch(MISSING, {"lastname": "Doe"})
    assert created.status_code == 204
    assert created.headers["OData-EntityId"] == api.base + MISSING
    assert api.row(MISSING)["lastname"] == "Doe"
    assert api.patch(MISSING, {"jobtitle": "Boss"}).status_code == 204
    assert api.row(MISSING)["lastname"] == "Doe"
    assert api.post("contacts", {"contactid": MISSING[9:-1], "lastname": "Twice"}).status_code == 412


def test_checklist_21_upsert_by_alternate_key(api: Client) -> None:
    by_key = "contacts(employeeid='E 1')"
    assert api.patch(by_key, {"lastname": "Doe"}).status_code == 400  # not defined yet
    assert api.post("EntityDefinitions(LogicalName='contact')/Keys", KEY).status_code == 204
    created = api.patch(by_key, {"lastname": "Doe"}, headers=REPRESENTATION)
    assert (created.status_code, created.json()["employeeid"]) == (201, "E 1")
    updated = api.patch(by_key, {"lastname": "Kim", "employeeid": "ignored"})
    assert updated.status_code == 204
    assert updated.headers["OData-EntityId"] == f"{api.base}contacts(employeeid='E%201')"
    assert api.row("contacts(employeeid='e 1')")["lastname"] == "Kim"
    assert api.get("contacts(employeeid='E 2')").status_code == 404
    assert api.post("contacts", {"lastname": "Twin", "employeeid": "E 1"}).json()["error"]["code"] == "0x80060892"
    assert api.patch("contacts(employeeid='a%2Bb')", {"lastname": "Plus"}).status_code == 400
