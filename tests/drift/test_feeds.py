"""The frequent sweep by change tracking: it costs what changed, and nothing is missed where tokens cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from consent_sync.consent.landscape import Mode
from consent_sync.engine.feeds import REMEMBERED_RUNS
from consent_sync.engine.open_runs import cancel
from consent_sync.ports.runs import Part, RunKind, Tally
from consent_sync.tenant import tables
from local.company import CONTOSO
from local.emulator import Emulator
from tests.drift.companies import NEW
from tests.drift.conftest import Tenant, tenant_on
from tests.drift.office import IN, OUT, Office, done, in_step

PREFERENCE_CENTER = 534120004
NEWSLETTER = CONTOSO.subscriptions[0]
ALL = {"contact", "lead", "listmember", tables.ROW_TABLE}


def trusting(mapping: dict[str, Any]) -> None:
    """Let an address column more count, and everybody who is taken off the newsletter's list be out of it."""
    mapping["contact_points"]["email"]["contact"] = ["emailaddress1", "emailaddress2"]
    mapping["brands"]["contoso"]["topics"][0]["trust_membership"] = True


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    with Emulator() as emulator, tenant_on(emulator, tmp_path, trusting) as tenant:
        yield tenant


def tracked(tenant: Tenant, people: int = 60) -> Tenant:
    """Bring a company in step and sweep it until change tracking is all that a sweep reads."""
    assert track(with_tracking(in_step(tenant, people), ALL)) == ", ".join(sorted(ALL))
    sweep(tenant)
    assert {part.source.table for part in latest(tenant) if part.source.token} == ALL
    sweep(tenant)
    assert names(tenant) == {f"{table}-tracked" for table in ALL}
    return tenant


def with_tracking(tenant: Tenant, names: set[str]) -> Tenant:
    """Let these tables have change tracking, and the service know of it, as it would after ten minutes."""
    tenant.emulator.store.tracked = set(names)
    tenant.finder.look(other_than=tenant.lens)
    return tenant


def track(tenant: Tenant) -> str | None:
    begun = tenant.service.passes.start_tracking()
    if begun is None:
        return None
    done(tenant, begun)
    return begun[0].scope


def sweep(tenant: Tenant) -> Tally:
    return done(tenant, tenant.service.passes.start_sweep())


def latest(tenant: Tenant) -> list[Part]:
    (run,) = tenant.service.ledger.runs(1)
    assert run.kind is RunKind.SWEEP
    return tenant.service.ledger.parts(run.id)


def names(tenant: Tenant) -> set[str]:
    return {part.name for part in latest(tenant)}


def admin(tenant: Tenant, what: str, **body: Any) -> None:
    requests.post(f"{tenant.emulator.url}/_emulator/{what}", json=body, timeout=10).raise_for_status()


def rows_of(tenant: Tenant, contact: dict[str, Any]) -> list[dict[str, Any]]:
    address = contact["emailaddress1"].strip().lower()
    return [row for row in Office(tenant).rows(tables.ROW_TABLE) if row[tables.POINT_VALUE].strip().lower() == address]


def test_a_sweep_costs_what_changed_however_many_people_there_are(tenant: Tenant, tmp_path: Path) -> None:
    nothing = sweep(tracked(tenant))
    assert (nothing.rows, nothing.decided, nothing.requests) == (0, 0, len(ALL))
    (tmp_path / "larger").mkdir()
    with tenant_on(tenant.emulator, tmp_path / "larger", trusting) as larger:
        assert sweep(tracked(larger, 240)).requests == nothing.requests
        Office(larger).set("contact", Office(larger).free(), donotbulkemail=1)
        one = sweep(larger)
        assert one.written > 0
        assert one.rows < 10


def test_a_change_that_left_no_time_is_found(tenant: Tenant) -> None:
    office = Office(tracked(tenant))
    flagged, written = office.free(), 0
    office.set("contact", flagged, donotbulkemail=1)
    assert sweep(tenant).written > 0
    assert OUT in [row["msdynmkt_value"] for row in rows_of(tenant, flagged)]
    stopped = office.free()
    office.member(stopped, str(CONTOSO.opt_out_list))
    written = sweep(tenant).written
    assert written > 0
    assert OUT in [row["msdynmkt_value"] for row in rows_of(tenant, stopped)]
    silent = office.free()
    office.member(silent, NEWSLETTER.list)
    office.consent(silent, CONTOSO.commercial, OUT, NEWSLETTER.topic)
    sweep(tenant)
    assert not office.rows("listmember", listid=NEWSLETTER.list, entityid=silent["contactid"])


def test_lists_are_compared_only_after_somebody_was_taken_off_one(tenant: Tenant) -> None:
    office = Office(tracked(tenant))
    assert not any(part.source.gone for part in latest(tenant))
    held = {row["entityid"] for row in office.rows("listmember", listid=NEWSLETTER.list, entitytype=2)}
    said = {row[tables.POINT_VALUE].strip().lower() for row in office.rows(tables.ROW_TABLE, msdynmkt_value=OUT)}
    left = next(
        row
        for row in office.rows("contact", statecode=0)
        if row["contactid"] in held and (row["emailaddress1"] or "").strip().lower() not in {"", *said}
    )
    (member,) = office.rows("listmember", listid=NEWSLETTER.list, entityid=left["contactid"])
    office.delete("listmember", member)
    found = sweep(tenant)
    assert found.deleted == 1
    assert any(part.source.gone for part in latest(tenant))
    topics = [row["msdynmkt_value"] for row in rows_of(tenant, left) if row["msdynmkt_topicid"] == NEWSLETTER.topic]
    assert topics == [OUT]


def test_an_expired_token_costs_a_look_at_the_times_and_a_new_token(tenant: Tenant) -> None:
    office = Office(tracked(tenant))
    admin(tenant, "clock", advance_seconds=8 * 24 * 3600)
    tenant.service.client.update(f"contacts({(late := office.free())['contactid']})", {"donotbulkemail": True})
    assert sweep(tenant).written > 0
    assert OUT in [row["msdynmkt_value"] for row in rows_of(tenant, late)]
    assert {part.source.table for part in latest(tenant) if part.source.since and part.source.token is None} == ALL
    sweep(tenant)
    assert not any(part.source.token for part in latest(tenant))


def test_what_has_no_change_tracking_is_read_by_its_times(tenant: Tenant) -> None:
    assert track(with_tracking(in_step(tenant), {"contact", "lead"})) == "contact, lead"
    sweep(tenant)
    sweep(tenant)
    parts = latest(tenant)
    assert {part.source.table for part in parts if part.source.token} == {"contact", "lead"}
    assert {part.source.table for part in parts if not part.source.token} == {"listmember", tables.ROW_TABLE}
    assert {part.source.table for part in parts if part.source.gone} == {"listmember"}


def test_a_sweep_that_was_broken_off_is_not_gone_on_from(tenant: Tenant) -> None:
    office = Office(tracked(tenant))
    opened = office.free()
    for row in rows_of(tenant, opened):
        office.delete(tables.ROW_TABLE, row)
    for member in office.rows("listmember", listid=NEWSLETTER.list, entityid=opened["contactid"]):
        office.delete("listmember", member)
    assert sweep(tenant).deleted > 0
    office.consent(opened, CONTOSO.commercial, IN, NEWSLETTER.topic)
    (row,) = rows_of(tenant, opened)
    office.set(tables.ROW_TABLE, row, msdynmkt_source=PREFERENCE_CENTER, createdon=NEW, modifiedon=NEW)
    run, turns = tenant.service.passes.start_sweep()
    for turn in turns:
        tenant.service.passes.turn(turn)  # the last of these gives the turns of the opt-ins, which never come
    cancel(tenant.service.ledger, run.id)
    assert not office.rows("listmember", listid=NEWSLETTER.list, entityid=opened["contactid"])
    office.delete("lead", office.rows("lead")[0])
    found = sweep(tenant)
    assert any(part.is_repeat for part in latest(tenant))
    assert found.deleted == 1
    assert office.rows("listmember", listid=NEWSLETTER.list, entityid=opened["contactid"])


def test_a_token_is_asked_for_once_where_it_is_refused(tenant: Tenant) -> None:
    with_tracking(in_step(tenant), ALL)
    tenant.emulator.store.tracked = {"contact"}
    assert track(tenant) == ", ".join(sorted(ALL))
    assert track(tenant) is None
    sweep(tenant)
    parts = latest(tenant)
    assert {part.source.table for part in parts if part.source.token} == {"contact"}
    assert {part.source.table for part in parts if part.source.token is None} == ALL


def test_a_higher_mode_does_not_trust_what_a_lower_one_read(tenant: Tenant) -> None:
    tracked(tenant)
    passes = tenant.service.passes
    watching = replace(passes, reconcile=replace(passes.reconcile, mode=lambda: Mode.OBSERVE))
    Office(tenant).set("contact", flagged := Office(tenant).free(), donotbulkemail=1)
    assert sweep(replace(tenant, service=replace(tenant.service, passes=watching))).skipped > 0
    sweep(tenant)
    assert OUT in [row["msdynmkt_value"] for row in rows_of(tenant, flagged)]


def test_another_address_column_makes_an_old_token_useless(tenant: Tenant, tmp_path: Path) -> None:
    tracked(tenant)

    def wider(mapping: dict[str, Any]) -> None:
        trusting(mapping)
        mapping["contact_points"]["email"]["contact"].append("emailaddress3")

    with tenant_on(tenant.emulator, tmp_path, wider) as later:
        moved = Office(later).free()
        later.service.client.update(f"contacts({moved['contactid']})", {"emailaddress3": "other@example.com"})
        sweep(later)
        assert "contact" in names(later)
        assert "lead" not in names(later)


def test_tokens_from_before_a_restored_backup_are_dropped(tenant: Tenant) -> None:
    tracked(tenant)
    tenant.service.ledger.set_note("restored", datetime.now(UTC).isoformat(), None)
    sweep(tenant)
    assert names(tenant) == {"contact", "lead", tables.ROW_TABLE}


def test_the_pass_for_a_first_token_may_take_longer_than_the_list_of_runs_reaches_back(tenant: Tenant) -> None:
    with_tracking(in_step(tenant), ALL)
    passes = tenant.service.passes
    begun = passes.start_tracking()
    assert begun is not None
    for _ in range(REMEMBERED_RUNS):
        cancel(tenant.service.ledger, passes.start_sweep()[0].id)
    assert passes.start_tracking() is None
    done(tenant, begun)
    assert passes.start_tracking() is None
    sweep(tenant)
    assert {part.source.table for part in latest(tenant) if part.source.token} == ALL
