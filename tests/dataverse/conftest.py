from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests

from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.retry import RetryBudget
from local.emulator import Emulator
from tests.dataverse.scripted import Answer, ScriptedServer


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(scope="module")
def _running() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def server(_running: ScriptedServer) -> ScriptedServer:
    _running.answers(Answer())
    return _running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(server: ScriptedServer, clock: Clock) -> Iterator[DataverseClient]:
    tokens = StaticToken("t0ken", url=server.url)
    budget = RetryBudget(attempts=4, seconds=60)
    with DataverseClient(server.url, tokens, budget=budget, timeout=(2, 2), sleep=clock.sleep, clock=clock) as made:
        yield made


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        yield running


@pytest.fixture
def dataverse(emulator: Emulator) -> Iterator[DataverseClient]:
    """Give a client of the emulator, which starts over."""
    requests.post(f"{emulator.url}/_emulator/reset", json={}, timeout=10).raise_for_status()
    with DataverseClient(emulator.url, StaticToken("any", url=emulator.url)) as made:
        yield made
