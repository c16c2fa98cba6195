"""Cases 50-60: consent rows that are doubled, inactive, foreign, emptied or gone, and purposes that change."""

from __future__ import annotations

import pytest

from consent_sync.tenant import tables
from local.company import CONTOSO
from local.emulator import schema
from tests.cases.office import DISABLED, IN, NOT_SET, OUT, RESTRICTIVE, SCOPES, Office

ROWS = "msdynmkt_contactpointconsent4"
INACTIVE = {"statecode": 1, "statuscode": 2}


def test_case_50_every_one_of_several_equal_rows_is_written(office: Office) -> None:
    ann = office.contact("ann")
    for spelling in (ann, ann.upper(), ann):
        office.new_row(spelling, "contoso", IN)
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync()[ann, "contoso"] == "out and out and out"


@pytest.mark.parametrize("latest", ["in", "out"])
def test_case_51_several_different_rows_say_out_as_long_as_the_opt_in_is_unproven(office: Office, latest: str) -> None:
    ann = office.contact("ann")
    first, second = ((OUT, "preference_center"), (IN, "internal"))[:: 1 if latest == "in" else -1]
    office.new_row(ann, "contoso", *first)
    office.new_row(ann, "contoso", *second)
    assert office.sync() == {(ann, "contoso"): "out and out", ("ann", "no contoso"): True}


def test_case_51_a_later_proven_opt_in_opens_them_all(office: Office) -> None:
    ann = office.contact("ann")
    office.new_row(ann, "newsletter", OUT)
    second = office.new_row(ann, "newsletter", OUT)
    office.sync()
    office.pass_time()
    office.people.update(f"{ROWS}s({second})", {"msdynmkt_value": 534120001, "msdynmkt_source": 534120004})
    assert office.sync() == {(ann, "newsletter"): "in and in", ("ann", "newsletter list"): True}


def test_case_52_an_inactive_row_counts_as_any_other(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.says(ann, "newsletter", OUT, **INACTIVE)
    assert office.sync() == {("ann", "newsletter list"): None}


def test_case_52_the_value_of_an_inactive_row_is_written_and_never_its_state(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "contoso", IN, **INACTIVE)
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync()[ann, "contoso"] is OUT
    assert office.row_of(ann, "contoso")["statecode"] == 1


def test_case_52_deactivating_an_opt_out_is_no_opt_in(office: Office) -> None:
    ann = office.contact("ann")
    row = office.says(ann, "newsletter", OUT)
    office.sync()
    office.pass_time()
    office.people.update(f"{ROWS}s({row})", INACTIVE)
    assert office.sync() == {}


def test_case_53_a_new_row_belongs_to_the_owner_of_its_purpose(office: Office) -> None:
    staff = office.people.whoami().user_id
    office.change_purpose("contoso", **{"ownerid@odata.bind": f"/systemusers({staff})"})
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    office.change("ann", donotbulkemail=True)
    office.sync()
    assert office.row_of(ann, "contoso")["ownerid"] == staff
    assert office.row_of(ann, "fabrikam")["ownerid"] != staff


def test_case_53_an_opt_out_in_a_foreign_business_unit_is_written_where_the_purpose_is_too(office: Office) -> None:
    ann = office.contact("ann")
    row = office.says(ann, "contoso", OUT)
    foreign = {"owningbusinessunit": "00000000-0000-4000-8000-00000000000b"}
    office.emulator.store.update(schema.BY_NAME[ROWS], row, foreign)
    office.sync()
    assert office.state()[ann, "contoso"] == "out and out"


def test_case_54_not_set_over_an_opt_out_is_no_opt_in(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "offers list")
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.says(ann, "newsletter", NOT_SET)
    assert office.sync() == {(ann, "newsletter"): OUT}
    assert office.holds() == {("row newsletter", "hold-loosened")}


def test_case_55_a_deleted_opt_out_comes_back(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.remove_row(ann, "newsletter")
    assert office.sync() == {(ann, "newsletter"): OUT}
    assert office.held() == {"row newsletter"}


def test_case_55_a_deleted_opt_in_opens_and_closes_nothing(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "newsletter", IN)
    office.sync()
    office.remove_row(ann, "newsletter")
    changed = office.sync()
    assert OUT not in changed.values()
    assert ("ann", "newsletter list") not in changed


def test_case_56_a_deactivated_topic_keeps_its_opt_outs_and_hears_new_ones(office: Office) -> None:
    office.people.update(f"msdynmkt_topics({SCOPES['newsletter']})", {"statecode": 1, "statuscode": 2})
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.says(ann, "newsletter", OUT)
    assert office.sync() == {("ann", "newsletter list"): None}


def test_case_56_a_deactivated_purpose_keeps_its_opt_outs_and_hears_new_ones(office: Office) -> None:
    office.change_purpose("contoso", statecode=1, statuscode=2)
    office.contact("ann")
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync()["ann@example.com", "contoso"] is OUT


def delete_topic(office: Office) -> None:
    office.people.delete(f"msdynmkt_topics({SCOPES['newsletter']})")
    office.restart()


def test_case_56_a_deleted_topic_does_not_stop_the_opt_outs_of_everything_else(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    delete_topic(office)
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT}


def test_case_56_a_deleted_topic_freezes_its_list_and_keeps_what_was_said(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "offers list")
    office.says(ann, "newsletter", OUT)
    office.sync()
    delete_topic(office)
    assert office.sync() == {}
    assert not office.is_on("ann", "newsletter list")


def test_case_56_a_deleted_purpose_does_not_stop_the_opt_outs_of_the_other_brand(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.people.delete(f"msdynmkt_purposes({SCOPES['contoso']})")
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ann, "fabrikam"): OUT}


def test_case_56_a_deleted_purpose_freezes_all_that_belongs_to_it(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "events list")
    office.sync()
    office.people.delete(f"msdynmkt_purposes({SCOPES['contoso']})")
    office.restart()
    office.leave("ann", "newsletter list")
    office.leave("ann", "events list")
    assert office.sync() == {(ann, "events"): OUT}
    assert {hold.rule for hold in office.service.ledger.holds()} == {"hold-mapping-gone"}


def test_case_56_a_deleted_profile_freezes_its_brand_only(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.people.delete(f"msdynmkt_compliancesettings4s({CONTOSO.profile})")
    office.restart()
    office.leave("ann", "newsletter list")
    assert office.sync() == {}
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ann, "fabrikam"): OUT}


def test_case_57_an_opt_out_is_written_to_a_purpose_that_is_not_enforced(office: Office) -> None:
    office.change_purpose("contoso", msdynmkt_enforcementmodel=DISABLED)
    ann = office.contact("ann")
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT}


def test_case_57_an_opt_out_of_a_purpose_that_is_not_enforced_sets_the_flag(office: Office) -> None:
    office.change_purpose("contoso", msdynmkt_enforcementmodel=DISABLED)
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso", OUT)
    assert office.sync()["ann", "donotbulkemail"] is True


def test_case_57_an_opt_out_of_a_purpose_that_is_not_enforced_alarms(office: Office) -> None:
    office.change_purpose("contoso", msdynmkt_enforcementmodel=DISABLED)
    office.says(office.contact("ann"), "contoso", OUT)
    office.sync()
    assert "hold-unenforced-purpose" in {hold.rule for hold in office.service.ledger.holds()}


@pytest.mark.parametrize("model", [DISABLED, RESTRICTIVE])
def test_case_58_another_enforcement_changes_no_data(office: Office, model: int) -> None:
    ann = office.contact("ann")
    office.contact("bob", donotbulkemail=True)
    office.says(ann, "newsletter", IN)
    office.sync()
    office.change_purpose("contoso", msdynmkt_enforcementmodel=model)
    office.restart()
    assert office.sync() == {}


def test_case_59_and_60_rows_are_written_whatever_the_switch_for_contact_consent_says(office: Office) -> None:
    # the switch stands nowhere that the service reads: an opt-out needs its row and its flag in either position
    ann = office.contact("ann")
    office.lead("lea")
    office.sync()
    office.change("ann", donotbulkemail=True)
    office.change("lea", donotbulkemail=True)
    changed = office.sync()
    assert {key for key, value in changed.items() if value is OUT} == {
        (address, brand) for address in (ann, "lea@example.com") for brand in ("contoso", "fabrikam")
    }


def test_case_55_a_row_restored_from_a_backup_as_opted_in_is_closed_again(office: Office) -> None:
    ann = office.contact("ann")
    row = office.new_row(ann, "newsletter", OUT)
    office.sync()
    office.pass_time()
    office.people.delete(f"{ROWS}s({row})")
    backup = {tables.ROW_KEY: row, "overriddencreatedon": "2020-01-01T00:00:00Z"}
    office.new_row(ann, "newsletter", IN, "preference_center", **backup)
    assert office.sync() == {(ann, "newsletter"): OUT}
