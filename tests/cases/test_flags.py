"""Cases 1-9: the preference columns of contacts and leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consent_sync.mapping.load import MappingError, load_mapping
from tests.cases.mappings import OpenOffice, flag, two_columns
from tests.cases.office import DISABLED, IN, NOT_SET, OUT, Office, mapping_of

BOTH_OUT = {("ann@example.com", "contoso"): OUT, ("ann@example.com", "fabrikam"): OUT}


def test_case_01_a_flag_set_writes_the_commercial_purposes_of_all_brands_and_nothing_else(office: Office) -> None:
    office.contact("ann")
    assert office.sync() == {}
    office.change("ann", donotbulkemail=True)
    assert office.sync() == BOTH_OUT


def test_case_01_a_flag_covers_every_configured_address_of_the_contact(open_office: OpenOffice) -> None:
    office = open_office(two_columns)
    office.contact("ann", emailaddress2="ann@home.example")
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == BOTH_OUT | {("ann@home.example", "contoso"): OUT, ("ann@home.example", "fabrikam"): OUT}


def test_case_01_a_flag_on_one_contact_leaves_others_alone(office: Office) -> None:
    office.contact("ann")
    office.contact("bob")
    office.change("ann", donotbulkemail=True)
    assert office.sync() == BOTH_OUT


def test_case_01_rows_that_say_opted_in_are_overruled(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", NOT_SET)
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == BOTH_OUT


def test_case_02_a_flag_that_is_false_without_history_says_nothing(office: Office) -> None:
    office.contact("ann", donotbulkemail=False)
    assert office.sync() == {}
    office.change("ann", donotbulkemail=False)
    assert office.sync() == {}


def test_case_02_a_flag_that_is_false_does_not_open_a_row_that_is_not_set(office: Office) -> None:
    office.says(office.contact("ann"), "contoso", NOT_SET)
    assert office.sync() == {}


def test_case_03_a_flag_cleared_by_staff_is_set_again_and_a_person_asked(office: Office) -> None:
    office.contact("ann", donotbulkemail=True)
    office.sync()
    office.change("ann", donotbulkemail=False)
    assert office.sync() == {("ann", "donotbulkemail"): True}
    assert office.holds() == {("flag donotbulkemail", "hold-loosened")}
    assert office.sync() == {}


def test_case_03_a_flag_stays_clear_when_the_person_opted_in_everywhere_after_setting_it(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", IN)
    office.change("ann", donotbulkemail=False)
    assert office.sync() == {}
    assert office.holds() == set()


def test_case_03_an_opt_in_older_than_the_flag_lifts_nothing(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", IN)
    office.change("ann", donotbulkemail=True)
    office.sync()
    office.change("ann", donotbulkemail=False)
    assert office.sync() == {("ann", "donotbulkemail"): True}


def test_case_04_a_flag_without_a_value_is_neither_in_nor_out(office: Office) -> None:
    office.contact("ann", donotbulkemail=None)
    assert office.sync() == {}


def test_case_04_a_flag_emptied_after_it_was_set_is_set_again(office: Office) -> None:
    office.contact("ann", donotbulkemail=True)
    office.sync()
    office.change("ann", donotbulkemail=None)
    assert office.sync() == {("ann", "donotbulkemail"): True}
    assert office.held() == {"flag donotbulkemail"}


def test_case_04_a_column_that_nobody_has_is_refused_with_its_remedy(open_office: OpenOffice) -> None:
    office = open_office(flag("donotanything", "commercial", write=True))
    office.contact("ann", donotbulkemail=True)
    with pytest.raises(MappingError, match=r"flags\.donotanything.*Remove the flag"):
        office.sync()


def test_case_05_donotemail_stops_commercial_and_transactional_mail(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.change("ann", donotemail=True)
    assert office.sync() == BOTH_OUT | {
        ("ann@example.com", "contoso service"): OUT,
        ("ann", "donotbulkemail"): True,
    }


def test_case_05_a_transactional_purpose_that_is_not_enforced_raises_an_alarm(office: Office) -> None:
    office.change_purpose("contoso service", msdynmkt_enforcementmodel=DISABLED)
    office.contact("ann", donotemail=True)
    office.sync()
    assert "hold-unenforced-purpose" in {hold.rule for hold in office.service.ledger.holds()}


def test_case_06_flags_for_other_channels_mean_nothing_for_mail(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.change("ann", donotphone=True, donotfax=True, donotpostalmail=True)
    assert office.sync() == {}


def test_case_07_donottrack_closes_every_tracking_purpose_and_no_other(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.change("ann", msgdpr_donottrack=True)
    assert office.sync() == {
        ("ann@example.com", "contoso tracking"): OUT,
        ("ann@example.com", "fabrikam tracking"): OUT,
    }


@pytest.mark.parametrize("level", [587030001, 587030002, 587030004, 587030005])
def test_case_08_the_consent_level_means_nothing_unless_mapped(office: Office, level: int) -> None:
    office.contact("ann")
    office.sync()
    office.change("ann", msgdpr_gdprconsent=level)
    assert office.sync() == {}


def test_case_08_a_column_that_is_no_yes_or_no_is_refused_as_a_flag(open_office: OpenOffice) -> None:
    office = open_office(flag("msgdpr_gdprconsent", "commercial", write=False))
    office.contact("ann")
    with pytest.raises(MappingError, match=r"\.yaml:\d+: flags\.msgdpr_gdprconsent: .*Yes/No"):
        office.sync()


gdpr_flag = flag("msdyn_gdproptout", "commercial", write=False)


def test_case_09_the_gdpr_flag_means_nothing_unless_mapped(office: Office) -> None:
    office.contact("ann", msdyn_gdproptout=True, donotsendmm=True)
    assert office.sync() == {}


def test_case_09_the_gdpr_flag_suppresses_where_it_is_mapped(open_office: OpenOffice) -> None:
    office = open_office(gdpr_flag)
    office.contact("ann")
    office.sync()
    office.change("ann", msdyn_gdproptout=True)
    assert office.sync() == BOTH_OUT | {("ann", "donotbulkemail"): True}


def test_case_09_the_gdpr_flag_is_never_cleared_whatever_the_person_says_elsewhere(open_office: OpenOffice) -> None:
    office = open_office(gdpr_flag)
    ann = office.contact("ann", msdyn_gdproptout=True)
    office.sync()
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", IN)
    office.sync()
    assert office.state()["ann", "msdyn_gdproptout"] is True


def test_case_09_a_flag_is_never_a_mapping_without_a_word_on_writing(tmp_path: Path) -> None:
    def edit(mapping: dict[str, Any]) -> None:
        mapping["flags"]["msdyn_gdproptout"] = {"means": ["commercial"]}

    with pytest.raises(MappingError, match=r"msdyn_gdproptout\.write"):
        load_mapping(mapping_of(tmp_path, edit))
