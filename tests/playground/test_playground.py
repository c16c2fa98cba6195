"""The playground as a visitor uses it, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from local.demo.servers import free_port
from local.demo.stage import Stage
from local.playground.app import Playground, serve
from tests.support.browser import needs_browser

pytestmark = needs_browser
CONTOSO_LISTS = ("Contoso newsletter list", "Contoso offers list")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("playground")
    with Stage(200, 1, folder) as stage:
        stage.register()
        stage.run_service("")
        port = free_port()
        server = serve(Playground(stage.dataverse, stage.host), port)
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.stop()


@pytest.fixture(scope="module")
def page(chromium: Browser, address: str) -> Page:
    page = chromium.new_page()
    page.goto(address)
    return page


def says(page: Page, place: str) -> str:
    return page.locator(f'.spot[data-place="{place}"] b').inner_text()


def click(page: Page, place: str, label: str) -> None:
    page.locator(f'.spot[data-place="{place}"]').get_by_role("button", name=label).click()


def will_say(page: Page, place: str, value: str) -> None:
    expect(page.locator(f'.spot[data-place="{place}"] b')).to_have_text(value, timeout=20_000)


def test_an_opt_out_of_one_brand_arrives_on_its_lists_and_nowhere_else(page: Page) -> None:
    flag, other = says(page, "do not bulk email"), says(page, "fabrikam commercial")
    click(page, "contoso commercial", "opt out")
    will_say(page, "contoso commercial", "opted out")
    will_say(page, "contoso opt-out list", "member")
    for name in CONTOSO_LISTS:
        will_say(page, name, "not a member")
    assert (says(page, "do not bulk email"), says(page, "fabrikam commercial")) == (flag, other)
    assert "contoso opt-out list is member" in page.get_by_role("list", name="What happened").inner_text()


def test_only_what_makes_sense_can_be_clicked(page: Page) -> None:
    will_say(page, "contoso commercial", "opted out")
    spot = page.locator('.spot[data-place="contoso commercial"]')
    expect(spot.get_by_role("button")).to_have_text(["opt in"])


def test_a_lost_webhook_waits_for_the_sweep(page: Page) -> None:
    page.get_by_label("lose the webhook of my next click").check()
    click(page, "do not bulk email", "unsubscribe from everything")
    will_say(page, "do not bulk email", "set")
    assert says(page, "fabrikam commercial") != "opted out"
    page.get_by_role("button", name="Run the safety sweep").click()
    will_say(page, "fabrikam commercial", "opted out")


def test_without_scripts_the_page_shows_where_consent_stands(chromium: Browser, address: str) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    assert says(page, "do not bulk email") in {"set", "clear"}


def test_everybody_can_read_and_use_it(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
