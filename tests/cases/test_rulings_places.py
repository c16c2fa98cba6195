"""Rulings 5-8 and 10: what was loosened, wider opt-outs, several purposes, lists, inactive records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.mappings import OpenOffice, flag, one_brand, policy, trusting
from tests.cases.office import IN, INACTIVE_CONTACT, NOT_SET, OUT, Office
from tests.cases.scenes import THIRD_PURPOSE, add_purpose, both_out, crowd, empty

NEW = "ann@new.example"
HOME = "ann@home.example"


# 5. locations loosened without proof


def cleared(office: Office, _ann: str) -> None:
    office.change("ann", donotbulkemail=False)


def emptied(office: Office, ann: str) -> None:
    office.says(ann, "contoso", NOT_SET)


def imported(office: Office, ann: str) -> None:
    office.says(ann, "contoso", IN, "loaded")


def deleted(office: Office, ann: str) -> None:
    office.remove_row(ann, "contoso")


LOOSEN = pytest.mark.parametrize("loosen", [cleared, emptied, imported, deleted])


@LOOSEN
def test_ruling_05_what_was_loosened_without_proof_is_written_out_again_and_held(
    office: Office, loosen: Callable[[Office, str], None]
) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    before = office.state()
    loosen(office, ann)
    office.sync()
    assert office.state() == before
    assert {rule for _, rule in office.holds()} == {"hold-loosened"}
    assert len(office.holds()) == 1


def test_ruling_05_a_member_put_back_on_an_untrusted_list_is_taken_off_and_held(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    office.sync()
    office.join("ann", "newsletter list")
    assert office.sync() == {("ann", "newsletter list"): None}
    assert office.holds() == {("list newsletter list", "hold-loosened")}


@LOOSEN
def test_ruling_05_the_policy_may_leave_it_as_it_is_until_a_person_decides(
    open_office: OpenOffice, loosen: Callable[[Office, str], None]
) -> None:
    office = open_office(policy(loosened_without_proof="hold"))
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    loosen(office, ann)
    assert office.sync() == {}
    assert len(office.holds()) == 1


@LOOSEN
def test_ruling_05_the_policy_may_trust_whoever_loosened_it(
    open_office: OpenOffice, loosen: Callable[[Office, str], None]
) -> None:
    office = open_office(policy(loosened_without_proof="trust"))
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    loosen(office, ann)
    assert OUT not in office.sync().values()
    assert "hold-loosened" not in {rule for _, rule in office.holds()}


# 6. under a wider opt-out


def test_ruling_06_topic_rows_stay_as_they_are_under_an_opted_out_purpose(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "newsletter", IN)
    office.sync()
    office.says(ann, "contoso", OUT)
    assert (ann, "newsletter") not in office.sync()


def test_ruling_06_memberships_and_opt_out_lists_stay_as_they_are_under_a_set_flag(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "events list")
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == both_out(ann)
    office.says(ann, "events", OUT)
    assert office.sync() == {}


def gone_and_back(office: Office) -> str:
    """Ann leaves Contoso, is taken off its list, and comes back."""
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.says(ann, "contoso", OUT)
    assert office.sync() == {("ann", "newsletter list"): None, ("ann", "no contoso"): True}
    office.says(ann, "contoso", IN)
    return ann


def test_ruling_06_what_was_taken_away_does_not_come_back_by_itself(office: Office) -> None:
    gone_and_back(office)
    assert office.sync() == {("ann", "no contoso"): None}


def test_ruling_06_a_hold_proposes_to_put_back_what_was_taken_away(office: Office) -> None:
    gone_and_back(office)
    office.sync()
    assert office.held() == {"list newsletter list"}


# 7. several commercial purposes in a brand


def second_purpose(office: Office) -> str:
    """Contoso gets a second commercial purpose, without topics; gives Ann's address."""
    add_purpose(office, "contoso second", THIRD_PURPOSE, "c0000000-0000-4000-8000-000000000001")
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "events list")
    office.sync()
    return ann


def test_ruling_07_one_purpose_out_concerns_its_own_topics_only(office: Office) -> None:
    ann = second_purpose(office)
    office.says(ann, "contoso second", OUT)
    assert office.sync() == {}
    office.says(ann, "contoso second", IN)
    office.says(ann, "contoso", OUT)
    assert office.sync() == {("ann", "newsletter list"): None}


def test_ruling_07_the_brand_is_out_when_all_of_its_purposes_are(office: Office) -> None:
    ann = second_purpose(office)
    office.says(ann, "contoso second", OUT)
    office.says(ann, "contoso", OUT)
    assert office.sync() == {("ann", "newsletter list"): None, ("ann", "no contoso"): True}


def test_ruling_07_an_opt_out_list_means_the_commercial_purposes_of_its_brand(office: Office) -> None:
    ann = second_purpose(office)
    office.leave("ann", "newsletter list")
    office.sync()
    office.join("ann", "no contoso")
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "contoso second"): OUT}


def test_ruling_07_the_tracking_flag_waits_for_all_brands(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "fabrikam tracking", OUT)
    assert office.sync() == {}
    office.says(ann, "contoso tracking", OUT)
    assert office.sync() == {("ann", "msgdpr_donottrack"): True}


def test_ruling_07_the_writable_flag_follows_a_read_only_one(open_office: OpenOffice) -> None:
    office = open_office(flag("donotemail", "commercial", write=False))
    office.contact("ann")
    office.sync()
    office.change("ann", donotemail=True)
    assert office.sync()["ann", "donotbulkemail"] is True


# 8. lists


def test_ruling_08_somebody_else_who_removes_a_member_counts_as_the_member_leaving(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.pass_time()
    office.take_off("ann", "newsletter list")
    assert office.sync() == {("ann@example.com", "newsletter"): OUT}


@pytest.mark.parametrize(("members", "leave"), [(38, 19), (60, 20)], ids=["fewer than twenty", "less than half"])
def test_ruling_08_many_who_leave_are_still_people(office: Office, members: int, leave: int) -> None:
    names = crowd(office, members)
    office.sync()
    empty(office, "newsletter list", names[:leave])
    assert office.sync() == {(f"{name}@example.com", "newsletter"): OUT for name in names[:leave]}


def test_ruling_08_an_emptied_list_is_frozen_both_ways_and_alarms(open_office: OpenOffice) -> None:
    office = open_office(trusting("newsletter list"))
    names = crowd(office, 40)
    office.sync()
    empty(office, "newsletter list", names[:20])
    assert office.sync() == {}
    assert office.held()
    office.join(names[0], "newsletter list")
    assert office.sync() == {}


def test_ruling_08_vouching_for_a_list_vouches_for_everybody_who_adds_members(open_office: OpenOffice) -> None:
    office = open_office(trusting("newsletter list"))
    ann = office.contact("ann")
    office.sync()
    office.join("ann", "newsletter list")
    assert office.sync() == {(ann, "newsletter"): IN}


def locked_list(open_office: OpenOffice, choice: str) -> Office:
    """Ann opts out of a topic whose list takes no change."""
    office = open_office(policy(unwritable_list=choice))
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.change_list("newsletter list", lockstatus=True)
    office.sync()
    office.says(ann, "newsletter", OUT)
    return office


@pytest.mark.parametrize(("choice", "changed"), [("flag", {("ann", "donotbulkemail"): True}), ("alarm", {})])
def test_ruling_08_a_list_that_cannot_be_written_falls_back_as_the_policy_says(
    open_office: OpenOffice, choice: str, changed: dict[Any, Any]
) -> None:
    assert locked_list(open_office, choice).sync() == changed


@pytest.mark.parametrize("choice", ["flag", "alarm"])
def test_ruling_08_a_list_that_cannot_be_written_alarms(open_office: OpenOffice, choice: str) -> None:
    office = locked_list(open_office, choice)
    office.sync()
    assert "list newsletter list" in office.held()


# 10. inactive records, records without a contact point


def test_ruling_10_the_opt_out_of_an_inactive_record_counts(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.change("ann", donotbulkemail=True, **INACTIVE_CONTACT)
    assert office.sync() == both_out(ann) | {("bob", "donotbulkemail"): True}


def test_ruling_10_an_inactive_record_gets_opt_outs_and_keeps_its_memberships(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.change("ann", **INACTIVE_CONTACT)
    office.says(ann, "newsletter", OUT)
    assert office.sync() == {}
    office.says(ann, "contoso", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True}


def test_ruling_10_memberships_follow_when_the_record_is_active_again(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.change("ann", **INACTIVE_CONTACT)
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.change("ann", statecode=0, statuscode=1)
    assert office.sync() == {("ann", "newsletter list"): None}


def test_ruling_10_a_record_without_an_address_is_remembered(office: Office) -> None:
    office.contact("ann", address=None)
    office.join("ann", "newsletter list")
    assert office.sync() == {}
    office.leave("ann", "newsletter list")
    assert office.sync() == {}
    office.change("ann", emailaddress1=NEW)
    assert office.sync() == {(NEW, "newsletter"): OUT}
