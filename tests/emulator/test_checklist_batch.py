"""Lines 32 to 37 of the fidelity checklist: $batch."""

from __future__ import annotations

import re

from .support import GUID, Client, batch_body, change_set, operation, send_batch, statuses

GONE = "contacts(11111111-2222-3333-4444-555555555555)"


def test_checklist_32_parts_are_answered_in_order(api: Client) -> None:
    key = api.contact()
    parts = [
        operation("POST", "contacts", {"lastname": "New"}),
        operation("GET", f"/api/data/v9.2/contacts({key})?$select=lastname"),
        operation("PATCH", f"{api.base}contacts({key})", {"jobtitle": "Boss"}),
        operation("GET", "contacts?$select=lastname&$filter=lastname eq 'New'"),
    ]
    response = send_batch(api, parts)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert statuses(response) == [204, 200, 204, 200]
    created = re.search(r"^Location: (\S+)\r$", response.text, re.MULTILINE)
    assert created
    assert f"OData-EntityId: {created[1]}" in response.text
    assert GUID.findall(created[1])[0] in response.text.split("HTTP/1.1")[4]


def test_checklist_33_a_change_set_is_undone_as_a_whole(api: Client) -> None:
    good = change_set([operation("POST", "contacts", {"lastname": name}, content_id=name) for name in "12"])
    assert statuses(send_batch(api, [good])) == [204, 204]
    assert api.get("contacts/$count").text.endswith("2")
    bad = change_set(
        [
            operation("POST", "contacts", {"lastname": "3"}, content_id="1"),
            operation("PATCH", GONE, {"jobtitle": "x"}, content_id="2", extra="If-Match: *"),
        ]
    )
    response = send_batch(api, [bad])
    assert response.status_code == 400
    assert statuses(response) == [404]
    assert "Content-ID: 2" in response.text
    assert api.get("contacts/$count").text.endswith("2")
    reading = change_set([operation("GET", "contacts", content_id="1")])
    assert statuses(send_batch(api, [reading])) == [400]


def test_checklist_34_stops_at_the_first_error_unless_told_to_continue(api: Client) -> None:
    parts = [
        operation("POST", "contacts", {"lastname": "1"}),
        operation("GET", GONE),
        operation("POST", "contacts", {"lastname": "2"}),
    ]
    stopped = send_batch(api, parts)
    assert (stopped.status_code, statuses(stopped)) == (400, [204, 404])
    assert "0x80040217" in stopped.text
    continued = send_batch(api, parts, Prefer="odata.continue-on-error")
    assert (continued.status_code, statuses(continued)) == (200, [204, 404, 204])
    assert api.get("contacts/$count").text.endswith("3")


def test_checklist_35_content_id_references(api: Client) -> None:
    parts = [
        operation("POST", "accounts", {"name": "Contoso"}, content_id="1"),
        operation("POST", "contacts", {"lastname": "A", "parentcustomerid_account@odata.bind": "$1"}, content_id="2"),
        operation("PATCH", "$2", {"jobtitle": "$1 stays text"}, content_id="3"),
        operation("PUT", "/$1/primarycontactid/$ref", {"@odata.id": "$2"}, content_id="4"),
    ]
    assert statuses(send_batch(api, [change_set(parts)])) == [204] * 4
    row = api.values("contacts?$select=jobtitle&$expand=parentcustomerid_account($select=_primarycontactid_value)")[0]
    assert row["jobtitle"] == "$1 stays text"
    assert row["parentcustomerid_account"]["_primarycontactid_value"] == row["contactid"]
    unknown = change_set([operation("PATCH", "$7", {"jobtitle": "x"}, content_id="1")])
    response = send_batch(api, [unknown])
    assert "Content-ID Reference: '$7' does not exist in the batch context." in response.text


def test_checklist_36_more_than_1000_operations_are_refused(api: Client) -> None:
    one = operation("GET", "WhoAmI")
    assert send_batch(api, [one] * 1001).status_code == 400
    nested = change_set([operation("DELETE", GONE, content_id=str(number)) for number in range(1000)])
    assert send_batch(api, [nested, one]).status_code == 400
    assert statuses(send_batch(api, [one] * 1000)) == [200] * 1000


def test_checklist_37_line_feeds_alone_are_tolerated(api: Client) -> None:
    kind = {"Content-Type": "multipart/mixed;boundary=b"}
    body = batch_body("b", [operation("POST", "contacts", {"lastname": "A"}), operation("GET", "WhoAmI")])
    assert statuses(api.post("$batch", body.replace("\r\n", "\n"), headers=kind)) == [204, 200]
    null = batch_body("b", [operation("GET", "WhoAmI") + "null\r\n"]).replace("\r\n", "\n")
    assert statuses(api.post("$batch", null, headers=kind)) == [200]
    assert api.post("$batch", "x", headers=kind).status_code == 400
