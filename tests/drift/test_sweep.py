"""The drift sweep as a run: it repairs what nobody told of, costs what it finds, and looks at nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_mock import MockerFixture

from consent_sync.consent.landscape import Mode
from consent_sync.engine.scopes import Scope
from consent_sync.ports.runs import RunKind, Tally, total
from consent_sync.tenant import tables
from consent_sync.tenant.drift import finder
from consent_sync.tenant.drift.finder import DriftFinder
from consent_sync.tenant.drift.odd import is_plain
from local.company import CONTOSO, FABRIKAM
from local.demo.check import contradictions, same
from local.emulator import Emulator
from tests.drift.companies import NEW, SPELLINGS, organization
from tests.drift.conftest import Tenant, tenant_on
from tests.drift.office import IN, OUT, Office, done, in_step

NEWSLETTER = CONTOSO.subscriptions[0]
PREFERENCE_CENTER = 534120004


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    with Emulator() as emulator, tenant_on(emulator, tmp_path, lambda _: None) as tenant:
        yield tenant


def drift(tenant: Tenant) -> Tally:
    return done(tenant, tenant.service.passes.start_drift())


def wrong(tenant: Tenant) -> int:
    """Count what contradicts, by a look that shares no code with the service."""
    names = ("contact", "lead", "listmember", tables.ROW_TABLE)
    url = f"{tenant.emulator.url}/_emulator/snapshot"
    return len(contradictions(requests.get(url, params={"tables": ",".join(names)}, timeout=60).json()))


def test_what_is_in_step_is_asked_for_and_not_looked_at(tenant: Tenant) -> None:
    in_step(tenant)
    drift(tenant)
    second = drift(tenant)
    assert (second.decided, second.written) == (0, 0)
    small = second.requests
    in_step(tenant, 480)
    drift(tenant)
    assert drift(tenant).requests == small


def test_the_run_list_shows_what_each_sweep_covered_and_cost(tenant: Tenant) -> None:
    in_step(tenant)
    drift(tenant)
    done(tenant, tenant.service.passes.start_sweep())
    done(tenant, tenant.service.passes.start_audit())
    kinds = [(run.kind, run.scope) for run in tenant.service.ledger.runs(3)]
    assert kinds == [
        (RunKind.AUDIT, "slice 1 of 16"),
        (RunKind.SWEEP, "changes"),
        (RunKind.DRIFT, "contradictions"),
    ]
    assert all(total(tenant.service.ledger.parts(run.id)).requests for run in tenant.service.ledger.runs(3))


type Edit = Callable[[Office], object]


def flagged(office: Office) -> dict[str, Any]:
    contact = office.free()
    office.set("contact", contact, donotbulkemail=1)
    return contact


def say_yes(office: Office, contact: dict[str, Any]) -> dict[str, Any]:
    """Opt a flagged person in to the mail of one brand, as a preference centre does; gives the row."""
    rows = office.rows(tables.ROW_TABLE, msdynmkt_purposeid=CONTOSO.commercial)
    rows = [row for row in rows if row["msdynmkt_topicid"] is None]
    row = next(row for row in rows if same(row[tables.POINT_VALUE]) == same(contact["emailaddress1"]))
    office.set(tables.ROW_TABLE, row, msdynmkt_value=IN, msdynmkt_source=PREFERENCE_CENTER, modifiedon=NEW)
    return row


def a_row_gone(office: Office) -> None:
    flagged_ones = {row["emailaddress1"].strip().lower() for row in office.rows("contact", donotbulkemail=1)}
    rows = office.rows(tables.ROW_TABLE, msdynmkt_purposeid=FABRIKAM.commercial)
    rows = [row for row in rows if row["msdynmkt_topicid"] is None]
    office.delete(tables.ROW_TABLE, next(r for r in rows if r[tables.POINT_VALUE].strip().lower() in flagged_ones))


def out_of_both_brands(office: Office) -> None:
    contact = office.free()
    for purpose in (CONTOSO.commercial, FABRIKAM.commercial):
        office.consent(contact, purpose, OUT)


def out_and_still_a_member(office: Office) -> None:
    contact = office.free()
    office.member(contact, NEWSLETTER.list)
    office.consent(contact, CONTOSO.commercial, OUT, NEWSLETTER.topic)


def out_of_a_brand(office: Office) -> None:
    office.consent(office.free(), CONTOSO.commercial, OUT)


def on_the_opt_out_list(office: Office) -> None:
    office.member(office.free(), str(CONTOSO.opt_out_list))


def no_tracking(office: Office) -> None:
    office.set("contact", office.free(), msgdpr_donottrack=1)


def duplicates_that_differ(office: Office) -> None:
    row = next(r for r in office.rows(tables.ROW_TABLE, msdynmkt_value=OUT) if r["msdynmkt_topicid"] is None)
    office.consent({"emailaddress1": row[tables.POINT_VALUE]}, row["msdynmkt_purposeid"], IN)


EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        *(flagged, a_row_gone, out_of_both_brands, out_and_still_a_member, out_of_a_brand, on_the_opt_out_list),
        *(no_tracking, duplicates_that_differ),
    )
}


@pytest.mark.parametrize("answers", ["by queries", "by comparison"])
def test_what_nobody_told_of_is_repaired(tenant: Tenant, answers: str) -> None:
    in_step(tenant)
    drift(tenant)
    assert wrong(tenant) == 0
    for edit in EDITS.values():
        edit(Office(tenant))
    assert wrong(tenant) >= len(EDITS) - 1
    if answers == "by comparison":
        refuse_joins(tenant)
    assert drift(tenant).written >= len(EDITS)
    assert wrong(tenant) == 0
    after = drift(tenant)
    assert (after.decided, after.written) == (0, 0)


@pytest.mark.parametrize("edit", EDITS)
def test_each_kind_of_drift_is_found_by_itself(tenant: Tenant, edit: str) -> None:
    in_step(tenant, 60)
    drift(tenant)
    EDITS[edit](Office(tenant))
    found = drift(tenant)
    assert found.written > 0
    assert found.decided < 12


def test_what_waits_for_a_person_is_looked_at_once_for_each_state(tenant: Tenant) -> None:
    in_step(tenant)
    office = Office(tenant)
    contact = flagged(office)
    drift(tenant)
    row = say_yes(office, contact)
    assert drift(tenant).held == 1
    assert office.rows("contact", contactid=contact["contactid"])[0]["donotbulkemail"]
    again = drift(tenant)
    assert (again.decided, again.rows) == (0, 1)
    office.set(tables.ROW_TABLE, row, msdynmkt_reason="somebody touched it")
    assert drift(tenant).decided == 1


def test_a_lower_mode_leaves_nothing_behind_that_a_higher_one_would_write(tenant: Tenant) -> None:
    in_step(tenant)
    drift(tenant)
    flagged(Office(tenant))
    passes = tenant.service.passes
    watching = replace(passes, reconcile=replace(passes.reconcile, mode=lambda: Mode.OBSERVE))
    watched = done(replace(tenant, service=replace(tenant.service, passes=watching)), watching.start_drift())
    assert (watched.written, watched.skipped) == (0, 2)
    assert drift(tenant).written == 2


def test_a_proven_opt_in_that_nobody_told_of_travels(tenant: Tenant) -> None:
    in_step(tenant)
    office = Office(tenant)
    contact = office.free()
    for member in office.rows("listmember", listid=NEWSLETTER.list, entityid=contact["contactid"]):
        office.delete("listmember", member)
    for row in office.rows(tables.ROW_TABLE, msdynmkt_contactpointvalue=contact["emailaddress1"]):
        office.delete(tables.ROW_TABLE, row)
    office.consent(contact, CONTOSO.commercial, IN, NEWSLETTER.topic)
    (row,) = office.rows(tables.ROW_TABLE, msdynmkt_contactpointvalue=contact["emailaddress1"])
    office.set(tables.ROW_TABLE, row, msdynmkt_source=PREFERENCE_CENTER, createdon=NEW, modifiedon=NEW)
    assert drift(tenant).written == 1
    assert office.rows("listmember", listid=NEWSLETTER.list, entityid=contact["contactid"])


def test_a_query_that_the_server_refused_is_left_alone_for_a_day(tenant: Tenant) -> None:
    in_step(tenant)
    refuse_joins(tenant)
    drift(tenant)
    tenant.emulator.faults.replace([])
    asked_before = len(tenant.emulator.log.since(0))
    drift(tenant)
    assert not any("link-entity" in entry["url"] for entry in tenant.emulator.log.since(asked_before))
    assert wrong(tenant) == 0


def test_addresses_that_servers_compare_in_other_ways_come_in_step_too(tenant: Tenant) -> None:
    tenant.load(organization(60, 5, SPELLINGS))
    done(tenant, tenant.service.passes.start_resync(Scope("all"), dry_run=False, reason="test"))
    drift(tenant)
    office = Office(tenant)
    odd = [row for row in office.rows("contact", donotbulkemail=0, statecode=0) if is_odd(row)]
    for row in odd:
        office.set("contact", row, donotbulkemail=1)
    assert len(odd) > 5
    assert drift(tenant).written > len(odd)
    drift(tenant)
    assert drift(tenant).decided == 0


def test_odd_addresses_are_compared_once_however_many_answers_there_are(tenant: Tenant, mocker: MockerFixture) -> None:
    in_step(tenant, 240)
    office = Office(tenant)
    contacts = [flagged(office) for _ in range(5)]
    drift(tenant)
    for contact in contacts:
        say_yes(office, contact)
    assert drift(tenant).held == len(contacts)  # they wait for a person, and come back with every answer
    no_tracking(office)
    odd = next(row for row in office.rows("contact", donotbulkemail=0, statecode=0) if is_odd(row))
    office.set("contact", odd, donotbulkemail=1)
    mocker.patch.multiple(finder, _PAGE=1, _LEAST=2)
    scan, compare = mocker.spy(DriftFinder, "scan"), mocker.spy(DriftFinder, "compare_odd")
    assert drift(tenant).written > 1
    assert scan.call_count > 1
    assert compare.call_count == 1
    assert drift(tenant).decided == 0


def is_odd(row: dict[str, Any]) -> bool:
    return not is_plain(row["emailaddress1"])


def refuse_joins(tenant: Tenant) -> None:
    """Let the server answer no query with a join in it, alone or in a batch that holds nothing else."""
    rules = [
        {"method": "GET", "path": "link-entity", "status": 400, "count": -1, "code": "0x8004430d"},
        {"method": "POST", "path": "$batch", "status": 500, "count": 5},
    ]
    answer = requests.post(f"{tenant.emulator.url}/_emulator/faults", json={"requests": rules}, timeout=10)
    answer.raise_for_status()
