"""A service that has worked a little, and its page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from local.demo.stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("page")
    with Stage(300, 1, folder) as stage:
        stage.register()
        stage.run_service("restrict")
        stage.host.resync("first repair")
        stage.wait_until_quiet()
        yield stage


@pytest.fixture(scope="module")
def address(stage: Stage) -> str:
    return f"{stage.host_url}/api/page?code={stage.key}"


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    page = chromium.new_page()
    page.goto(address)
    yield page
    page.close()
