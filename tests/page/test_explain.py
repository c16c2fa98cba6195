"""The explanation as people ask for it in a browser."""

from __future__ import annotations

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from local.demo.acts import LEAVES_CONTOSO
from local.demo.place import Person, uncomplicated
from local.demo.stage import Stage
from tests.support.browser import needs_browser

pytestmark = needs_browser


@pytest.fixture(scope="module")
def person(stage: Stage) -> Person:
    """Somebody who opted out of one brand."""
    people = uncomplicated(stage.dataverse.snapshot())
    person = next(person for person, state in people.items() if LEAVES_CONTOSO.fits(state))
    LEAVES_CONTOSO.make(stage.dataverse, person)
    stage.wait_until_quiet()
    return person


@pytest.fixture
def asked(chromium: Browser, address: str) -> Page:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    page.get_by_role("link", name="Explain").click()
    return page


def ask(page: Page, whose: str) -> None:
    page.get_by_label("E-mail address").fill(whose)
    page.get_by_role("button", name="Explain").click()


def test_an_address_is_explained_without_scripts_and_never_stands_in_the_address_bar(
    asked: Page, person: Person
) -> None:
    ask(asked, person.address)
    expect(asked.get_by_role("heading", name="Contoso Commercial")).to_contain_text("out")
    expect(asked.get_by_text("in the preference centre").first).to_be_visible()
    assert person.address not in asked.url
    assert person.address not in asked.content()


def test_a_record_is_explained_by_its_id(asked: Page, person: Person) -> None:
    ask(asked, person.contact)
    expect(asked.get_by_role("heading", name="Contoso Commercial")).to_contain_text("out")


def test_what_is_neither_is_refused_with_the_form_still_there(asked: Page) -> None:
    ask(asked, "not an address")
    expect(asked.get_by_role("alert")).to_contain_text("not an e-mail address")
    expect(asked.get_by_role("button", name="Explain")).to_be_visible()


def test_everybody_can_read_it(chromium: Browser, address: str, person: Person) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 900})
    page.goto(address)
    page.get_by_role("link", name="Explain").click()
    ask(page, person.address)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_another_site_can_not_make_a_browser_ask(stage: Stage) -> None:
    answer = requests.post(
        f"{stage.host_url}/api/page/explain?code={stage.key}",
        data={"whose": "ann@example.com"},
        headers={"Sec-Fetch-Site": "cross-site"},
        timeout=10,
    )
    assert answer.status_code == 403
