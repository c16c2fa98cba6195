"""The audit log: what is recorded once auditing is on, and who may read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.emulator import Emulator

from .support import Client

READ = "audits?$select=operation,action,objecttypecode,changedata,_userid_value,createdon&$filter=_objectid_value eq "


@pytest.fixture
def audited(emulator: Emulator, api: Client) -> Client:
    emulator.audit(["contact"])
    return api


def changed(entry: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    found = json.loads(entry["changedata"])["changedAttributes"]
    return {change["logicalName"]: (change["oldValue"], change["newValue"]) for change in found}


def test_nothing_is_recorded_before_auditing_is_on_for_the_environment(api: Client) -> None:
    assert api.values(f"{READ}{api.contact()}") == []
    assert api.get("EntityDefinitions(LogicalName='contact')").json()["IsAuditEnabled"]["Value"] is True


def test_an_update_is_recorded_with_old_and_new_values_as_text(audited: Client) -> None:
    key = audited.contact(jobtitle="Cook")
    audited.patch(f"contacts({key})", {"jobtitle": "Chef", "donotbulkemail": True, "preferredcontactmethodcode": 2})
    (entry,) = audited.values(f"{READ}{key} and operation eq 2")
    assert (entry["action"], entry["objecttypecode"]) == (2, "contact")
    assert changed(entry) == {
        "jobtitle": ("Cook", "Chef"),
        "donotbulkemail": ("False", "True"),
        "preferredcontactmethodcode": ("1", "2"),
    }
    assert entry["_userid_value"] == audited.get("WhoAmI").json()["UserId"]
    assert entry["createdon"].endswith("Z")


def test_what_changes_nothing_is_not_recorded(audited: Client) -> None:
    key = audited.contact(jobtitle="Cook")
    audited.patch(f"contacts({key})", {"jobtitle": "Cook"})
    assert len(audited.values(f"{READ}{key}")) == 1


def test_creating_deactivating_and_deleting_are_recorded(audited: Client) -> None:
    key = audited.contact()
    audited.patch(f"contacts({key})", {"statecode": 1, "statuscode": 2})
    audited.delete(f"contacts({key})")
    entries = audited.values(f"{READ}{key}&$orderby=operation")
    assert [(entry["operation"], entry["action"]) for entry in entries] == [(1, 1), (2, 5), (3, 3)]


def test_a_table_whose_auditing_is_off_is_not_recorded(audited: Client) -> None:
    created = audited.post("leads", {"lastname": "Lea"})
    key = created.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")
    assert audited.values(f"{READ}{key}") == []


def test_the_log_is_read_only_and_needs_its_own_privilege(emulator: Emulator, audited: Client) -> None:
    assert audited.post("audits", {"operation": 1}).status_code in {400, 405}
    emulator.admin._restrict((), ["prvReadAuditSummary"])
    assert audited.get("audits").status_code == 403


def test_memberships_are_not_audited_here_and_that_is_said(api: Client) -> None:
    answer = api.send("POST", f"{api.url}/_emulator/reset", {"auditing": ["listmember"]})
    assert answer.status_code == 501
