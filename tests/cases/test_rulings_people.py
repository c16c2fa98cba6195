"""Rulings 1-4: who inherits, old addresses, narrow opt-ins, the first run."""

from __future__ import annotations

import pytest

from consent_sync.consent.landscape import Mode
from tests.cases.mappings import OpenOffice, one_brand, policy, together, two_columns
from tests.cases.office import IN, OUT, Doorbell, Office
from tests.cases.scenes import both_out

NEW = "ann@new.example"
HOME = "ann@home.example"


# 1. who inherits


def test_ruling_01_an_opt_out_on_a_record_covers_each_of_its_addresses(open_office: OpenOffice) -> None:
    office = open_office(two_columns)
    ann = office.contact("ann", emailaddress2=HOME)
    office.join("ann", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    assert office.sync() == {(ann, "newsletter"): OUT, (HOME, "newsletter"): OUT}


def test_ruling_01_an_opt_out_on_a_record_follows_its_changes_of_address(office: Office) -> None:
    office.contact("ann", donotbulkemail=True)
    office.sync()
    for address in (NEW, HOME):
        office.change("ann", emailaddress1=address)
        assert office.sync() == both_out(address)


def test_ruling_01_an_opt_out_on_a_record_blocks_an_address_while_the_record_holds_it(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.contact("bob", address=ann)
    office.sync()
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", IN)
    assert office.sync() == both_out(ann)


def test_ruling_01_an_opt_out_at_an_address_flags_every_record_that_holds_it(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.lead("lea", address=ann)
    office.says(ann, "contoso", OUT)
    assert office.sync() == {(name, "donotbulkemail"): True for name in ("ann", "bob", "lea")}


def test_ruling_01_an_opt_out_at_an_address_follows_each_of_its_holders_to_a_new_one(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.sync()
    office.says(ann, "contoso", OUT)
    office.sync()
    office.change("ann", emailaddress1=NEW)
    office.change("bob", emailaddress1="bob@new.example")
    assert office.sync() == {(NEW, "contoso"): OUT, ("bob@new.example", "contoso"): OUT}


def test_ruling_01_who_comes_to_an_address_later_does_not_carry_its_opt_out_away(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    address = office.contact("ann")
    office.says(address, "contoso", OUT)
    office.sync()
    office.change("ann", emailaddress1=None)
    office.contact("bob", address=address)
    assert office.sync() == {("bob", "donotbulkemail"): True}
    office.change("bob", lastname="Robert")
    assert office.sync() == {}
    office.change("bob", emailaddress1=HOME)
    assert (HOME, "contoso") not in office.sync()


def test_ruling_01_what_was_said_while_they_held_the_address_follows_them_whatever_is_edited(
    open_office: OpenOffice,
) -> None:
    office = open_office(one_brand)
    address = office.contact("ann")
    office.says(address, "contoso", OUT)
    office.sync()
    office.change("ann", emailaddress1=None)
    office.contact("bob", address=address)
    office.sync()
    office.says(address, "contoso", OUT, "list_unsubscribe")
    office.sync()
    office.change("bob", lastname="Robert")
    office.sync()
    office.change("bob", emailaddress1=HOME)
    assert (HOME, "contoso") in office.sync()


def shared_flag(office: Office) -> str:
    """Ann and Bob share an address and Ann objects; gives the address."""
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == both_out(ann) | {("bob", "donotbulkemail"): True}
    return ann


def test_ruling_01_a_derived_flag_spreads_no_further(open_office: OpenOffice) -> None:
    office = open_office(two_columns)
    ann = office.contact("ann")
    office.contact("bob", address=ann, emailaddress2=HOME)
    office.sync()
    office.change("ann", donotbulkemail=True)
    office.sync()
    office.change("bob", lastname="Robert")
    assert office.sync() == {}
    assert (HOME, "contoso") not in office.state()


def test_ruling_01_a_derived_flag_does_not_follow_its_record_and_stays(office: Office) -> None:
    shared_flag(office)
    office.change("bob", emailaddress1=HOME)
    assert office.sync() == {}
    assert office.state()["bob", "donotbulkemail"] is True


def test_ruling_01_when_the_sharing_ends_a_hold_proposes_to_clear_the_derived_flag(office: Office) -> None:
    shared_flag(office)
    office.change("bob", emailaddress1=HOME)
    office.sync()
    assert office.held() == {"flag donotbulkemail"}


# 2. old address unknown


def test_ruling_02_the_address_held_when_the_flag_was_set_gets_the_opt_out_too(
    office: Office, doorbell: Doorbell
) -> None:
    doorbell.listen_to(office)
    old = office.contact("ann")
    office.change("ann", donotbulkemail=True)
    office.change("ann", emailaddress1=NEW)
    assert office.work(*doorbell.wakes(office)) == both_out(old) | both_out(NEW)


def test_ruling_02_an_address_changed_before_anybody_looked_hands_on_its_opt_out(
    office: Office, doorbell: Doorbell
) -> None:
    old = office.contact("ann")
    office.says(old, "contoso", OUT)
    doorbell.listen_to(office)
    office.change("ann", emailaddress1=NEW)
    assert office.work(*doorbell.wakes(office))[NEW, "contoso"] is OUT


# 3. narrow opt-in after a wide opt-out


def test_ruling_03_a_later_opt_in_keeps_its_purpose_opted_in_under_the_flag(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    assert office.sync() == {}
    assert office.state()[ann, "contoso"] is IN
    assert office.state()["ann", "donotbulkemail"] is True


def test_ruling_03_a_later_narrow_opt_in_proposes_to_clear_the_flag(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    office.sync()
    assert office.held() == {"flag donotbulkemail"}


def test_ruling_03_the_flag_is_cleared_when_every_purpose_has_a_later_opt_in(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    assert office.sync() == {("ann", "donotbulkemail"): False}


def test_ruling_03_the_flag_stays_where_the_policy_never_releases_it(open_office: OpenOffice) -> None:
    office = open_office(together(one_brand, policy(release_flag="never")))
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    assert office.sync() == {}
    assert office.state()[ann, "contoso"] is IN


@pytest.mark.parametrize("mode", [Mode.RESTRICT, Mode.OBSERVE])
def test_ruling_03_the_flag_stays_in_a_mode_that_writes_no_opt_ins(open_office: OpenOffice, mode: Mode) -> None:
    office = open_office(together(one_brand, policy(mode=mode.value)))
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", OUT)
    office.sync()
    office.says(ann, "contoso", IN)
    assert office.sync() == {}


# 4. first run


def test_ruling_04_out_wins_over_whatever_is_older_than_the_ledger(office: Office) -> None:
    with office.years_ago(3):
        ann = office.contact("ann", donotbulkemail=True)
    with office.years_ago(1):
        office.says(ann, "contoso", IN)
        office.says(ann, "fabrikam", IN, "internal")
    assert office.sync() == both_out(ann)
    assert office.holds() == {("row contoso", "hold-old-opt-in")}


def test_ruling_04_an_opt_in_older_than_the_ledger_is_carried_nowhere(office: Office) -> None:
    with office.years_ago():
        ann = office.contact("ann")
        office.says(ann, "newsletter", IN)
    assert office.sync() == {}
