"""Cases 72, 75 and 88-90: an opt-out that no location sees, because the person said it somewhere else.

The requests are those that the HTTP interface takes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.engine.intake import AnotherIntake, take_in, wake_of
from consent_sync.operate.body import CannotProcess
from consent_sync.operate.intake import IntakeRequest, intake_of
from tests.cases.mappings import OpenOffice, two_columns
from tests.cases.office import IN, OUT, PURPOSES, TOPICS, Office, State

EVERYWHERE = {"contoso": OUT, "fabrikam": OUT}


def record(office: Office, whose: dict[str, Any], way: str = "reply", **more: Any) -> bool:
    """Record an opt-out said now by the office's clock, as a clerk or a feed does; false if it was recorded before."""
    body = {"whose": whose, "way": way, "evidence": "ticket 4711", "said": now(office).isoformat(), **more}
    told = intake_of(IntakeRequest.model_validate(body), office.service.passes.tenant.landscape(), "Kim Berg")
    return take_in(office.service.ledger, told)


def said(office: Office, whose: dict[str, Any], way: str = "reply", **more: Any) -> State:
    """Record an opt-out, and give what the look that follows changes."""
    body = {"whose": whose, "way": way, "evidence": "ticket 4711", "said": now(office).isoformat(), **more}
    told = intake_of(IntakeRequest.model_validate(body), office.service.passes.tenant.landscape(), "Kim Berg")
    take_in(office.service.ledger, told)
    return office.work(wake_of(told))


def now(office: Office) -> datetime:
    return datetime.fromtimestamp(office.now, UTC)


def at(address: str, channel: str = "email") -> dict[str, Any]:
    return {"contact_point": {"channel": channel, "value": address}}


def of(office: Office, name: str) -> dict[str, Any]:
    return {"record": {"table": office.records[name].table, "id": office.records[name].id}}


def lines(office: Office, whose: ContactPoint | RecordRef) -> list[tuple[str, str, str, str]]:
    history = office.service.ledger.history(whose)
    return [(line.scope, line.rule, line.because, line.by) for line in history if line.what == "evidence"]


def test_case_72_a_stop_to_the_sender_of_text_messages_is_kept_and_touches_no_mail(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    assert said(office, at("+32 475 00 00 00", "text"), "sender") == {}
    kept = lines(office, ContactPoint(Channel.TEXT, "+32475000000"))
    assert kept == [("tenant:commercial", "intake", "sender: ticket 4711", "Kim Berg")]
    assert lines(office, ContactPoint(Channel.EMAIL, ann)) == []


def test_case_75_a_complaint_about_spam_is_an_opt_out_for_good(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    changed = said(office, at(ann), "complaint")
    assert changed == {(ann, brand): says for brand, says in EVERYWHERE.items()} | {("ann", "donotbulkemail"): True}
    office.says(ann, "contoso", IN)
    assert office.sync() == {(ann, "contoso"): OUT}, "not even the person's own later opt-in lifts it"


def test_case_88_who_clicked_an_old_link_is_opted_out_by_whoever_hears_of_it(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    changed = said(office, at(ann), "old_link")
    assert changed == {(ann, brand): says for brand, says in EVERYWHERE.items()} | {("ann", "donotbulkemail"): True}


@pytest.mark.parametrize("way", ["reply", "phone", "letter", "in_person"])
def test_case_89_an_opt_out_said_to_somebody_counts_like_a_click(office: Office, way: str) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "tips list")
    office.sync()
    assert said(office, at(ann), way, scope={"brand": "contoso"}) == {
        (ann, "contoso"): OUT,
        ("ann", "no contoso"): True,
        ("ann", "newsletter list"): None,
    }


def test_case_89_it_counts_from_when_it_was_said_so_a_later_opt_in_still_wins(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    office.says(ann, "contoso", IN)
    office.sync()
    earlier = (now(office) - timedelta(minutes=5)).isoformat()
    assert said(office, at(ann), "letter", scope={"brand": "contoso"}, said=earlier) == {}
    later = now(office).isoformat()
    assert said(office, at(ann), "letter", scope={"brand": "contoso"}, said=later)[ann, "contoso"] == OUT


def test_case_89_a_later_opt_in_by_the_person_is_believed(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    said(office, at(ann), "phone", scope={"brand": "contoso"})
    office.says(ann, "contoso", IN)
    assert office.sync() == {("ann", "no contoso"): None}


def test_case_89_said_for_a_record_it_covers_every_address_of_the_record(open_office: OpenOffice) -> None:
    office = open_office(two_columns)
    office.contact("ann", emailaddress2="ann@work.example")
    office.sync()
    changed = said(office, of(office, "ann"), "phone", scope={"brand": "fabrikam"})
    assert changed == {("ann@example.com", "fabrikam"): OUT, ("ann@work.example", "fabrikam"): OUT}


def test_case_89_said_for_a_purpose_or_a_topic_it_reaches_that_far(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "offers list")
    office.sync()
    topic, purpose = TOPICS["newsletter"].topic, PURPOSES["fabrikam"]
    changed = said(office, at(ann), scope={"topic": topic})
    assert changed == {(ann, "newsletter"): OUT, ("ann", "newsletter list"): None}
    assert said(office, at(ann), scope={"purpose": purpose}) == {(ann, "fabrikam"): OUT}


def test_case_89_the_history_says_who_recorded_it_and_where_the_evidence_is(office: Office) -> None:
    office.contact("ann")
    office.sync()
    said(office, of(office, "ann"), "phone", evidence="call of Monday, ticket 4711")
    (line,) = lines(office, office.records["ann"])
    assert line == ("tenant:commercial", "intake", "phone: call of Monday, ticket 4711", "Kim Berg")


def test_case_89_sent_twice_it_is_recorded_once(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    moment = now(office).isoformat()
    assert record(office, at(ann), id="ticket-4711", said=moment)
    assert not record(office, at(ann), id="ticket-4711", said=moment)
    assert len(lines(office, ContactPoint(Channel.EMAIL, ann))) == 1


def test_case_89_another_request_under_the_same_id_is_refused_not_lost(office: Office) -> None:
    ann, bob = office.contact("ann"), office.contact("bob")
    office.sync()
    record(office, at(ann), id="ticket-4711", scope={"brand": "contoso"})
    with pytest.raises(AnotherIntake):
        record(office, at(ann), id="ticket-4711", scope={"brand": "fabrikam"})
    assert record(office, at(bob), id="ticket-4711"), "one letter may speak for two people"


def test_case_89_what_is_only_observed_is_remembered_for_later(office: Office) -> None:
    ann = office.contact("ann")
    assert record(office, at(ann), scope={"brand": "contoso"})
    assert office.sync() == {(ann, "contoso"): OUT, ("ann", "no contoso"): True}


def test_case_89_an_address_that_nobody_holds_yet_is_closed_when_somebody_gets_it(office: Office) -> None:
    said(office, at("ann@example.com"), scope={"brand": "contoso"})
    ann = office.contact("ann")
    assert office.sync()["ann", "no contoso"] is True
    assert office.state()[ann, "contoso"] == OUT


def test_case_90_a_request_that_does_not_say_how_much_means_all_commercial_mail(office: Office) -> None:
    ann = office.contact("ann")
    office.sync()
    changed = said(office, at(ann))
    assert changed == {(ann, brand): says for brand, says in EVERYWHERE.items()} | {("ann", "donotbulkemail"): True}
    assert (ann, "contoso service") not in office.state(), "order confirmations go on"


@pytest.mark.parametrize(
    "scope",
    [
        {"brand": "nobody"},
        {"topic": "00000000-0000-4000-8000-000000000000"},
        {"purpose": "00000000-0000-4000-8000-000000000000"},
    ],
)
def test_case_90_a_scope_that_the_mapping_does_not_have_is_refused_not_guessed(
    office: Office, scope: dict[str, str]
) -> None:
    with pytest.raises(CannotProcess):
        record(office, at("ann@example.com"), scope=scope)
