"""Cases 18-30: topics and lists, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consent_sync.mapping.load import MappingError, load_mapping
from tests.cases.mappings import OpenOffice, policy, together, trusting
from tests.cases.office import IN, LISTS, NOT_SET, OUT, RESTRICTIVE, TOPICS, Doorbell, Office, mapping_of
from tests.cases.scenes import crowd, empty

LOCKED, INACTIVE = {"lockstatus": True}, {"statecode": 1, "statuscode": 1}
UNWRITABLE = pytest.mark.parametrize("why", [LOCKED, INACTIVE], ids=["locked", "inactive"])


def test_case_18_a_proven_opt_in_to_a_topic_puts_the_person_on_its_list(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "newsletter", IN)
    assert office.sync() == {("ann", "newsletter list"): True}


@pytest.mark.parametrize("source", ["internal", "loaded", "preference_page", "text_message", "subscription_center"])
def test_case_18_an_opt_in_without_proof_puts_nobody_on_a_list(office: Office, source: str) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "newsletter", IN, source)
    assert office.sync() == {}


def test_case_18_a_topic_opt_in_opens_nothing_under_a_set_flag(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "newsletter", IN)
    changed = office.sync()
    assert changed.get(("ann", "newsletter list")) is None
    assert ("ann", "donotbulkemail") not in changed


@UNWRITABLE
def test_case_18_a_list_that_takes_no_members_is_left_alone(office: Office, why: dict[str, Any]) -> None:
    ann = office.contact("ann")
    office.change_list("newsletter list", **why)
    office.sync()
    office.says(ann, "newsletter", IN)
    assert office.sync() == {}


def test_case_19_a_topic_opt_in_under_an_opted_out_purpose_opens_nothing(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "no contoso")
    office.says(ann, "contoso", OUT)
    office.sync()
    office.says(ann, "newsletter", IN)
    assert office.sync() == {}


@pytest.mark.parametrize("source", ["preference_center", "internal"])
def test_case_20_a_topic_opt_in_never_invents_the_opt_in_to_its_purpose(office: Office, source: str) -> None:
    office.change_purpose("contoso", msdynmkt_enforcementmodel=RESTRICTIVE)
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "newsletter", IN, source)
    office.sync()
    assert (ann, "contoso") not in office.state()


def test_case_20_a_topic_opt_in_that_a_restrictive_purpose_makes_useless_is_reported(office: Office) -> None:
    office.change_purpose("contoso", msdynmkt_enforcementmodel=RESTRICTIVE)
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "newsletter", IN)
    office.sync()
    assert "row newsletter" in office.held()


def test_case_21_joining_a_list_proves_nothing_by_itself(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.join("ann", "newsletter list")
    assert office.sync() == {}


def test_case_21_joining_a_list_that_the_customer_vouches_for_opts_in(open_office: OpenOffice) -> None:
    office = open_office(trusting("newsletter list"))
    office.contact("ann")
    office.sync()
    office.join("ann", "newsletter list", "offers list")
    assert office.sync() == {("ann@example.com", "newsletter"): IN}


def test_case_22_leaving_a_list_opts_out_of_its_topic_only(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list", "offers list")
    office.sync()
    office.leave("ann", "newsletter list")
    assert office.sync() == {("ann@example.com", "newsletter"): OUT}


def test_case_22_leaving_a_list_is_heard_from_the_event_even_if_nobody_had_looked(
    office: Office, doorbell: Doorbell
) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list")
    doorbell.listen_to(office)
    office.leave("ann", "newsletter list")
    assert office.work(*doorbell.wakes(office)) == {("ann@example.com", "newsletter"): OUT}


def test_case_23_who_was_never_on_a_list_gets_no_row(office: Office) -> None:
    office.contact("ann")
    assert office.sync() == {}
    assert office.sync() == {}


def test_case_24_a_deactivated_list_opts_nobody_out_or_in(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.change_list("newsletter list", **INACTIVE)
    office.restart()
    assert office.sync() == {}


def test_case_24_a_list_emptied_by_a_bulk_job_opts_nobody_out_and_alarms(office: Office) -> None:
    names = crowd(office, 40)
    office.sync()
    empty(office, "newsletter list", names[:25])
    assert office.sync() == {}
    assert office.held()


def test_case_24_a_deleted_list_opts_nobody_out(office: Office) -> None:
    crowd(office, 5)
    office.sync()
    office.people.delete(f"lists({LISTS['newsletter list']})")
    assert office.sync() == {}


def test_case_24_a_deleted_list_opts_nobody_out_whatever_the_events_of_its_members_say(
    office: Office, doorbell: Doorbell
) -> None:
    crowd(office, 5)
    office.sync()
    doorbell.listen_to(office)
    office.people.delete(f"lists({LISTS['newsletter list']})")
    wakes = doorbell.wakes(office)
    assert wakes
    assert office.work(*wakes) == {}


def test_case_24_a_deleted_list_waits_for_a_person(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.people.delete(f"lists({LISTS['newsletter list']})")
    office.sync()
    office.sync()
    office.restart()
    office.sync()
    (hold,) = office.service.ledger.holds()
    assert hold.rule == "hold-mapping-gone"
    assert hold.location.startswith(LISTS["newsletter list"])


def test_case_24_a_deleted_opt_out_list_lets_nobody_in_and_stops_nothing_else(office: Office) -> None:
    ann, bob = office.contact("ann"), office.contact("bob")
    office.join("ann", "no contoso")
    office.sync()
    office.people.delete(f"lists({LISTS['no contoso']})")
    office.says(bob, "contoso", OUT)
    assert office.sync() == {}
    office.says(bob, "fabrikam", OUT)
    assert office.sync() == {("bob", "donotbulkemail"): True}
    assert office.state()[ann, "contoso"] is OUT


def test_case_24_a_list_that_comes_back_is_in_step_again(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    id_ = LISTS["newsletter list"]
    office.people.delete(f"lists({id_})")
    office.sync()
    office.emulator.store.load([("list", {"listid": id_, "listname": "Restored", "createdfromcode": 2})])
    office.restart()
    office.join("ann", "newsletter list")
    office.says(ann, "newsletter", OUT)
    assert office.sync() == {("ann", "newsletter list"): None}


def test_case_24_a_list_that_was_never_there_is_a_mistake_in_the_mapping(office: Office) -> None:
    office.people.delete(f"lists({LISTS['newsletter list']})")
    for _ in range(2):
        with pytest.raises(MappingError, match=r"topics\[0\]\.list: no such list"):
            office.sync()
        office.restart()


def test_case_24_a_deleted_list_does_not_stop_the_opt_outs_of_everything_else(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.people.delete(f"lists({LISTS['newsletter list']})")
    office.restart()
    office.change("ann", donotbulkemail=True)
    assert office.sync()["ann@example.com", "fabrikam"] is OUT


def test_case_24_what_single_members_said_before_stays(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    office.sync()
    office.change_list("newsletter list", **INACTIVE)
    office.restart()
    office.sync()
    assert office.state()["ann@example.com", "newsletter"] is OUT


def test_case_25_being_on_an_opt_out_list_is_out_of_that_brand(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list", "events list")
    office.sync()
    office.join("ann", "no contoso")
    assert office.sync() == {("ann@example.com", "contoso"): OUT, ("ann", "newsletter list"): None}


def test_case_25_leaving_an_opt_out_list_is_no_opt_in(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "no contoso")
    office.sync()
    office.leave("ann", "no contoso")
    office.sync()
    assert office.state()[ann, "contoso"] is OUT
    assert office.held() == {"opt_out_list no contoso"}


def test_case_25_a_topic_list_may_mean_opted_out(open_office: OpenOffice) -> None:
    def edit(mapping: dict[str, Any]) -> None:
        mapping["brands"]["contoso"]["topics"][0]["members"] = "opted_out"

    office = open_office(edit)
    ann = office.contact("ann")
    office.sync()
    office.join("ann", "newsletter list")
    assert office.sync() == {(ann, "newsletter"): OUT}
    office.leave("ann", "newsletter list")
    office.sync()
    assert office.state()[ann, "newsletter"] is OUT


@pytest.mark.parametrize("members", [None, "maybe", "in"])
def test_case_26_a_list_of_unknown_meaning_is_refused(tmp_path: Path, members: str | None) -> None:
    def edit(mapping: dict[str, Any]) -> None:
        pair = mapping["brands"]["contoso"]["topics"][0]
        del pair["members"]
        if members:
            pair["members"] = members

    with pytest.raises(MappingError, match=r"topics\[0\]\.members"):
        load_mapping(mapping_of(tmp_path, edit))


@UNWRITABLE
def test_case_27_a_list_that_cannot_be_written_is_not_touched_and_stops_nothing_else(
    office: Office, why: dict[str, Any]
) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "offers list")
    office.change_list("newsletter list", **why)
    office.sync()
    office.says(ann, "newsletter", OUT)
    office.says(ann, "offers", OUT)
    changed = office.sync()
    assert changed["ann", "offers list"] is None
    assert office.is_on("ann", "newsletter list")


@UNWRITABLE
def test_case_27_an_opt_out_that_a_list_cannot_take_falls_back_to_the_flag(office: Office, why: dict[str, Any]) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.change_list("newsletter list", **why)
    office.sync()
    office.says(ann, "newsletter", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True}
    assert office.sync() == {}


def test_case_27_a_change_that_could_not_be_sent_is_reported(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.change_list("newsletter list", **LOCKED)
    office.sync()
    office.says(ann, "newsletter", OUT)
    office.sync()
    assert "list newsletter list" in office.held()


def test_case_27_a_dynamic_list_is_never_written(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.emulator.store.execute('UPDATE "list" SET type = 1 WHERE listid = ?', (LISTS["newsletter list"],))
    office.sync()
    office.says(ann, "newsletter", OUT)
    office.sync()
    assert office.is_on("ann", "newsletter list")


def test_case_27_a_list_of_accounts_is_refused(office: Office) -> None:
    office.emulator.store.execute('UPDATE "list" SET createdfromcode = 1 WHERE listid = ?', (LISTS["newsletter list"],))
    office.contact("ann")
    with pytest.raises(MappingError, match=r"topics\[0\]\.list: .*account.*contacts or of leads"):
        office.sync()


def test_case_27_a_lead_on_a_list_of_leads_is_stopped_either_way(office: Office) -> None:
    office.emulator.store.execute('UPDATE "list" SET createdfromcode = 4 WHERE listid = ?', (LISTS["newsletter list"],))
    lea = office.lead("lea")
    office.join("lea", "newsletter list")
    office.sync()
    office.says(lea, "newsletter", OUT)
    office.sync()
    assert office.state()["lea", "donotbulkemail"] or not office.is_on("lea", "newsletter list")


def test_case_28_two_lists_for_one_topic_are_refused(tmp_path: Path) -> None:
    def edit(mapping: dict[str, Any]) -> None:
        first, second = mapping["brands"]["contoso"]["topics"]
        second["topic"] = first["topic"]

    with pytest.raises(MappingError, match="this topic has a list at"):
        load_mapping(mapping_of(tmp_path, edit))


def test_case_28_one_list_for_two_topics_is_refused(tmp_path: Path) -> None:
    def edit(mapping: dict[str, Any]) -> None:
        mapping["brands"]["fabrikam"]["topics"][0]["list"] = TOPICS["newsletter"].list

    with pytest.raises(MappingError, match="this list is used at"):
        load_mapping(mapping_of(tmp_path, edit))


def test_case_30_clearing_the_flag_turns_no_old_membership_into_an_opt_in(open_office: OpenOffice) -> None:
    office = open_office(trusting("newsletter list"))
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.change("ann", donotbulkemail=True)
    office.sync()
    office.change("ann", donotbulkemail=False)
    office.sync()
    state = office.state()
    assert state["ann", "donotbulkemail"] is True
    assert state.get((ann, "newsletter"), NOT_SET) is not IN
    assert state[ann, "contoso"] is OUT


def test_case_30_a_flag_released_by_the_person_turns_no_old_membership_into_an_opt_in(open_office: OpenOffice) -> None:
    office = open_office(together(trusting("newsletter list"), policy(release_flag="when_all_in")))
    ann = office.contact("ann")
    with office.years_ago():
        office.join("ann", "newsletter list")
    office.change("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", IN)
    assert office.sync() == {("ann", "donotbulkemail"): False}
    assert office.sync() == {}
