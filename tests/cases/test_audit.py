"""Ruling 9: an audit log dates what lost events do not, where there is one and we may read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consent_sync.consent.model import Channel, ContactPoint, Kind, Location, Observation, purpose
from consent_sync.tenant import tables
from consent_sync.tenant.audit import acts_behind
from tests.cases.mappings import OpenOffice, one_brand
from tests.cases.office import IN, OUT, SCOPES, Office

ANN = "ann@example.com"


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """Ann has opted in to the only brand, and the service has seen it."""
    office = open_office(one_brand)
    office.emulator.audit([tables.ROW_TABLE])
    office.contact("ann")
    office.says(ANN, "contoso", IN)
    office.sync()
    return office


def objects_and_returns(office: Office) -> None:
    """Let Ann object on her record, then opt out and in at the preference centre, and let no event tell of it."""
    office.change("ann", donotbulkemail=True)
    office.says(ANN, "contoso", OUT)
    office.says(ANN, "contoso", IN)


def requests_of(office: Office) -> int:
    before = len(office.emulator.log.since(0))
    office.sync()
    return len(office.emulator.log.since(0)) - before


def test_ruling_09_a_return_to_what_a_row_said_before_is_seen_in_the_audit_log(office: Office) -> None:
    objects_and_returns(office)
    assert office.sync() == {("ann", "donotbulkemail"): False}


@pytest.mark.parametrize("audited", [[], ["contact"]])
def test_ruling_09_where_consent_is_not_audited_the_opt_out_stands(office: Office, audited: list[str]) -> None:
    office.emulator.audit(audited)
    objects_and_returns(office)
    assert office.sync() == {(ANN, "contoso"): OUT}


def test_ruling_09_an_opt_out_after_the_return_stands(office: Office) -> None:
    office.says(ANN, "contoso", OUT)
    office.says(ANN, "contoso", IN)
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ANN, "contoso"): OUT}


def test_ruling_09_a_row_that_was_only_confirmed_again_is_dated_too(office: Office) -> None:
    office.change("ann", donotbulkemail=True)
    office.says(ANN, "contoso", IN, "realtime_form")
    assert office.sync() == {("ann", "donotbulkemail"): False}


def test_ruling_09_the_log_is_asked_only_about_an_opt_in_that_nothing_dates(office: Office) -> None:
    nothing_new = requests_of(office)
    office.change("ann", lastname="Lee")
    assert requests_of(office) == nothing_new
    office.says(ANN, "contoso", IN, "realtime_form")
    assert requests_of(office) == nothing_new + 1


def test_ruling_09_where_we_may_not_read_the_log_the_opt_out_stands_and_we_ask_once(office: Office) -> None:
    nothing_new = requests_of(office)
    office.emulator.admin._restrict((), ["prvReadAuditSummary"])
    for source, more in (("realtime_form", 1), ("preference_center", 0)):
        office.says(ANN, "contoso", IN, source)
        assert requests_of(office) == nothing_new + more
    objects_and_returns(office)
    assert office.sync() == {(ANN, "contoso"): OUT}


def test_ruling_09_the_log_tells_each_change_to_the_second_and_our_own_are_no_acts(office: Office) -> None:
    began = datetime.fromtimestamp(office.now, UTC)
    office.says(ANN, "contoso", OUT)
    row_id = office.says(ANN, "contoso", IN)
    point = ContactPoint.of(Channel.EMAIL, ANN)
    assert point
    row = Observation(Location(point, Kind.ROW, str(purpose(SCOPES["contoso"])), row_id), IN)
    told = acts_behind(office.service.client, office.service.client.whoami().user_id, [(row, began)])
    assert [(act.reading, act.at.timestamp() - began.timestamp()) for act in told] == [(IN, 10), (OUT, 5)]
    assert acts_behind(office.service.client, office.people.whoami().user_id, [(row, began)]) == []
