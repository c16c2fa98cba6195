"""Cases 40-49: leads, new, merged, deactivated and deleted records, and minors."""

from __future__ import annotations

import pytest

from consent_sync.engine.scopes import Scope
from consent_sync.ports.wake import PageTurn
from tests.cases.mappings import OpenOffice, one_brand
from tests.cases.office import IN, INACTIVE_CONTACT, OUT, Office

QUALIFIED = {"statecode": 1, "statuscode": 3}


def test_case_40_a_lead_with_the_same_address_is_flagged_too(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.lead("lea", address=ann)
    office.sync()
    office.says(ann, "contoso", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True, ("lea", "donotbulkemail"): True}


def test_case_40_a_lead_that_says_nothing_opens_nothing_at_a_contact(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.lead("lea", address=ann)
    assert office.sync() == {("lea", "donotbulkemail"): True}
    office.change("lea", donotbulkemail=False)
    assert office.sync() == {("lea", "donotbulkemail"): True}
    assert office.state()["ann", "donotbulkemail"] is True


@pytest.mark.parametrize(("said", "follows"), [("ann", "lea"), ("lea", "ann")])
def test_case_41_where_lead_and_contact_disagree_the_opt_out_wins(office: Office, said: str, follows: str) -> None:
    ann = office.contact("ann")
    office.lead("lea", address=ann)
    office.sync()
    office.change(said, donotbulkemail=True)
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT, (follows, "donotbulkemail"): True}


def test_case_42_a_contact_made_from_a_lead_gets_the_opt_outs_of_its_address(office: Office) -> None:
    lea = office.lead("lea", donotbulkemail=True)
    office.sync()
    lead = office.records["lea"].id
    office.contact("ann", address=lea, **{"originatingleadid@odata.bind": f"/leads({lead})"})
    office.change("lea", **QUALIFIED)
    assert office.sync() == {("ann", "donotbulkemail"): True}


def test_case_42_a_lead_flagged_after_it_was_qualified_still_counts(office: Office) -> None:
    lea = office.lead("lea")
    office.contact("ann", address=lea)
    office.change("lea", **QUALIFIED)
    office.sync()
    office.change("lea", donotbulkemail=True)
    assert office.sync() == {(lea, "contoso"): OUT, (lea, "fabrikam"): OUT, ("ann", "donotbulkemail"): True}


def test_case_43_a_new_contact_at_an_opted_out_address_is_flagged_at_once(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    office.says("ann@example.com", "contoso", OUT)
    office.sync()
    office.contact("ann")
    assert office.sync() == {("ann", "donotbulkemail"): True}


def test_case_43_a_new_contact_at_an_address_that_left_one_brand_goes_on_its_opt_out_list(office: Office) -> None:
    office.says("ann@example.com", "contoso", OUT)
    office.sync()
    office.contact("ann")
    office.join("ann", "newsletter list", "events list")
    assert office.sync() == {("ann", "newsletter list"): None, ("ann", "no contoso"): True}


def test_case_44_who_shares_the_address_of_a_flagged_duplicate_is_flagged_before_and_after_the_merge(
    office: Office,
) -> None:
    ann = office.contact("ann")
    office.contact("twin", address=ann)
    office.change("twin", donotbulkemail=True)
    office.merge("ann", "twin")
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT, ("ann", "donotbulkemail"): True}


def test_case_44_the_master_takes_over_the_flag_of_the_merged_record(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("twin", donotbulkemail=True)
    office.sync()
    office.merge("ann", "twin")
    assert office.sync() == {("ann", "donotbulkemail"): True, (ann, "contoso"): OUT, (ann, "fabrikam"): OUT}


def test_case_44_the_master_takes_over_that_the_merged_record_left_a_list(office: Office) -> None:
    office.contact("ann")
    office.contact("twin")
    office.join("ann", "newsletter list")
    office.join("twin", "newsletter list")
    office.sync()
    office.leave("twin", "newsletter list")
    office.sync()
    office.merge("ann", "twin")
    assert office.sync() == {("ann", "newsletter list"): None, ("ann@example.com", "newsletter"): OUT}


def test_case_44_the_master_takes_over_the_opt_out_list_of_the_merged_record(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("twin")
    office.join("twin", "no contoso")
    office.sync()
    office.merge("ann", "twin")
    changed = office.sync()
    assert changed[ann, "contoso"] is OUT
    assert office.is_on("ann", "no contoso")


def test_case_44_a_membership_that_came_with_the_merge_puts_nobody_back_who_had_left(office: Office) -> None:
    office.contact("ann")
    office.contact("twin")
    office.join("ann", "newsletter list")
    office.join("twin", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    office.sync()
    office.merge("ann", "twin")
    assert office.is_on("ann", "newsletter list")
    assert office.sync() == {("ann", "newsletter list"): None}


def test_case_44_the_rows_of_the_merged_records_address_stay(office: Office) -> None:
    office.contact("ann")
    twin = office.contact("twin")
    office.says(twin, "contoso", OUT)
    office.says(twin, "events", IN)
    office.sync()
    office.merge("ann", "twin")
    changed = office.sync()
    assert not any(address == twin for address, _ in changed)


def test_case_45_a_deactivated_contact_keeps_its_opt_outs(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.join("ann", "events list")
    office.sync()
    office.change("ann", **INACTIVE_CONTACT)
    assert office.sync() == {}
    office.says(ann, "contoso", IN, "internal")
    assert office.sync() == {(ann, "contoso"): OUT}


def test_case_45_a_deactivated_contact_is_put_on_no_list(office: Office) -> None:
    ann = office.contact("ann", **INACTIVE_CONTACT)
    office.sync()
    office.says(ann, "newsletter", IN)
    assert office.sync() == {}


def test_case_45_the_flag_of_a_deactivated_contact_is_not_cleared(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.change("ann", **INACTIVE_CONTACT)
    office.sync()
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", IN)
    assert office.sync() == {}


def test_case_46_a_deleted_contact_leaves_its_rows_as_they_are(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.join("ann", "newsletter list")
    office.says(ann, "tips", IN)
    office.sync()
    before = {key: value for key, value in office.state().items() if key[0] == ann}
    office.delete("ann")
    assert office.sync() == {}
    assert {key: value for key, value in office.state().items() if key[0] == ann} == before


def test_case_46_a_one_click_that_arrives_after_the_contact_is_gone_is_kept_for_the_next(
    open_office: OpenOffice,
) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.sync()
    office.delete("ann")
    office.says(ann, "contoso", OUT, "list_unsubscribe")
    assert office.sync() == {}
    office.contact("again", address=ann)
    assert office.sync() == {("again", "donotbulkemail"): True}


def test_case_49_no_opt_in_of_a_minor_travels(office: Office) -> None:
    ann = office.contact("ann", msgdpr_gdprischild=True)
    office.sync()
    office.says(ann, "newsletter", IN)
    assert office.sync() == {}


def test_case_49_the_opt_outs_of_a_minor_travel(office: Office) -> None:
    ann = office.contact("ann", msgdpr_gdprischild=True)
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT}


def test_case_44_one_resync_reaches_who_shares_the_address_of_a_merged_leads_master(office: Office) -> None:
    shared = office.contact("bert")
    office.lead("master", address=shared)
    office.lead("twin")
    office.sync()
    office.change("twin", donotbulkemail=True)
    office.resync()
    office.merge("master", "twin")
    office.pass_time()
    _, turns = office.service.passes.start_resync(Scope("all"), dry_run=False, reason="contacts before leads")
    for turn in turns:
        assert isinstance(turn, PageTurn)
        office.service.passes.turn(turn)
    assert office.state()["bert", "donotbulkemail"] is True
    assert {office.state()[shared, brand] for brand in ("contoso", "fabrikam")} == {OUT}
