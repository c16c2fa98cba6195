"""The operator's page as people see it."""

from __future__ import annotations

import re

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from local.demo.acts import UNSUBSCRIBES
from local.demo.place import uncomplicated
from local.demo.stage import Stage
from tests.support.browser import needs_browser

pytestmark = needs_browser


def test_the_first_thing_seen_is_whether_an_opt_out_is_under_way(page: Page) -> None:
    first = page.locator("main > *").first
    expect(first).to_contain_text("Every opt-out that is known is everywhere.")


def test_a_run_shows_its_numbers(page: Page, stage: Stage) -> None:
    (run,) = requests.get(f"{stage.host_url}/api/runs?code={stage.key}", timeout=10).json()["runs"]
    row = page.get_by_role("row").filter(has_text="first repair")
    for name in ("read", "decided", "written", "held", "requests"):
        assert f"{run[name]:,}" in row.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_read_it(chromium: Browser, address: str, scheme: str, width: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_every_contact_point_is_in_one_bucket(page: Page, stage: Stage) -> None:
    stage.host.fire("sweep")  # the first one looks at everybody
    stage.wait_until_quiet()
    page.reload()
    counted = page.get_by_text("contact points, counted").inner_text()
    total = int(counted.split()[0].replace(",", ""))
    buckets = page.get_by_role("heading", name="Every contact point").locator("xpath=following-sibling::ul[1]/li/b")
    assert sum(int(number.replace(",", "")) for number in buckets.all_inner_texts()) == total > 0


def test_an_opt_out_that_arrived_is_counted_by_the_time_it_took(page: Page, stage: Stage) -> None:
    standing = uncomplicated(stage.dataverse.snapshot())
    person = next(person for person, state in standing.items() if UNSUBSCRIBES.fits(state))
    arrived = requests.get(f"{stage.host_url}/api/status?code={stage.key}", timeout=10).json()["arrivals"]["count"]
    UNSUBSCRIBES.make(stage.dataverse, person)
    stage.wait_until_quiet()
    page.reload()
    chart = page.get_by_role("img", name="Opt-outs by the time")
    counts = re.findall(r": (\d+)", chart.get_attribute("aria-label") or "")
    assert sum(map(int, counts)) == arrived + 1


def test_it_names_nobody(page: Page, stage: Stage) -> None:
    text = page.content().lower()
    people = stage.dataverse.snapshot()["contact"]
    assert people
    assert not any((person["emailaddress1"] or "nobody@").lower() in text for person in people)
    assert not any(person["lastname"].lower() in text for person in people if len(person["lastname"]) > 5)


def test_it_can_be_read_without_scripts(chromium: Browser, address: str) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.get_by_text("allow scripts")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    page.close()


def test_a_hold_is_settled_with_a_name_and_a_reason(page: Page, stage: Stage) -> None:
    held = page.locator("details").first
    held.locator("summary").click()
    held.get_by_label("Your name").fill("Dana")
    held.get_by_role("button", name="Dismiss").click()
    expect(held.locator("output")).to_have_text("")  # the browser asks for the reason first
    held.get_by_label("Reason").fill("the letter says so")
    before = requests.get(f"{stage.host_url}/api/holds?code={stage.key}", timeout=10).json()["count"]
    held.get_by_role("button", name="Dismiss").click()
    expect(held.locator("output")).to_have_text("Done.")
    after = requests.get(f"{stage.host_url}/api/holds?code={stage.key}", timeout=10).json()["count"]
    assert after == before - 1


def test_nothing_on_it_loads_or_runs_but_its_own(address: str) -> None:
    answer = requests.get(address, timeout=10)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_nobody_sees_it_without_a_key(stage: Stage) -> None:
    assert requests.get(f"{stage.host_url}/api/page", timeout=10).status_code == 401
