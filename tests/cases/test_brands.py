"""Cases 10-17: from an opt-out at an address to the flags and lists of the records that hold it, brand by brand."""

from __future__ import annotations

from typing import Any

from local.company import CONTOSO, FABRIKAM
from local.emulator import schema
from tests.cases.mappings import OpenOffice, one_brand
from tests.cases.office import IN, OUT, Doorbell, Office
from tests.cases.scenes import LINK, THIRD_PURPOSE, add_purpose

THIRD_BRAND = "7a000000-0000-4000-8000-000000000001"


def test_case_10_the_only_brand_out_sets_the_flag_of_every_contact_with_that_address(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.contact("eve")
    office.sync()
    office.says(ann, "contoso", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True, ("bob", "donotbulkemail"): True}


def test_case_11_one_brand_out_changes_the_lists_of_that_brand_and_leaves_the_flag(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "offers list", "events list")
    office.sync()
    office.says(ann, "contoso", OUT)
    assert office.sync() == {
        ("ann", "newsletter list"): None,
        ("ann", "offers list"): None,
        ("ann", "no contoso"): True,
    }


def test_case_11_the_last_brand_out_sets_the_flag(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "events list")
    office.sync()
    office.says(ann, "contoso", OUT)
    office.sync()
    office.says(ann, "fabrikam", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True}


def test_case_12_an_opt_out_from_a_purpose_of_no_mapped_brand_sets_the_flag_and_alarms(office: Office) -> None:
    add_purpose(office, "nobody's", THIRD_PURPOSE)
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "nobody's", OUT)
    assert office.sync()["ann", "donotbulkemail"] is True
    assert office.holds()


def test_case_12_a_purpose_of_no_profile_is_never_written_and_waits_for_a_person(office: Office) -> None:
    add_purpose(office, "nobody's", THIRD_PURPOSE)
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    assert (ann, "nobody's") not in office.state()
    (hold,) = office.service.ledger.holds()
    assert (hold.rule, hold.location[:36]) == ("hold-purpose-of-no-brand", THIRD_PURPOSE)


def test_case_12_a_purpose_that_is_given_to_a_brand_counts_for_that_brand(office: Office) -> None:
    add_purpose(office, "nobody's", THIRD_PURPOSE)
    ann = office.contact("ann")
    office.sync()
    office.emulator.store.load(
        [(LINK, {"msdynmkt_purposeid": THIRD_PURPOSE, "msdynmkt_compliancesettings4id": FABRIKAM.profile})]
    )
    office.restart()
    office.says(ann, "nobody's", OUT)
    assert office.sync() == {}


def test_case_12_an_opt_in_to_a_purpose_of_no_mapped_brand_opens_nothing(office: Office) -> None:
    add_purpose(office, "nobody's", THIRD_PURPOSE)
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "nobody's", IN)
    assert office.sync() == {}


def test_case_12_an_event_about_a_purpose_that_the_mapping_leaves_alone_is_worked_like_any_other(
    open_office: OpenOffice, doorbell: Doorbell
) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.sync()
    doorbell.listen_to(office)
    office.says(ann, "fabrikam", OUT)
    wakes = doorbell.wakes(office)
    assert any(wake.acts for wake in wakes)
    assert office.work(*wakes) == {}


def third_brand(mapping: dict[str, Any]) -> None:
    mapping["brands"]["tailspin"] = {"profile": THIRD_BRAND}
    mapping["brands"]["fabrikam"]["opt_out_lists"] = ["fa000000-0000-4000-8000-000000000041"]


def test_case_13_an_opt_out_of_a_shared_purpose_counts_for_every_brand_that_has_it(open_office: OpenOffice) -> None:
    office = open_office(third_brand)
    shared, own = CONTOSO.commercial, FABRIKAM.commercial
    store = office.emulator.store
    no_fabrikam = {"listid": "fa000000-0000-4000-8000-000000000041", "listname": "No mail", "createdfromcode": 2}
    profile = {
        "msdynmkt_compliancesettings4id": THIRD_BRAND,
        "msdynmkt_name": "Tailspin",
        "msdynmkt_consentlinktype": 534120003,
    }
    store.load([("list", no_fabrikam), ("msdynmkt_compliancesettings4", profile)])
    office.lists["no fabrikam"] = str(no_fabrikam["listid"])
    add_purpose(office, "tailspin", THIRD_PURPOSE, THIRD_BRAND)
    store.load([(LINK, {"msdynmkt_purposeid": shared, "msdynmkt_compliancesettings4id": FABRIKAM.profile})])
    (link,) = store.find(schema.BY_NAME[LINK], msdynmkt_purposeid=own)
    store.delete(schema.BY_NAME[LINK], link[f"{LINK}id"])
    for topic in FABRIKAM.subscriptions:
        purpose = {"msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({shared})"}
        office.people.update(f"msdynmkt_topics({topic.topic})", purpose)
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "events list")
    office.sync()
    office.says(ann, "contoso", OUT)
    assert office.sync() == {
        ("ann", "newsletter list"): None,
        ("ann", "events list"): None,
        ("ann", "no contoso"): True,
        ("ann", "no fabrikam"): True,
    }


def all_out(office: Office) -> str:
    """Let Ann leave both brands, so that her flag is set."""
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso", OUT)
    office.says(ann, "fabrikam", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True}
    return ann


def test_case_14_a_later_opt_in_to_one_brand_leaves_the_flag_and_the_other_brand(office: Office) -> None:
    ann = all_out(office)
    office.says(ann, "contoso", IN)
    assert office.sync() == {}
    assert office.state()["ann", "donotbulkemail"] is True


def test_case_14_a_later_opt_in_to_one_brand_proposes_to_clear_the_flag(office: Office) -> None:
    ann = all_out(office)
    office.says(ann, "contoso", IN)
    office.sync()
    assert office.held() == {"flag donotbulkemail"}


def test_case_15_a_topic_out_takes_the_person_off_its_list_and_touches_nothing_else(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "contoso", IN)
    office.join("ann", "newsletter list", "offers list")
    office.sync()
    office.says(ann, "newsletter", OUT)
    assert office.sync() == {("ann", "newsletter list"): None}


def test_case_16_one_click_on_a_topic_is_about_that_topic(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "offers list")
    office.sync()
    office.says(ann, "newsletter", OUT, "list_unsubscribe", msdynmkt_logicalreason=534120007)
    assert office.sync() == {("ann", "newsletter list"): None}


def test_case_17_one_click_on_a_purpose_is_about_that_brand(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "tips list")
    office.sync()
    office.says(ann, "contoso", OUT, "list_unsubscribe", msdynmkt_logicalreason=534120007)
    assert office.sync() == {("ann", "newsletter list"): None, ("ann", "no contoso"): True}


def test_case_17_one_click_on_the_purpose_of_the_only_brand_sets_the_flag(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso", OUT, "list_unsubscribe", msdynmkt_logicalreason=534120007)
    assert office.sync() == {("ann", "donotbulkemail"): True}
