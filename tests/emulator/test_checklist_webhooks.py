"""Lines 46 to 61 of the fidelity checklist: webhooks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.emulator import delivery

from .support import GUID, Client, Sink, change_set, operation, pairs, send_batch, statuses

if TYPE_CHECKING:
    from local.emulator import Emulator

GOLDEN = Path(__file__).parent / "golden" / "update_contact.json"
ADMIN = "admin@emulator.example"
BYPASS = "MSCRM.BypassBusinessLogicExecution"
BYPASS_STEPS = f"{BYPASS}StepIds"


def test_checklist_46_body_is_the_documented_one(api: Client, sink: Sink) -> None:
    step = api.step(api.endpoint(sink.url), "Update", "contact", filteringattributes="firstname,lastname")
    image = api.image_body(step, 1, entityalias="after", attributes="lastname")
    assert api.post("sdkmessageprocessingstepimages", image).status_code == 204
    key = api.contact(lastname="Glynn (sample)", jobtitle="Boss")
    api.patch(f"contacts({key})", {"firstname": "James", "jobtitle": None, "preferredcontactmethodcode": 2})
    assert api.settle() == {"delivered": 1, "failed": 0, "pending": 0}
    body = sink.calls[0].body
    names = {
        key: "<contact>",
        step: "<step>",
        api.me(): "<user>",
        body["CorrelationId"]: "<correlation>",
        body["OperationId"]: "<operation>",
    }
    text = GUID.sub(lambda match: names.get(match[0], "<guid>"), sink.calls[0].text)
    text = re.sub(r"Date\(\d{13}", "Date(<ms>", text)
    assert text == GOLDEN.read_text(encoding="utf-8").replace("\n", "")


def test_checklist_46_create_carries_defaults_and_delete_a_reference(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    api.step(endpoint, "Create", "contact")
    deleting = api.step(endpoint, "Delete", "contact")
    api.post("sdkmessageprocessingstepimages", api.image_body(deleting, 0, attributes="emailaddress1,donotemail"))
    key = api.contact(emailaddress1="a@x.org")
    api.delete(f"contacts({key})")
    api.settle()
    by_name = {call.body["MessageName"]: call for call in sink.calls}
    created = by_name["Create"]
    assert created.target["donotbulkemail"] is False
    assert created.target["statuscode"]["Value"] == 1
    assert created.target["ownerid"]["Id"] == api.me()
    assert "jobtitle" not in created.target
    assert pairs(created.body["OutputParameters"]) == {"id": key}
    deleted = by_name["Delete"]
    assert deleted.parameters["Target"]["__type"].startswith("EntityReference:")
    assert deleted.parameters["Target"]["Id"] == deleted.body["PrimaryEntityId"] == key
    assert deleted.image("image", pre=True) == {"emailaddress1": "a@x.org", "donotemail": False, "contactid": key}
    assert deleted.body["PostEntityImages"] == []


def test_checklist_47_headers(api: Client, sink: Sink) -> None:
    api.step(api.endpoint(sink.url), "Create", "contact")
    api.contact()
    api.settle()
    headers = {name.lower(): value for name, value in sink.calls[0].headers.items()}
    assert headers["x-ms-dynamics-organization"]
    assert headers["x-ms-dynamics-entity-name"] == "contact"
    assert headers["x-ms-dynamics-request-name"] == "Create"
    assert headers["x-ms-correlation-request-id"] == sink.calls[0].body["CorrelationId"]
    assert headers["content-type"].startswith("application/json")
    assert "x-ms-dynamics-msg-size-exceeded" not in headers


def test_checklist_48_authentication_kinds(api: Client, sink: Sink) -> None:
    settings = '<settings><setting name="x-key" value="k1" /><setting name="x-more" value="k2" /></settings>'
    for kind, value in ((4, "code value"), (5, settings), (6, settings)):
        api.step(api.endpoint(sink.url, authtype=kind, authvalue=value), "Create", "contact", rank=kind)
    broken = api.step(api.endpoint(sink.url, authtype=5, authvalue='{"x-key":"k1"}'), "Create", "contact")
    api.contact()
    assert api.settle() == {"delivered": 3, "failed": 1, "pending": 0}
    assert sorted(str(call.query) for call in sink.calls) == sorted(
        ["{'code': ['code value']}", "{}", "{'x-key': ['k1'], 'x-more': ['k2']}"]
    )
    by_header = next(call for call in sink.calls if not call.query)
    assert (by_header.headers["x-key"], by_header.headers["x-more"]) == ("k1", "k2")
    job = api.values(f"asyncoperations?$filter=statuscode eq 31 and _owningextensionid_value eq {broken}")[0]
    assert "0x80050203" in job["message"]


def test_checklist_48_authvalue_cannot_be_read_back(api: Client, sink: Sink) -> None:
    row = api.row(f"serviceendpoints({api.endpoint(sink.url)})")
    assert "authvalue" not in row
    assert row["isauthvalueset"] is True
    assert api.get("serviceendpoints?$select=authvalue").status_code == 400


def test_checklist_49_filtering_attributes_fire_on_presence(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    api.step(endpoint, "Update", "contact", filteringattributes="donotemail, emailaddress1")
    key = api.contact(emailaddress1="a@x.org")
    for body, calls in (({"jobtitle": "x"}, 0), ({"emailaddress1": "a@x.org"}, 1), ({"donotemail": None}, 2)):
        api.patch(f"contacts({key})", body)
        assert api.settle()["delivered"] == calls
    on_create = api.step_body(endpoint, "Create", "contact", filteringattributes="donotemail")
    assert api.post("sdkmessageprocessingsteps", on_create).status_code == 400


def test_checklist_50_images_before_and_after(api: Client, sink: Sink) -> None:
    step = api.step(api.endpoint(sink.url), "Update", "contact")
    wanted = "donotbulkemail,emailaddress1,jobtitle"
    assert api.post("sdkmessageprocessingstepimages", api.image_body(step, 2, attributes=wanted)).status_code == 204
    key = api.contact(emailaddress1="old@x.org")
    api.patch(f"contacts({key})", {"emailaddress1": "new@x.org", "donotbulkemail": True})
    api.settle()
    call = sink.calls[0]
    assert call.image("image", pre=True) == {
        "donotbulkemail": False,
        "emailaddress1": "old@x.org",
        "contactid": key,
    }  # jobtitle has no value, so it is left out
    assert call.image("image")["emailaddress1"] == "new@x.org"
    assert call.image("AsynchronousStepPrimaryName") == {"fullname": "Person", "contactid": key}


def test_checklist_50_impossible_images_and_steps_are_refused(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    create, delete = api.step(endpoint, "Create", "contact"), api.step(endpoint, "Delete", "contact")
    action = api.step(endpoint, "AddMemberList", "list")
    before = api.step(endpoint, "Update", "contact", stage=20, mode=0)
    for body in (
        api.image_body(create, 0, messagepropertyname="Id"),
        api.image_body(create, 1, messagepropertyname="Target"),
        api.image_body(delete, 1),
        api.image_body(action, 0),
        api.image_body(before, 1),
    ):
        assert api.post("sdkmessageprocessingstepimages", body).status_code == 400
    early = api.step_body(endpoint, "Update", "contact", stage=20, mode=1)
    assert api.post("sdkmessageprocessingsteps", early).status_code == 400
    removed = api.create("sdkmessageprocessingstepimages", **api.image_body(before, 0))
    assert api.delete(f"sdkmessageprocessingsteps({before})").status_code == 204
    assert api.get(f"sdkmessageprocessingstepimages({removed})").status_code == 404


def test_checklist_50_steps_for_events_that_never_happen_here_are_501(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    for message in ("CreateMultiple", "SetState"):
        assert api.post("sdkmessageprocessingsteps", api.step_body(endpoint, message, "contact")).status_code == 501
    assert api.step(endpoint, "AddMembersBatchList", "list")


def test_checklist_51_more_than_256_kb_loses_the_data(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    step = api.step(endpoint, "Update", "list")
    api.post("sdkmessageprocessingstepimages", api.image_body(step, 2, attributes="query,listname"))
    key = api.create("lists", listname="News", createdfromcode=2)
    api.patch(f"lists({key})", {"query": "x" * 60_000})
    api.patch(f"lists({key})", {"query": "y" * 90_000})
    api.settle()
    small, large = sorted(sink.calls, key=lambda call: "InputParameters" not in call.body)
    assert "x-ms-dynamics-msg-size-exceeded" not in small.headers
    assert "x-ms-dynamics-msg-size-exceeded" in large.headers
    for name in ("InputParameters", "PreEntityImages", "PostEntityImages", "ParentContext"):
        assert name not in large.body
    assert large.body["PrimaryEntityId"] == key


def test_checklist_52_gives_up_after_its_time_out(
    api: Client, sink: Sink, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert delivery.TIMEOUT == 60
    assert emulator.delivery.timeout == delivery.TIMEOUT
    monkeypatch.setattr(emulator.delivery, "timeout", 0.1)
    sink.delay = 0.4
    api.step(api.endpoint(sink.url), "Create", "contact")
    api.contact()
    assert api.settle()["failed"] == 1
    assert len(sink.calls) == 1


@pytest.mark.parametrize(
    ("answers", "calls", "failed"),
    [([502], 2, 0), ([503, 504], 2, 1), ([504, 500], 2, 1), ([500], 1, 1), ([404], 1, 1), ([302], 1, 1), ([204], 1, 0)],
)
def test_checklist_53_only_502_503_504_are_tried_once_more(
    api: Client, sink: Sink, answers: list[int], calls: int, failed: int
) -> None:
    sink.statuses = list(answers)
    api.step(api.endpoint(sink.url), "Create", "contact")
    api.contact()
    assert api.settle()["failed"] == failed
    assert len(sink.calls) == calls


def test_checklist_54_system_jobs(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    kept = api.step(endpoint, "Create", "contact", asyncautodelete=False)
    api.contact()
    api.settle()
    url = f"asyncoperations?$filter=_owningextensionid_value eq {kept}&$orderby=createdon,statuscode"
    assert [(row["statecode"], row["statuscode"]) for row in api.values(url)] == [(3, 30)]
    sink.statuses = [500]
    api.contact()
    api.settle()
    assert [(row["statecode"], row["statuscode"]) for row in api.values(url)] == [(3, 30), (3, 31)]
    api.patch(f"sdkmessageprocessingsteps({kept})", {"asyncautodelete": True})
    sink.statuses = [200, 500]
    api.contact()
    api.settle()
    api.contact()
    api.settle()
    assert [row["statuscode"] for row in api.values(url)] == [30, 31, 31]


def test_checklist_54_a_disabled_step_is_silent(api: Client, sink: Sink) -> None:
    step = api.step(api.endpoint(sink.url), "Create", "contact")
    for state, status, calls in ((1, 2, 0), (0, 1, 1)):
        api.patch(f"sdkmessageprocessingsteps({step})", {"statecode": state, "statuscode": status})
        api.contact()
        assert api.settle()["delivered"] == calls


def test_checklist_55_a_failing_synchronous_step_undoes_the_operation(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    api.step(endpoint, "Update", "contact", mode=0)
    api.step(endpoint, "Update", "contact", rank=2)
    key = api.contact(jobtitle="old")
    sink.statuses = [500]
    response = api.patch(f"contacts({key})", {"jobtitle": "new"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "0x80040265")
    assert api.row(f"contacts({key})")["jobtitle"] == "old"
    api.settle()
    assert len(sink.calls) == 1  # the asynchronous one never happened
    assert api.patch(f"contacts({key})", {"jobtitle": "new"}).status_code == 204
    api.settle()
    assert [call.body["Mode"] for call in sink.calls] == [0, 0, 1]


def test_checklist_56_tag_reaches_shared_variables(api: Client, sink: Sink) -> None:
    api.step(api.endpoint(sink.url), "Update", "contact")
    key = api.contact()
    api.patch(f"contacts({key})?tag=consent-sync", {"jobtitle": "a"})
    parts = [operation("PATCH", f"contacts({key})?tag=in-set", {"jobtitle": "b"}, content_id="1")]
    send_batch(api, [change_set(parts), operation("PATCH", f"contacts({key})", {"jobtitle": "c"})])
    api.settle()
    tags = {call.target["jobtitle"]: pairs(call.body["SharedVariables"]).get("tag") for call in sink.calls}
    assert tags == {"a": "consent-sync", "b": "in-set", "c": None}


def test_checklist_57_bypass_needs_a_privilege(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    api.step(endpoint, "Update", "contact")
    api.step(endpoint, "Update", "contact", mode=0)
    url = f"contacts({api.contact()})"
    refused = api.patch(url, {"jobtitle": "x"}, headers={BYPASS: "CustomAsync"})
    assert refused.status_code == 403
    assert "prvBypassCustomBusinessLogic" in refused.json()["error"]["message"]
    admin = Client(api.url, ADMIN)
    for value, modes in (("CustomAsync", [0]), ("CustomSync", [1]), ("CustomSync,CustomAsync", [])):
        sink.clear()
        assert admin.patch(url, {"jobtitle": "x"}, headers={BYPASS: value}).status_code == 204
        api.settle()
        assert [call.body["Mode"] for call in sink.calls] == modes


def test_checklist_57_the_privilege_can_be_granted(api: Client, sink: Sink) -> None:
    api.admin("reset", {"privileges": ["prvBypassCustomBusinessLogic"]})
    api.step(api.endpoint(sink.url), "Create", "contact")
    headers = {BYPASS: "CustomAsync"}
    assert api.post("contacts", {"lastname": "A"}, headers=headers).status_code == 204
    assert api.settle()["delivered"] == 0


def test_checklist_58_at_most_three_step_ids(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    steps = [api.step(endpoint, "Update", "contact") for _ in range(4)]
    url = f"contacts({api.contact()})"
    admin = Client(api.url, ADMIN)
    assert admin.patch(url, {"jobtitle": "x"}, headers={BYPASS_STEPS: ",".join(steps)}).status_code == 400
    assert admin.patch(url, {"jobtitle": "x"}, headers={BYPASS_STEPS: ",".join(steps[:3])}).status_code == 204
    api.settle()
    assert [call.body["OwningExtension"]["Id"] for call in sink.calls] == steps[3:]


def test_checklist_59_state_with_other_columns_fires_twice(api: Client, sink: Sink) -> None:
    api.step(api.endpoint(sink.url), "Update", "contact")
    api.patch(f"contacts({api.contact()})", {"jobtitle": "x", "statecode": 1, "statuscode": 2})
    api.settle()
    first, second = sorted(sink.calls, key=lambda call: "statecode" in call.target)
    assert "jobtitle" in first.target
    assert "statecode" not in first.target
    assert "jobtitle" not in second.target
    assert second.target["statecode"]["Value"] == 1


def _updates(api: Client, sink: Sink, number: int) -> list[str]:
    """Titles in the order of delivery, after `number` updates one after the other."""
    endpoint = api.endpoint(sink.url)
    api.step(endpoint, "Update", "contact")
    key = api.contact()
    for title in range(number):
        api.patch(f"contacts({key})", {"jobtitle": str(title)})
    assert api.settle()["pending"] == 0
    return [call.target["jobtitle"] for call in sink.calls]


def test_checklist_60_lost_deliveries(api: Client, sink: Sink) -> None:
    api.admin("faults", {"webhooks": {"drop": 2}})
    assert sorted(_updates(api, sink, 4)) == ["2", "3"]
    api.admin("faults", {"webhooks": {"drop": -1}})
    sink.clear()
    assert _updates(api, sink, 3) == []
    api.admin("faults", {"webhooks": {"drop_tables": ["lead"]}})
    assert len(_updates(api, sink, 1)) == 3  # three steps by now


def test_checklist_60_duplicated_deliveries(api: Client, sink: Sink) -> None:
    api.admin("faults", {"webhooks": {"duplicate": 1}})
    assert sorted(_updates(api, sink, 3)) == ["0", "0", "1", "2"]


def test_checklist_60_delayed_deliveries(api: Client, sink: Sink) -> None:
    api.admin("faults", {"webhooks": {"delay": 0.3}})
    api.step(api.endpoint(sink.url), "Create", "contact")
    api.contact()
    assert api.admin("settle", {"timeout_seconds": 0})["pending"] == 1
    assert sink.calls == []
    assert api.settle()["delivered"] == 1


def test_checklist_60_reordered_deliveries(api: Client, sink: Sink) -> None:
    api.admin("faults", {"webhooks": {"reorder": 3}})
    assert _updates(api, sink, 3) == ["2", "1", "0"]


def test_checklist_60_events_leave_only_after_the_commit(api: Client, sink: Sink) -> None:
    api.step(api.endpoint(sink.url), "Create", "contact")
    parts = [
        operation("POST", "contacts", {"lastname": "1"}, content_id="1"),
        operation("POST", "contacts", {"nonsense": "2"}, content_id="2"),
    ]
    assert statuses(send_batch(api, [change_set(parts)])) == [400]
    assert api.settle() == {"delivered": 0, "failed": 0, "pending": 0}
    assert api.values("asyncoperations") == []
    more = [change_set(parts), operation("POST", "contacts", {"lastname": "3"})]
    assert statuses(send_batch(api, more, Prefer="odata.continue-on-error")) == [400, 204]
    api.settle()
    assert [call.target["lastname"] for call in sink.calls] == ["3"]


def test_checklist_61_a_chain_deeper_than_eight_stops(api: Client, sink: Sink) -> None:
    api.step(api.endpoint(sink.url), "Update", "contact")
    key = api.contact()
    headers: dict[str, str] = {}
    depths = []
    for number in range(9):
        response = api.patch(f"contacts({key})", {"jobtitle": str(number)}, headers=headers)
        if response.status_code != 204:
            assert response.json()["error"]["code"] == "0x80044182"
            break
        api.settle()
        depths.append(sink.calls[-1].body["Depth"])
        headers = {"x-ms-correlation-request-id": sink.calls[-1].headers["x-ms-correlation-request-id"]}
    assert depths == list(range(1, 9))
    assert api.row(f"contacts({key})")["jobtitle"] == "7"
