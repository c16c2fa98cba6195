"""Line 70 of the fidelity checklist: dynamics-web-api from npm, unmodified; `npm/talk.mjs` is what it has to do."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .support import GUID, Client

if TYPE_CHECKING:
    from local.emulator import Emulator

SCRIPT = Path(__file__).parent / "npm" / "talk.mjs"
FORMATTED = "OData.Community.Display.V1.FormattedValue"


@pytest.fixture(scope="module")
def told(emulator: Emulator) -> dict[str, Any]:
    Client(emulator.url).admin("reset", {})
    node = shutil.which("node")
    assert node
    done = subprocess.run([node, str(SCRIPT), emulator.url], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_checklist_70_rows(told: dict[str, Any]) -> None:
    assert GUID.fullmatch(told["create"])
    assert told["create and show"]["lastname"] == "Roe"
    assert (told["retrieve"]["fullname"], told["retrieve"][f"donotemail@{FORMATTED}"]) == ("Ann Doe", "Allow")
    assert told["expand"]["ownerid"]["fullname"] == "Application User"
    assert told["update"] is True
    assert told["update and show"]["jobtitle"] == "Chief"
    assert told["update one column"] is None
    assert (told["delete a column's value"], told["delete"]) == (True, True)
    assert (told["delete again"]["status"], told["delete again"]["code"]) == (404, "0x80040217")


def test_checklist_70_conditions(told: dict[str, Any]) -> None:
    assert told["update a stale version"] is False  # how this client tells a 412
    assert told["upsert"] == "11111111-2222-3333-4444-555555555555"
    assert told["upsert what is there"] is None


def test_checklist_70_queries(told: dict[str, Any]) -> None:
    assert [row["lastname"] for row in told["multiple"]["value"]] == ["Roe", "Poe"]
    assert told["multiple"]["oDataCount"] == 3
    assert "$skiptoken=" in told["multiple"]["oDataNextLink"]
    assert [row["lastname"] for row in told["all"]["value"]] == ["Doe", "Poe", "Roe"]
    assert (told["count"], told["count some"]) == (3, 1)
    assert len(told["fetch"]["value"]) == 3
    assert "$deltatoken=" in told["changes"]["oDataDeltaLink"]


def test_checklist_70_links(told: dict[str, Any]) -> None:
    linked = told["associated"]
    assert linked["_parentcustomerid_value"] == told["account"]
    assert linked["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert told["navigate"]["name"] == "Contoso"
    assert all(told[name] is None for name in ("disassociate", "associate one", "disassociate one"))


def test_checklist_70_operations(told: dict[str, Any]) -> None:
    assert set(told["who am I"]) >= {"UserId", "BusinessUnitId", "OrganizationId"}
    assert told["bound function"] > 50
    assert GUID.fullmatch(told["bound action"]["Id"])
    assert [row["_entityid_value"] for row in told["members"]["value"]] == [told["create"]]
    assert told["unbound action"] is None
    assert len(told["bulk"]["Ids"]) == 1


def test_checklist_70_batches(told: dict[str, Any]) -> None:
    parent, child, updated, found, who = told["batch"]
    assert all(GUID.fullmatch(key) for key in (parent, child))
    assert updated is True
    assert found["value"][0]["parentcustomerid_contact"]["lastname"] == "Parent"
    assert who["UserId"] == told["who am I"]["UserId"]
    assert told["batch with a failure"] == [404, who["UserId"]]


def test_checklist_70_metadata(told: dict[str, Any]) -> None:
    assert [row["LogicalName"] for row in told["entity"]["Attributes"]] == ["lastname"]
    assert set(told["entity"]["Attributes"][0]) == {"@odata.type", "MetadataId", "LogicalName"}
    assert "contact" in told["entities"]
    assert "systemuser" not in told["entities"]
    assert told["attribute"]["MaxLength"] == 50
    assert dict(told["choices"])["msdynmkt_value"] == 3
    assert "contact_customer_accounts" in told["relationships"]
    assert told["relationship"]["IntersectEntityName"] == "listmember"
