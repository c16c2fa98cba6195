"""Cases 73-93: other channels, echoes, lost events, first runs, failures, restores, and who may see what."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.wake import Wake
from local.emulator.faults import RequestFault
from tests.cases.mappings import OpenOffice, one_brand, policy
from tests.cases.office import IN, NOT_SET, OUT, Doorbell, Office

ROWS = "msdynmkt_contactpointconsent4"
TEXT, VOICE, CUSTOM = 534120001, 534120003, 534120002


@pytest.mark.parametrize("channel", [TEXT, VOICE], ids=["text", "voice"])
def test_case_73_an_opt_out_by_phone_touches_nothing_of_mail(open_office: OpenOffice, channel: int) -> None:
    office = open_office(one_brand)
    office.contact("ann", mobilephone="+4915112345678")
    office.join("ann", "newsletter list")
    office.sync()
    office.new_row("+4915112345678", "contoso", OUT, "text_message", msdynmkt_contactpointtype=channel)
    assert office.sync() == {}


def test_case_74_a_row_of_a_custom_channel_is_ignored_even_if_it_looks_like_an_address(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.sync()
    office.new_row(ann, "contoso", OUT, msdynmkt_contactpointtype=CUSTOM)
    assert office.sync() == {}


def test_case_78_own_writes_seen_back_cause_nothing(office: Office, doorbell: Doorbell) -> None:
    office.contact("ann")
    office.sync()
    doorbell.listen_to(office)
    office.change("ann", donotbulkemail=True)
    assert office.work(*doorbell.wakes(office)) != {}
    assert doorbell.wakes(office) == []
    assert office.sync() == {}


def test_case_78_a_person_who_edits_a_row_with_our_mark_on_it_is_heard(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    assert office.row_of(ann, "contoso")["msdynmkt_reason"].startswith("consent-sync")
    office.says(ann, "contoso", NOT_SET)
    assert office.sync() == {(ann, "contoso"): OUT}
    office.says(ann, "contoso", IN)
    assert office.sync() == {}


def fight(office: Office, rounds: int) -> str:
    """Let a flow opt in again and again what was opted out; gives the address."""
    ann = office.contact("ann")
    office.says(ann, "newsletter", OUT)
    office.sync()
    for _ in range(rounds):
        office.says(ann, "newsletter", IN, "internal")
        office.sync()
    return ann


def test_case_79_an_automation_that_fights_back_never_wins(office: Office) -> None:
    ann = fight(office, 6)
    assert office.state()[ann, "newsletter"] is OUT
    assert office.held() == {"row newsletter"}


def test_case_79_an_automation_that_fights_back_raises_an_alarm_of_its_own(office: Office) -> None:
    fight(office, 12)
    assert {rule for _, rule in office.holds()} - {"hold-loosened"}


DELIVERIES = {
    "in order": lambda wakes: wakes,
    "reversed": lambda wakes: wakes[::-1],
    "doubled": lambda wakes: [*wakes, *wakes],
    "lost": lambda _wakes: [],
    "half lost": lambda wakes: wakes[::2],
}


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_case_80_lost_late_and_repeated_events_end_in_the_same_state(
    office: Office, doorbell: Doorbell, delivery: str
) -> None:
    ann, bob = office.contact("ann"), office.contact("bob")
    for name in ("ann", "bob"):
        office.join(name, "newsletter list", "events list")
    office.sync()
    doorbell.listen_to(office)
    office.says(ann, "events", IN)
    office.leave("ann", "events list")
    office.change("bob", donotbulkemail=True)
    office.says(bob, "contoso", IN, "internal")
    office.says(ann, "contoso", OUT)
    wakes = DELIVERIES[delivery](doorbell.wakes(office))
    for wake in wakes:
        office.work(wake)
    office.sync()
    state = {key: value for key, value in office.state().items() if value not in {None, False}}
    assert state == {
        (ann, "contoso"): OUT,
        (ann, "events"): OUT,
        (bob, "contoso"): OUT,
        (bob, "fabrikam"): OUT,
        ("ann", "no contoso"): True,
        ("bob", "donotbulkemail"): True,
        ("bob", "newsletter list"): True,
        ("bob", "events list"): True,
    }
    assert office.sync() == {}


def old_tenant(office: Office) -> tuple[str, str]:
    """A tenant full of contradictions that are older than the ledger."""
    with office.years_ago():
        ann, bob = office.contact("ann", donotbulkemail=True), office.contact("bob")
        office.says(ann, "contoso", IN)
        office.says(bob, "newsletter", IN)
        office.says(bob, "fabrikam", OUT)
        office.join("bob", "events list")
    return ann, bob


def test_case_81_the_dry_run_before_the_first_run_changes_nothing(office: Office) -> None:
    old_tenant(office)
    assert office.resync(dry_run=True) == {}
    assert office.holds() == set()


def test_case_81_the_first_run_writes_opt_outs_only(office: Office) -> None:
    ann, bob = old_tenant(office)
    assert office.resync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT, ("bob", "events list"): None}
    assert (bob, "newsletter") in office.state()
    assert office.resync() == {}


CROWD = 12


def crowd(office: Office) -> list[str]:
    people = [office.contact(f"person{n:02}") for n in range(CROWD)]
    office.resync()
    return people


def test_case_82_a_wave_of_opt_ins_waits_for_a_person(open_office: OpenOffice) -> None:
    office = open_office(policy(brake={"share": 0.05, "count": CROWD - 2}))
    for address in crowd(office):
        office.says(address, "newsletter", IN)
    assert office.resync() == {}
    assert {rule for _, rule in office.holds()} == {"hold-brake"}


def test_case_82_a_wave_of_opt_outs_goes_on(open_office: OpenOffice) -> None:
    office = open_office(policy(brake={"share": 0.05, "count": CROWD - 2}))
    people = crowd(office)
    for address in people:
        office.says(address, "contoso", OUT)
    assert office.resync() == {(address.split("@")[0], "no contoso"): True for address in people}
    assert {rule for _, rule in office.holds()} == {"hold-many-opt-outs"}


def test_case_83_what_one_location_refused_is_tried_again_until_all_are_done(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.change_list("no contoso", lockstatus=True)  # after the service has read that it is not
    office.says(ann, "contoso", OUT)
    with pytest.raises(ConsentSyncError):
        office.sync()
    assert not office.is_on("ann", "newsletter list")
    office.change_list("no contoso", lockstatus=False)
    assert office.sync() == {("ann", "no contoso"): True}


def test_case_84_a_throttled_service_does_it_all_the_same(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.change("ann", donotbulkemail=True)
    office.emulator.faults.replace([RequestFault(path="$batch", status=429, retry_after=0, count=2)])
    assert len(office.sync()) == 2


def test_case_84_an_event_that_waited_keeps_the_time_of_the_act(office: Office, doorbell: Doorbell) -> None:
    office.contact("ann")
    office.sync()
    doorbell.listen_to(office)
    office.change("ann", donotbulkemail=True)
    made = int(office.now)
    wakes = doorbell.wakes(office)
    office.pass_time(36_000)
    assert len(office.work(*wakes)) == 2
    lines = office.service.ledger.history(office.records["ann"])
    heard = {line.at for line in lines if line.what == "evidence" and line.says == "out"}
    assert datetime.fromtimestamp(made, UTC) in heard


def test_case_84_opt_outs_are_written_before_opt_ins(office: Office) -> None:
    ann, bob = office.contact("ann"), office.contact("bob")
    office.join("bob", "offers list")
    office.sync()
    office.says(ann, "newsletter", IN)
    office.says(bob, "offers", OUT)
    seen: list[str] = []
    change = office.emulator.records.create, office.emulator.records.delete

    def create(context: Any, table: Any, fields: Any) -> str:
        seen.append(f"create {table.name}")
        return change[0](context, table, fields)

    def delete(context: Any, table: Any, row_id: str, if_match: str | None = None) -> None:
        seen.append(f"delete {table.name}")
        change[1](context, table, row_id, if_match)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(office.emulator.records, "create", create)
        patch.setattr(office.emulator.records, "delete", delete)
        office.sync()
    assert seen == ["delete listmember", "create listmember"]


def test_case_92_neither_log_nor_ledger_nor_hold_shows_an_address(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="consent_sync")
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.change("ann", donotbulkemail=True)
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.change("ann", donotbulkemail=False)
    office.sync()
    with pytest.raises(ConsentSyncError) as told:
        _refused(office, ann)
    holds = repr(office.service.ledger.holds())
    files = b"".join(path.read_bytes() for path in office.folder.glob("ledger.db*"))
    assert office.holds()
    assert b"contoso" in files
    for place in (caplog.text, holds, str(told.value), repr(told.value)):
        assert "example.com" not in place
    assert b"example.com" not in files


def _refused(office: Office, address: str) -> None:
    office.says(address, "fabrikam", NOT_SET)
    office.emulator.faults.replace([RequestFault(path="$batch", status=403, count=1)])
    office.sync()


def test_case_93_two_instances_with_ledgers_of_their_own_do_not_chase_each_other(office: Office) -> None:
    ann = office.contact("ann")
    second = office.start(office.folder / "second.db")
    office.work(office.everybody())
    office.work(office.everybody(), service=second)
    office.change("ann", donotbulkemail=True)
    assert office.work(office.everybody()) == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT}
    for _ in range(3):
        assert office.work(office.everybody(), service=second) == {}
        assert office.work(office.everybody()) == {}
    second.ledger.close()
    second.client.close()


def test_case_93_a_second_installation_on_one_ledger_only_watches(office: Office) -> None:
    ann = office.contact("ann")
    second = office.start(office.folder / "ledger.db", "another")
    office.sync()
    office.change("ann", donotbulkemail=True)
    wake = office.everybody()
    assert office.work(wake, service=second) == {}
    assert office.work(wake) == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT}
    second.ledger.close()
    second.client.close()


def test_case_93_two_instances_on_one_ledger_do_not_chase_each_other(office: Office) -> None:
    ann = office.contact("ann")
    second = office.start(office.folder / "ledger.db")
    office.sync()
    office.says(ann, "newsletter", OUT)
    office.join("ann", "newsletter list")
    wake: Wake = office.everybody()
    assert office.work(wake, service=second) == {("ann", "newsletter list"): None}
    assert office.work(wake) == {}
    second.ledger.close()
    second.client.close()
