"""One emulator and one webhook receiver for all tests here; every test starts with an empty organization."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.emulator import Emulator

from .support import Client, Sink

if TYPE_CHECKING:
    from collections.abc import Iterator


_INSTALLED = (Path(__file__).parent / "npm" / "node_modules").exists() or bool(os.environ.get("CI"))  # CI needs it
collect_ignore = [] if _INSTALLED else ["test_client_npm.py"]


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="session")
def receiver() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.fixture
def api(emulator: Emulator) -> Client:
    client = Client(emulator.url)
    client.admin("reset", {})
    return client


@pytest.fixture
def sink(receiver: Sink, api: Client) -> Sink:
    api.settle()
    receiver.clear()
    return receiver
