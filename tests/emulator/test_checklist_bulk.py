"""Lines 28 to 31 of the fidelity checklist: CreateMultiple, UpdateMultiple, UpsertMultiple."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .support import TYPE, Client, Sink

if TYPE_CHECKING:
    from requests import Response

KIND = {"@odata.type": f"{TYPE}contact"}


def _call(api: Client, name: str, *targets: dict[str, object]) -> Response:
    return api.post(f"contacts/{TYPE}{name}", {"Targets": [{**KIND, **target} for target in targets]})


def test_checklist_28_create_multiple_is_all_or_nothing_with_events_per_row(api: Client, sink: Sink) -> None:
    api.step(api.endpoint(sink.url), "Create", "contact")
    good = _call(api, "CreateMultiple", {"lastname": "A"}, {"lastname": "B"})
    assert good.status_code == 200
    assert len(good.json()["Ids"]) == 2
    api.settle()
    assert sorted(call.target["lastname"] for call in sink.calls) == ["A", "B"]
    assert {call.body["MessageName"] for call in sink.calls} == {"Create"}
    bad = _call(api, "CreateMultiple", {"lastname": "C"}, {"lastname": "x" * 51})
    assert bad.status_code == 400
    assert api.settle()["delivered"] == 2
    assert len(api.values("contacts?$select=contactid")) == 2
    assert api.post(f"contacts/{TYPE}CreateMultiple", {"Targets": [{"lastname": "untyped"}]}).status_code == 400


def test_checklist_29_update_multiple(api: Client) -> None:
    keys = [api.contact(), api.contact()]
    done = _call(api, "UpdateMultiple", *({"contactid": key, "jobtitle": "Boss"} for key in keys))
    assert done.status_code == 204
    assert [api.row(f"contacts({key})")["jobtitle"] for key in keys] == ["Boss", "Boss"]
    gone = "11111111-2222-3333-4444-555555555555"
    response = _call(
        api, "UpdateMultiple", {"contactid": keys[0], "jobtitle": "x"}, {"contactid": gone, "jobtitle": "x"}
    )
    assert response.status_code == 404
    assert response.json()["error"]["message"] == f"contact With Ids = {gone} Do Not Exist"
    assert api.row(f"contacts({keys[0]})")["jobtitle"] == "Boss"


def test_checklist_30_upsert_multiple_refuses_the_same_key_twice(api: Client) -> None:
    key = api.contact()
    new = "11111111-2222-3333-4444-555555555555"
    done = _call(api, "UpsertMultiple", {"contactid": key, "jobtitle": "a"}, {"contactid": new, "lastname": "New"})
    assert done.status_code == 204
    assert api.row(f"contacts({new})")["lastname"] == "New"
    twice = _call(api, "UpsertMultiple", {"contactid": key, "jobtitle": "b"}, {"contactid": key, "jobtitle": "c"})
    assert twice.status_code == 400
    assert api.row(f"contacts({key})")["jobtitle"] == "a"
    api.post("EntityDefinitions(LogicalName='contact')/Keys", {"SchemaName": "k", "KeyAttributes": ["employeeid"]})
    named = {"@odata.id": "contacts(employeeid='7')", "lastname": "Seven"}
    assert _call(api, "UpsertMultiple", named).status_code == 204
    assert api.row("contacts(employeeid='7')")["lastname"] == "Seven"


def test_checklist_31_listmember_has_no_bulk_messages(api: Client) -> None:
    response = api.post(f"listmembers/{TYPE}CreateMultiple", {"Targets": [{"@odata.type": f"{TYPE}listmember"}]})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "0x80040800")
    offered = "sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq "
    assert api.values(f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={offered}'contact'")
    assert not api.values(f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={offered}'listmember'")
    steps = "primaryobjecttypecode eq 'listmember' and iscustomprocessingstepallowed eq true"
    allowed = api.values(f"sdkmessagefilters?$filter={steps}&$expand=sdkmessageid($select=name)")
    assert {row["sdkmessageid"]["name"] for row in allowed} == {"Create", "Delete", "Associate", "Disassociate"}
