"""Cases 61-71: which act counts: the time of it, where it was made, and how far it reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_sync.mapping.load import MappingError, load_mapping
from local.company import CONTOSO
from tests.cases.mappings import OpenOffice, flag, policy, trusting
from tests.cases.office import IN, OUT, Doorbell, Office, mapping_of


def test_case_61_at_the_same_moment_the_opt_out_wins(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso", IN)
    office.pass_time(-5)
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT}


def test_case_62_a_later_opt_in_by_the_person_for_the_same_scope_is_believed(
    office: Office, doorbell: Doorbell
) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    doorbell.listen_to(office)
    office.leave("ann", "newsletter list")
    assert office.work(*doorbell.wakes(office)) == {(ann, "newsletter"): OUT}
    office.says(ann, "newsletter", IN)
    assert office.work(*doorbell.wakes(office)) == {("ann", "newsletter list"): True}
    assert office.holds() == set()


def test_case_62_a_later_opt_in_to_the_brand_takes_the_person_off_its_opt_out_list(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso", OUT)
    assert office.sync() == {("ann", "no contoso"): True}
    office.says(ann, "contoso", IN)
    assert office.sync() == {("ann", "no contoso"): None}


def test_case_62_an_opt_in_that_was_there_before_the_opt_out_is_not_newer_because_somebody_edits_its_row(
    office: Office,
) -> None:
    ann = office.contact("ann")
    office.sync()
    row = office.says(ann, "newsletter", IN)
    office.sync()
    office.leave("ann", "newsletter list")
    office.pass_time()
    office.people.update(f"msdynmkt_contactpointconsent4s({row})", {"msdynmkt_reason": "spelling"})
    assert office.sync() == {(ann, "newsletter"): OUT}


def test_case_63_an_agent_who_turns_an_opt_out_around_is_held(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.says(ann, "newsletter", IN, "internal")
    assert office.sync() == {(ann, "newsletter"): OUT}
    assert office.holds() == {("row newsletter", "hold-loosened")}


def test_case_63_an_agent_is_believed_where_the_policy_says_so(open_office: OpenOffice) -> None:
    office = open_office(policy(trusted_opt_in_sources=["internal"]))
    ann = office.contact("ann")
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.says(ann, "newsletter", IN, "internal")
    assert office.sync() == {("ann", "newsletter list"): True}


def test_case_64_loaded_opt_outs_pass_and_loaded_opt_ins_do_not(office: Office) -> None:
    ann, bob = office.contact("ann"), office.contact("bob")
    office.join("ann", "newsletter list")
    office.sync()
    office.says(ann, "newsletter", OUT, "loaded")
    office.says(bob, "newsletter", IN, "loaded")
    office.says(bob, "contoso", IN, "loaded")
    assert office.sync() == {("ann", "newsletter list"): None}


def test_case_64_a_load_over_opt_outs_turns_none_around(office: Office) -> None:
    people = [office.contact(name, donotbulkemail=True) for name in ("ann", "bob", "eve")]
    office.sync()
    for address in people:
        office.says(address, "contoso", IN, "loaded")
    assert office.sync() == {(address, "contoso"): OUT for address in people}


def test_case_64_loaded_rows_cannot_be_trusted_by_policy(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"policy\.trusted_opt_in_sources\[1\]: .*known here: internal, pref"):
        load_mapping(mapping_of(tmp_path, policy(trusted_opt_in_sources=["preference_center", "loaded"])))
    with pytest.raises(MappingError, match=r"brands\.contoso\.trusted_opt_in_sources\[0\]"):
        load_mapping(mapping_of(tmp_path, lambda m: m["brands"]["contoso"].update(trusted_opt_in_sources=["loaded"])))


def test_case_65_a_box_left_unchecked_in_a_form_is_an_opt_out_and_its_origin_is_kept(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.says(ann, "newsletter", OUT, "realtime_form")
    assert office.sync() == {("ann", "newsletter list"): None}
    point = next(iter(office.everybody().points))
    lines = office.service.ledger.history(point)
    assert [line.because for line in lines if line.what == "evidence"] == ["realtime_form"]


PHONE = {"msdynmkt_contactpointtype": 534120001}


def test_case_66_a_form_that_opts_in_by_text_message_opts_nobody_in_by_mail(office: Office) -> None:
    ann = office.contact("ann", mobilephone="+4915112345678")
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.new_row("+4915112345678", "newsletter", IN, "realtime_form", **PHONE)
    office.new_row("+4915112345678", "contoso", IN, "realtime_form", **PHONE)
    assert office.sync() == {}


def test_case_67_nothing_is_written_while_a_double_opt_in_is_pending(office: Office) -> None:
    profile = f"msdynmkt_compliancesettings4s({CONTOSO.profile})"
    office.people.update(profile, {"msdynmkt_doistatus": 534120001, "msdynmkt_globaldoienabled": True})
    office.contact("ann")
    office.lead("lea")
    assert office.sync() == {}
    assert office.sync() == {}


def test_case_68_a_confirmed_double_opt_in_is_proof_and_its_time_is_kept(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.says(ann, "newsletter", IN, "realtime_form")
    assert office.sync() == {("ann", "newsletter list"): True}
    point = next(iter(office.everybody().points))
    known = office.service.ledger.load([point])[point].registers
    assert [scope.kind for scope, registers in known.items() if registers.latest_in > registers.latest_out] == ["topic"]


def confirming_profile(open_office: OpenOffice) -> Office:
    """Ann joins a trusted list of a brand whose profile wants a double opt-in."""
    office = open_office(trusting("newsletter list"))
    office.people.update(f"msdynmkt_compliancesettings4s({CONTOSO.profile})", {"msdynmkt_doistatus": 534120001})
    office.contact("ann")
    office.sync()
    office.join("ann", "newsletter list")
    return office


def test_case_69_a_list_cannot_stand_for_the_double_opt_in_that_the_profile_wants(open_office: OpenOffice) -> None:
    assert confirming_profile(open_office).sync() == {}


def test_case_69_an_opt_in_that_lacks_its_confirmation_is_reported(open_office: OpenOffice) -> None:
    office = confirming_profile(open_office)
    office.sync()
    assert office.held()


def test_case_70_an_opt_out_of_transactional_mail_stays_where_it_is(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso service", OUT)
    assert office.sync() == {}


def test_case_70_an_opt_out_of_transactional_mail_sets_the_flag_that_is_configured_for_it(
    open_office: OpenOffice,
) -> None:
    office = open_office(flag("donotemail", "transactional", write=True))
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso service", OUT)
    assert office.sync() == {("ann", "donotemail"): True}


def test_case_71_tracking_out_everywhere_sets_the_tracking_flag_of_contacts(office: Office) -> None:
    ann = office.contact("ann")
    office.lead("lea", address=ann)
    office.sync()
    office.says(ann, "contoso tracking", OUT)
    assert office.sync() == {}
    office.says(ann, "fabrikam tracking", OUT)
    assert office.sync() == {("ann", "msgdpr_donottrack"): True}


def test_case_71_tracking_opens_with_a_proof_for_each_purpose(office: Office) -> None:
    ann = office.contact("ann", msgdpr_donottrack=True)
    office.sync()
    office.says(ann, "contoso tracking", IN)
    assert office.sync() == {}
    office.says(ann, "fabrikam tracking", IN)
    assert office.sync() == {("ann", "msgdpr_donottrack"): False}


def test_case_71_tracking_does_not_open_without_proof(office: Office) -> None:
    ann = office.contact("ann", msgdpr_donottrack=True)
    office.sync()
    office.says(ann, "contoso tracking", IN, "internal")
    office.says(ann, "fabrikam tracking", IN, "internal")
    assert office.sync() == {(ann, "contoso tracking"): OUT, (ann, "fabrikam tracking"): OUT}
