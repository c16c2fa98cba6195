"""``python -m local.screenshots``: take the pictures again, after the pages have changed. Needs Chromium."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from local.demo import acts
from local.demo.place import uncomplicated
from local.demo.servers import ROOT, free_port
from local.demo.stage import Stage
from local.playground.app import Playground, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from local.demo.place import Person

IMAGES = ROOT / "docs" / "images"
MADE_FROM = IMAGES / "made-from.txt"
TEMPLATES = ("consent_sync/operate/page/templates", "local/playground/templates")
DESKTOP, PHONE = (1200, 900), (390, 844)
PEOPLE = 600


def main() -> int:
    """Return the exit code."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if chromium is None:
        print("Chromium is not installed.", file=sys.stderr)
        return 2
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        Stage(PEOPLE, 1, Path(folder)) as stage,
        sync_playwright() as playwright,
    ):
        person = _work(stage)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        _take(browser, stage, person)
        browser.close()
    MADE_FROM.write_text(made_from(), encoding="utf-8", newline="\n")
    return 0


def made_from() -> str:
    """Give what the pictures depend on: the digest of each template."""
    files = sorted(file for folder in TEMPLATES for file in (ROOT / folder).iterdir())
    digests = (
        (hashlib.sha256(file.read_bytes()).hexdigest()[:16], file.relative_to(ROOT).as_posix()) for file in files
    )
    return "".join(f"{digest}  {name}\n" for digest, name in digests)


def _work(stage: Stage) -> Person:
    """Let the service repair the company and some people act; give one whose state is worth an explanation."""
    stage.register()
    stage.run_service("restrict")
    stage.host.resync("repair what years of two systems left")
    stage.wait_until_quiet()
    stage.run_service("")
    standing = uncomplicated(stage.dataverse.snapshot())
    who = acts.cast(standing, standing)
    for act in acts.LIVE[:6]:
        act.make(stage.dataverse, who[act])
        stage.wait_until_quiet()
    for _ in range(2):
        stage.host.fire("sweep")
        stage.wait_until_quiet()
    return who[acts.ONE_CLICK_UNSUBSCRIBE]


def _take(browser: Browser, stage: Stage, person: Person) -> None:
    overview = f"{stage.host_url}/api/page?code={stage.key}"
    for name, (width, height), scheme in (("overview", DESKTOP, "light"), ("overview-phone", PHONE, "dark")):
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(overview)
        page.screenshot(path=IMAGES / f"{name}.png")
        page.close()
    page = browser.new_page(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    page.goto(overview)
    page.get_by_role("link", name="Explain").click()
    page.get_by_label("E-mail address").fill(person.contact)
    page.get_by_role("button", name="Explain").click()
    page.screenshot(path=IMAGES / "explain.png")
    port = free_port()
    server = serve(Playground(stage.dataverse, stage.host), port)
    page.goto(f"http://127.0.0.1:{port}/")
    page.locator('form[data-button="contoso-all-out"] button').click()
    page.get_by_text("contoso opt-out list is member").wait_for()
    page.screenshot(path=IMAGES / "playground.png")
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
