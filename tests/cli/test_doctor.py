"""``doctor``: names what is wrong, with a remedy, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consent_sync.bootstrap import assemble
from consent_sync.consent import rules
from consent_sync.dataverse.client import DataverseClient
from consent_sync.engine.gates import hold_service
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.mapping.load import load_mapping
from consent_sync.settings import Settings
from consent_sync.tenant.privileges import SERVICE, Privilege
from local.company import CONTOSO
from local.company.brands import setup_rows
from local.emulator import Emulator
from local.emulator.seed import APP_ROLE, PRIVILEGES, fixed_id, privilege_id
from tests.cases.office import mapping_of
from tests.cli.conftest import Ended, FunctionApp, Terminal
from tests.emulator.support import Client

APPLICATION = fixed_id("application")
ADMIN = "admin@emulator.example"


@pytest.fixture
def registered(run: Terminal, function_app: FunctionApp) -> FunctionApp:
    """Everything is as it should be."""
    assert run("register").code == 0
    return function_app


@pytest.fixture
def ledger(settings: dict[str, str]) -> SqliteLedger:
    return SqliteLedger(settings["LEDGER_URL"].removeprefix("sqlite:///"), SubjectKeys("hash-key"))


@pytest.fixture
def without(emulator: Emulator, dataverse: Client) -> Callable[..., None]:
    """Take privileges from the application user."""

    def take(*names: str) -> None:
        dataverse.admin("reset", {"without": names})
        emulator.store.load(setup_rows())

    return take


def found(ended: Ended, *, grade: str, check: str = "") -> list[dict[str, str]]:
    findings: list[dict[str, str]] = ended.json["findings"]
    return [f for f in findings if f["grade"] == grade and check in {"", f["check"]}]


def said(ended: Ended, grade: str, check: str = "") -> str:
    return "\n".join(f"{f['says']} -> {f['remedy']}" for f in found(ended, grade=grade, check=check))


def service_looks(settings: dict[str, str]) -> None:
    service = assemble(Settings.read(settings), load_mapping(settings["MAPPING_FILE"]))
    service.passes.tenant.landscape()
    service.ledger.close()


def test_a_healthy_service_passes_and_nothing_is_changed(
    run: Terminal, dataverse: Client, registered: FunctionApp
) -> None:
    assert registered.url
    before = dataverse.admin("snapshot")
    ended = run("doctor", "--json")
    assert ended.code == 0
    assert [f for f in ended.json["findings"] if f["grade"] not in {"ok", "warning"}] == []
    checked = {f["check"] for f in ended.json["findings"]}
    assert checked >= {"settings", "connection", "identity", "clock", "privileges", "tables", "columns"}
    assert checked >= {"change tracking", "auditing", "mapping", "enforcement", "webhook", "ledger", "mode"}
    assert dataverse.admin("snapshot") == before


def test_whatever_is_not_good_has_a_remedy(run: Terminal, without: Callable[..., None]) -> None:
    without("prvReadContact", "prvWriteLead")
    findings = run("doctor", "--json").json["findings"]
    assert [f for f in findings if f["grade"] != "ok" and not f["remedy"]] == []


@pytest.mark.parametrize("privilege", SERVICE, ids=lambda privilege: privilege.name)
def test_each_missing_privilege_is_named_with_its_table(
    run: Terminal, without: Callable[..., None], privilege: Privilege
) -> None:
    run.set(DATAVERSE_TOKEN=ADMIN, IDENTITY_CLIENT_ID=APPLICATION)
    held = next(name for name in PRIVILEGES if name.lower() == privilege.name.lower())
    without(held)
    ended = run("doctor", "--json")
    assert ended.code == 1
    (finding,) = found(ended, grade="failing", check="privileges")
    assert finding["says"].startswith(f"{privilege.name} on {privilege.table} is missing: ")


def test_the_service_itself_sees_what_it_lacks(run: Terminal, without: Callable[..., None]) -> None:
    without("prvReadContact")
    ended = run("doctor", "--json")
    assert "prvReadContact on contact is missing" in said(ended, "failing", "privileges")


def test_a_privilege_on_own_rows_only_is_too_narrow(run: Terminal, dataverse: Client) -> None:
    path = f"roles({APP_ROLE})/Microsoft.Dynamics.CRM.AddPrivilegesRole"
    narrow = {"PrivilegeId": privilege_id("prvReadContact"), "Depth": "Basic", "BusinessUnitId": fixed_id("x")}
    assert dataverse.post(path, {"Privileges": [narrow]}).status_code < 300
    assert "prvReadContact on contact reaches only Basic" in said(run("doctor", "--json"), "failing", "privileges")


def test_what_only_a_higher_mode_needs_is_a_warning_in_a_lower_one(
    run: Terminal, without: Callable[..., None], tmp_path: Path
) -> None:
    without("prvWriteContact")
    run.set(MAPPING_FILE=str(mapping_of(tmp_path, lambda m: m["policy"].update(mode="observe"))))
    ended = run("doctor", "--json")
    assert found(ended, grade="failing") == []
    assert "prvWriteContact on contact is missing: setting a flag (from restrict on)" in said(ended, "warning")


def test_an_application_that_was_not_let_in_is_told(run: Terminal) -> None:
    run.set(DATAVERSE_TOKEN=ADMIN)
    ended = run("doctor", "--application-id", fixed_id("nobody"), "--json")
    assert ended.code == 1
    assert "no application user" in said(ended, "failing", "privileges")


def test_a_token_that_is_refused_ends_the_examination(run: Terminal, dataverse: Client) -> None:
    dataverse.admin("reset", {"token": "the only one"})
    ended = run("doctor", "--json")
    assert ended.code == 1
    assert "application user" in said(ended, "failing", "connection")
    assert ended.json["findings"][-1]["check"] == "connection"


def test_settings_and_mapping_that_can_not_be_read_are_findings_too(run: Terminal) -> None:
    run.set(MAPPING_FILE="nowhere.yaml")
    assert "nowhere.yaml:0: -: no such file" in said(run("doctor", "--json"), "failing", "mapping")
    run.set(DATAVERSE_AUTH="wish")
    assert "DATAVERSE_AUTH" in said(run("doctor", "--json"), "failing", "settings")


def test_clocks_that_differ_are_told(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    late = datetime.now(UTC) - timedelta(minutes=5)
    monkeypatch.setattr(DataverseClient, "server_time", late)
    assert "differ by 30" in said(run("doctor", "--json"), "warning", "clock")


def test_a_mapping_that_does_not_fit_is_told_with_line_and_remedy(run: Terminal, tmp_path: Path) -> None:
    def edit(mapping: dict[str, Any]) -> None:
        mapping["flags"]["donotfly"] = {"means": ["commercial"], "write": True}
        mapping["brands"]["contoso"]["profile"] = fixed_id("no such profile")

    run.set(MAPPING_FILE=str(mapping_of(tmp_path, edit)))
    ended = run("doctor", "--json")
    assert "neither contact nor lead has donotfly" in said(ended, "failing", "columns")
    assert "mapping.yaml:1: brands.contoso.profile: no such compliance profile" in said(ended, "failing", "mapping")


def test_a_purpose_that_is_not_enforced_is_told_and_so_is_one_that_was_changed(
    run: Terminal, dataverse: Client, registered: FunctionApp, settings: dict[str, str]
) -> None:
    assert registered.url
    dataverse.patch(f"msdynmkt_purposes({CONTOSO.commercial})", {"msdynmkt_enforcementmodel": 534120000})
    service_looks(settings)
    dataverse.patch(f"msdynmkt_purposes({CONTOSO.commercial})", {"msdynmkt_enforcementmodel": 534120002})
    service_looks(settings)
    ended = run("doctor", "--json")
    assert ended.code == 0
    warned = said(ended, "warning", "enforcement")
    assert "'Contoso Commercial' of contoso is Disabled" in warned
    assert f"the purpose {CONTOSO.commercial} went from restrictive to disabled" in warned


def test_a_registration_that_drifted_ends_with_2(run: Terminal, dataverse: Client, registered: FunctionApp) -> None:
    assert registered.url
    (step,) = dataverse.values("sdkmessageprocessingsteps?$filter=name eq 'consent-sync: Update of lead'")
    dataverse.delete(f"sdkmessageprocessingsteps({step['sdkmessageprocessingstepid']})")
    ended = run("doctor", "--json")
    assert ended.code == 2
    assert "step Update of lead: missing" in said(ended, "drift", "webhook")


def test_a_function_app_with_another_key_is_told_and_so_are_the_events_it_refused(
    run: Terminal, dataverse: Client, registered: FunctionApp
) -> None:
    registered.keys = ("another-key",)
    dataverse.contact()
    dataverse.settle()
    ended = run("doctor", "--json")
    assert ended.code == 1
    assert "every event is refused" in said(ended, "failing", "function app")
    assert "1 deliveries failed" in said(ended, "warning", "webhook")


def test_a_ledger_of_another_organization_is_told(run: Terminal, ledger: SqliteLedger) -> None:
    ledger.set_note("organization", "another", None)
    assert "the ledger belongs to the organization another" in said(run("doctor", "--json"), "failing", "ledger")


def test_a_changed_mapping_that_nobody_approved_is_told(run: Terminal, ledger: SqliteLedger) -> None:
    ledger.set_note("mapping", "another fingerprint", None)
    assert "not approved" in said(run("doctor", "--json"), "warning", "mode")


def test_a_mass_change_that_waits_ends_with_3(run: Terminal, ledger: SqliteLedger, registered: FunctionApp) -> None:
    assert registered.url
    hold_service(ledger, rules.HOLD_BRAKE.id, "run1", datetime.now(UTC))
    hold_service(ledger, rules.HOLD_EMPTIED.id, "list1", datetime.now(UTC))
    ended = run("doctor", "--json")
    assert ended.code == 3
    assert "run run1" in said(ended, "brake", "brake")
    assert "1 wait for a person" in said(ended, "warning", "holds")


def test_people_read_the_remedy_under_what_it_mends(run: Terminal) -> None:
    lines = run("doctor").out.splitlines()
    (at,) = [i for i, line in enumerate(lines) if "endpoint: missing" in line]
    assert lines[at].startswith("drift   webhook")
    assert lines[at + 1].strip().startswith("-> Run `register`")
