"""What an explanation says, on the same tenant and service that the cases are decided on."""

from __future__ import annotations

from datetime import UTC, datetime

from consent_sync.consent.model import Channel, ContactPoint, Subject
from consent_sync.operate.explain.explain import explained
from consent_sync.operate.explain.text import as_text
from consent_sync.operate.explain.view import ExplainView, PlaceView, ScopeView
from tests.cases.office import IN, LISTS, OUT, SCOPES, Office
from tests.cases.test_intake import at, said

ANN = ContactPoint(Channel.EMAIL, "ann@example.com")


def explain(office: Office, whose: Subject = ANN) -> ExplainView:
    return explained(office.service, whose)


def scope(view: ExplainView, name: str, point: int = 0) -> ScopeView:
    (found,) = [scope for scope in view.points[point].scopes if scope.scope.endswith(f":{SCOPES.get(name, name)}")]
    return found


def place(view: ExplainView, where: str) -> PlaceView:
    (found,) = [place for place in view.places if place.where == where]
    return found


def test_it_says_which_click_caused_the_state_and_what_it_took_away(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.says("ann@example.com", "contoso", OUT, "list_unsubscribe")
    office.sync()
    view = explain(office)
    contoso = scope(view, "contoso")
    assert contoso.stands == "out"
    assert "given by one click on unsubscribe in the mail program" in contoso.because
    assert "Contoso Commercial" in contoso.because
    taken = place(view, "the list “Contoso newsletter”")
    assert (taken.says, taken.ours, taken.rule) == ("out", True, "out-covers-narrower")
    assert any(line.what == "write" and "Contoso newsletter" in line.text for line in view.history)


def test_a_topic_under_an_opted_out_purpose_names_the_purpose_as_what_would_change_it(office: Office) -> None:
    office.contact("ann")
    office.says("ann@example.com", "contoso", OUT)
    office.sync()
    topic = scope(explain(office), "newsletter")
    assert topic.stands == "out"
    assert "which covers this" in topic.because
    assert topic.change.startswith("An opt-in to the purpose “Contoso Commercial”")


def test_the_registers_are_shown_under_whoever_they_belong_to(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.change("ann", donotbulkemail=True)
    at = datetime.fromtimestamp(office.now, UTC)
    office.sync()
    (said,) = scope(explain(office), "commercial").said
    assert (said.of, said.latest_in, said.latest_out) == (f"the contact {office.records['ann'].id}", None, at)


def test_an_opt_in_that_won_is_explained_too(office: Office) -> None:
    office.contact("ann")
    office.says("ann@example.com", "contoso", OUT)
    office.sync()
    office.pass_time()
    office.says("ann@example.com", "contoso", IN)
    office.sync()
    contoso = scope(explain(office), "contoso")
    assert contoso.stands == "in"
    assert "in the preference centre" in contoso.because


def test_nothing_is_written_or_remembered_by_explaining(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.change("ann", donotbulkemail=True)
    before = office.state()
    view = explain(office)
    assert not place(view, "the consent row of the purpose “Contoso Commercial”").in_step
    assert office.state() == before
    assert office.service.ledger.history(ANN) == []


def test_what_waits_for_a_person_stands_beside_the_place(office: Office) -> None:
    office.contact("ann")
    office.says("ann@example.com", "contoso", OUT)
    office.sync()
    office.pass_time()
    office.says("ann@example.com", "contoso", IN, "internal")
    office.sync()
    (waiting,) = explain(office).waiting
    assert waiting.explanation.startswith("Somebody loosened a location without proof")
    assert "Contoso Commercial" in waiting.where


def test_a_record_is_explained_with_all_its_contact_points_by_number(office: Office) -> None:
    office.contact("ann")
    office.sync()
    view = explain(office, office.records["ann"])
    assert view.asked == f"the contact {office.records['ann'].id}"
    assert [point.name for point in view.points] == ["the contact point"]


def test_no_address_is_repeated(office: Office) -> None:
    office.contact("ann")
    office.says("ann@example.com", "contoso", OUT)
    office.sync()
    view = explain(office)
    assert "ann@" not in view.model_dump_json()
    assert "ann@" not in as_text(view)


def test_the_text_begins_with_the_answer(office: Office) -> None:
    office.contact("ann")
    office.join("ann", "newsletter list")
    office.sync()
    office.leave("ann", "newsletter list")
    office.pass_time()
    office.sync()
    text = as_text(explain(office))
    out = next(line for line in text.splitlines() if line.strip().startswith("OUT"))
    assert "the topic “Contoso newsletter”" in out
    assert f"the list “{office.service.passes.tenant.names()[LISTS['newsletter list']]}”" in text


def test_an_opt_out_told_to_somebody_says_to_whom_how_and_where_the_evidence_is(office: Office) -> None:
    office.contact("ann")
    office.sync()
    said(office, at("ann@example.com"), "phone", scope={"brand": "contoso"})
    contoso = scope(explain(office), "contoso")
    assert "given on the phone (ticket 4711); it was taken in by Kim Berg" in contoso.because
    assert contoso.change.startswith("An opt-in to the purpose “Contoso Commercial”")


def test_after_a_complaint_nothing_would_change_it_not_even_for_a_part(office: Office) -> None:
    office.contact("ann")
    office.sync()
    said(office, at("ann@example.com"), "complaint")
    said(office, at("ann@example.com"), "reply", scope={"brand": "contoso"})
    view = explain(office)
    assert {scope(view, name).change for name in ("commercial", "contoso", "fabrikam", "newsletter")} == {
        "Nothing: a complaint counts for good."
    }
    assert "U for good" in as_text(view)
    assert "2999" not in as_text(view)


def test_every_place_says_who_changed_its_row_last_and_in_which_version(office: Office) -> None:
    office.contact("ann")
    office.sync()
    office.says("ann@example.com", "contoso", OUT)
    office.sync()
    view = explain(office)
    clicked = place(view, "the consent row of the purpose “Contoso Commercial”")
    assert (clicked.changed_by, clicked.ours, bool(clicked.version)) == ("somebody else", False, True)
    office.change("ann", donotbulkemail=True)
    office.sync()
    followed = place(explain(office), "the consent row of the purpose “Fabrikam Commercial”")
    assert (followed.changed_by, followed.ours, bool(followed.version)) == ("this service", True, True)
