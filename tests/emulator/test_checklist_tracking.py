"""Lines 38 to 43 of the fidelity checklist: change tracking."""

from __future__ import annotations

import pytest

from .support import Client

TRACK = {"Prefer": "odata.track-changes"}
URL = "contacts?$select=jobtitle"


def _follow(api: Client, url: str, prefer: str = "odata.track-changes") -> tuple[list[dict], str]:
    rows: list[dict] = []
    while True:
        response = api.get(url, headers={"Prefer": prefer})
        assert response.status_code == 200, response.text
        page = response.json()
        rows += page["value"]
        if "@odata.deltaLink" in page:
            return rows, page["@odata.deltaLink"]
        url = page["@odata.nextLink"]


def test_checklist_38_first_pages_end_in_a_delta_link(api: Client) -> None:
    keys = {api.contact() for _ in range(5)}
    response = api.get(URL, headers=TRACK)
    assert response.headers["Preference-Applied"] == "odata.track-changes"
    assert "%21" in response.json()["@odata.deltaLink"].partition("$deltatoken=")[2]
    rows, link = _follow(api, URL, "odata.track-changes,odata.maxpagesize=2")
    assert {row["contactid"] for row in rows} == keys
    assert _follow(api, link)[0] == []


def test_checklist_39_updates_come_in_order_and_then_deletes(api: Client) -> None:
    keys = [api.contact() for _ in range(4)]
    _, link = _follow(api, URL)
    api.patch(f"contacts({keys[2]})", {"jobtitle": "x"})
    api.delete(f"contacts({keys[1]})")
    api.patch(f"contacts({keys[0]})", {"jobtitle": "y"})
    page = api.get(link).json()
    assert page["@odata.context"] == f"{api.base}$metadata#contacts(jobtitle)/$delta"
    assert [row.get("contactid") for row in page["value"]] == [keys[2], keys[0], None]
    assert page["value"][2] == {
        "@odata.context": f"{api.base}$metadata#contacts/$deletedEntity",
        "id": keys[1],
        "reason": "deleted",
    }
    paged, again = _follow(api, link, "odata.track-changes,odata.maxpagesize=1")
    assert paged == page["value"]
    assert _follow(api, again)[0] == []
    token = link.partition("$deltatoken=")[2]
    assert api.get(f"contacts/$count?$deltatoken={token}").text.endswith("3")


def test_checklist_40_created_and_deleted_in_between_shows_the_delete(api: Client) -> None:
    _, link = _follow(api, URL)
    key = api.contact()
    api.delete(f"contacts({key})")
    rows, _ = _follow(api, link)
    assert [row["id"] for row in rows] == [key]


def test_checklist_41_a_token_expires_after_seven_days(api: Client) -> None:
    _, link = _follow(api, URL)
    api.admin("clock", {"advance_seconds": 7 * 86400 - 60})
    assert api.get(link).status_code == 200
    api.admin("clock", {"advance_seconds": 120})
    response = api.get(link)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "0x80044352")


@pytest.mark.parametrize("option", ["$filter=statecode eq 0", "$orderby=lastname", "$top=3", "$expand=createdby"])
def test_checklist_42_other_query_options_are_refused(api: Client, option: str) -> None:
    response = api.get(f"{URL}&{option}", headers=TRACK)
    assert response.status_code == 400
    assert "isn't supported when Change Tracking is enabled" in response.json()["error"]["message"]


def test_checklist_43_not_enabled_for_the_table(api: Client) -> None:
    response = api.get("listmembers", headers=TRACK)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "0x80072491")
    api.admin("reset", {"change_tracking": ["listmember"]})
    assert api.get("listmembers", headers=TRACK).status_code == 200
    assert api.get(URL, headers=TRACK).status_code == 400
