"""Cases 31-39: addresses that are shared, several, changed, reused, odd or unusable."""

from __future__ import annotations

import pytest

from consent_sync.consent.model import Channel, ContactPoint, Kind
from tests.cases.mappings import OpenOffice, one_brand, together, two_columns
from tests.cases.office import IN, OUT, Office
from tests.cases.scenes import both_out


def test_case_31_one_of_two_who_share_an_address_opts_out_and_both_are_flagged(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == both_out(ann) | {("bob", "donotbulkemail"): True}


def test_case_31_leaving_a_list_takes_all_who_share_the_address_off_it(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.join("ann", "newsletter list")
    office.join("bob", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    assert office.sync() == {(ann, "newsletter"): OUT, ("bob", "newsletter list"): None}


def test_case_32_an_opt_in_opens_nothing_while_another_holder_is_out(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.change("bob", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    office.says(ann, "fabrikam", IN)
    assert office.sync() == both_out(ann)


def test_case_32_an_opt_in_that_another_holder_blocks_is_shown_to_a_person(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.change("bob", donotbulkemail=True)
    office.sync()
    office.says(ann, "contoso", IN)
    office.sync()
    assert "row contoso" in office.held()


def test_case_32_an_opt_in_opens_where_all_who_share_the_address_are_free(office: Office) -> None:
    ann = office.contact("ann")
    office.contact("bob", address=ann)
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.says(ann, "newsletter", IN)
    changed = office.sync()
    assert (ann, "newsletter") not in changed
    assert office.state()[ann, "newsletter"] is IN


def test_case_33_a_secondary_address_out_flags_the_contact(open_office: OpenOffice) -> None:
    office = open_office(together(one_brand, two_columns))
    office.contact("ann", emailaddress2="ann@home.example")
    office.sync()
    office.says("ann@home.example", "contoso", OUT)
    assert office.sync()["ann", "donotbulkemail"] is True


def test_case_33_an_opt_in_at_one_address_opens_no_list_while_another_of_the_record_is_out(
    open_office: OpenOffice,
) -> None:
    office = open_office(two_columns)
    ann = office.contact("ann", emailaddress2="ann@home.example")
    office.join("ann", "newsletter list")
    office.says(ann, "newsletter", OUT)
    office.sync()
    office.says("ann@home.example", "newsletter", IN)
    office.sync()
    assert not office.is_on("ann", "newsletter list")


def test_case_33_an_address_in_a_column_that_is_not_configured_is_nobodys(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    office.contact("ann", emailaddress3="ann@home.example")
    office.sync()
    office.says("ann@home.example", "contoso", OUT)
    assert office.sync() == {}


def test_case_34_a_new_address_inherits_what_the_person_said_on_the_record(office: Office) -> None:
    old = office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    office.sync()
    office.change("ann", emailaddress1="ann@new.example")
    assert office.sync() == {("ann@new.example", "newsletter"): OUT}
    office.change("ann", donotbulkemail=True)
    assert office.sync() == both_out("ann@new.example")
    assert office.state()[old, "newsletter"] is OUT


@pytest.mark.parametrize("scope", ["contoso", "newsletter"])
def test_case_34_a_new_address_inherits_what_was_said_at_the_old_one(office: Office, scope: str) -> None:
    old = office.contact("ann")
    office.sync()
    office.says(old, scope, OUT)
    office.sync()
    office.change("ann", emailaddress1="ann@new.example")
    assert office.sync() == {("ann@new.example", scope): OUT}


def test_case_34_a_new_address_inherits_no_opt_in(office: Office) -> None:
    old = office.contact("ann")
    office.sync()
    office.says(old, "contoso", IN)
    office.says(old, "newsletter", IN)
    assert office.sync() == {("ann", "newsletter list"): True}
    office.change("ann", emailaddress1="ann@new.example")
    office.sync()
    assert not any(address == "ann@new.example" for address, _ in office.state())


def test_case_34_the_row_of_the_old_address_stays_as_it_is(office: Office) -> None:
    old = office.contact("ann")
    office.says(old, "contoso", OUT)
    office.says(old, "offers", IN)
    office.sync()
    office.change("ann", emailaddress1="ann@new.example")
    changed = office.sync()
    assert not any(address == old for address, _ in changed)


def test_case_35_an_address_taken_away_leaves_nothing_to_write_and_nothing_forgotten(office: Office) -> None:
    old = office.contact("ann", donotbulkemail=True)
    office.sync()
    office.change("ann", emailaddress1=None)
    assert office.sync() == {}
    office.change("ann", emailaddress1=old)
    assert office.sync() == {}
    office.change("ann", emailaddress1="ann@new.example")
    assert office.sync() == both_out("ann@new.example")


def test_case_36_an_address_that_moves_to_another_person_stays_out(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    address = office.contact("ann")
    office.says(address, "contoso", OUT)
    office.sync()
    office.change("ann", emailaddress1=None)
    office.contact("bob", address=address)
    assert office.sync() == {("bob", "donotbulkemail"): True}
    assert office.state()[address, "contoso"] is OUT


def test_case_36_an_address_that_moved_opens_when_the_new_holder_opts_in(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    address = office.contact("ann")
    office.says(address, "contoso", OUT)
    office.sync()
    office.change("ann", emailaddress1=None)
    office.contact("bob", address=address)
    office.sync()
    office.says(address, "contoso", IN)
    assert office.sync() == {("bob", "donotbulkemail"): False}
    assert office.state()[address, "contoso"] is IN
    assert office.state()["ann", "donotbulkemail"] is True


@pytest.mark.parametrize("written", ["Ann@Example.COM", "ann@example.com ", "ANN@EXAMPLE.COM  "])
def test_case_37_case_and_space_make_no_second_row_and_the_row_keeps_its_spelling(office: Office, written: str) -> None:
    office.contact("ann", address="aNN@example.com")
    row = office.new_row(written, "contoso", IN)
    office.says("ann@example.com", "fabrikam", IN)
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == both_out("ann@example.com")
    kept = office.row_of("ann@example.com", "contoso")
    assert (kept["msdynmkt_contactpointconsent4id"], kept["msdynmkt_contactpointvalue"]) == (row, written)


def test_case_37_tags_and_dots_tell_people_apart(office: Office) -> None:
    office.contact("ann", address="ann.lee@example.com")
    office.contact("tag", address="ann.lee+shop@example.com")
    office.contact("dot", address="annlee@example.com")
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == both_out("ann.lee@example.com")


def test_case_37_composed_and_decomposed_letters_are_the_same_address() -> None:
    composed = ContactPoint.of(Channel.EMAIL, "jos\N{LATIN SMALL LETTER E WITH ACUTE}@example.com")
    assert composed == ContactPoint.of(Channel.EMAIL, "jose\N{COMBINING ACUTE ACCENT}@example.com")


UNUSABLE = ["ann at example", "ann@", "@example.com", "ann@localhost", "ann lee@example.com"]


@pytest.mark.parametrize("address", UNUSABLE)
def test_case_38_no_row_is_written_for_an_unusable_address_and_the_flag_stays(office: Office, address: str) -> None:
    office.contact("ann", address=address, donotbulkemail=True)
    office.contact("bob", donotbulkemail=True)
    assert office.sync() == both_out("bob@example.com")
    assert office.state()["ann", "donotbulkemail"] is True


def test_case_38_an_address_longer_than_a_row_can_hold_is_none() -> None:
    assert ContactPoint.of(Channel.EMAIL, f"{'a' * 389}@example.com") is None
    assert ContactPoint.of(Channel.EMAIL, f"{'a' * 388}@example.com") is not None


def test_case_38_an_opt_out_at_an_unusable_address_still_sets_the_flag(open_office: OpenOffice) -> None:
    office = open_office(one_brand)
    office.contact("ann", address="ann at example")
    office.sync()
    office.says("ann at example", "contoso", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True}


def test_case_38_what_stands_in_place_of_an_address_does_not_tie_people_together(office: Office) -> None:
    office.contact("ann", address="n/a")
    office.contact("bob", address="N/A")
    office.sync()
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {}


def test_case_38_of_all_who_carry_no_address_only_who_is_looked_at_is_read(office: Office) -> None:
    for number in range(60):
        office.contact(f"person {number}", address="n/a")
    person = office.records["person 7"]
    seen = office.service.passes.tenant.gather((), [person])
    assert seen.records == {person}
    assert seen.holders == {}


def test_case_38_whoever_alone_carries_no_address_is_read_whole(office: Office) -> None:
    office.contact("ann", address="ann at home")
    ann = office.records["ann"]
    office.join("ann", "newsletter list")
    point = ContactPoint.of(Channel.EMAIL, "ann at home")
    assert point
    seen = office.service.passes.tenant.gather([point], ())
    assert seen.holders == {point: {ann}}
    assert any(o.location.kind is Kind.LIST and o.present for o in seen.observations)


def test_very_long_addresses_are_asked_for_in_more_queries(office: Office) -> None:
    """A query's address has room for 64 KB, which 150 long addresses in three columns exceed."""
    points = [ContactPoint.of(Channel.EMAIL, f"{number}{'ü' * 80}@example.com") for number in range(160)]
    snapshot = office.service.passes.tenant.gather([point for point in points if point], ())
    assert len(snapshot.complete) == 160
