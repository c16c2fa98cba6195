"""A tenant that throttles hard: the work is finished, and Dataverse is hardly ever asked in vain."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from consent_sync.dataverse import odata
from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import Throttled
from consent_sync.dataverse.parallel import batch_in_parallel
from consent_sync.dataverse.retry import RetryBudget
from local.emulator import Emulator
from local.emulator.faults import RequestFault
from local.emulator.limits import Budget

ROWS = 900
CALLS = 300
SHARE = 0.05


class SharedClock:
    """The emulator's clock, which jumps ahead where the client would sleep; sleeping side by side counts once."""

    def __init__(self, emulator: Emulator) -> None:
        self._clock = emulator.store.clock
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self._clock.time()

    def sleep(self, seconds: float) -> None:
        until = self._clock.time() + seconds
        time.sleep(0.03)  # calls of other threads end meanwhile
        with self._lock:
            self.slept.append(seconds)
            self._clock.offset += max(0.0, until - self._clock.time())


@pytest.fixture
def clock(emulator: Emulator) -> SharedClock:
    return SharedClock(emulator)


@pytest.fixture(autouse=True)
def _new(emulator: Emulator) -> None:
    emulator.reset()


@pytest.fixture
def patient(emulator: Emulator, clock: SharedClock) -> Iterator[DataverseClient]:
    emulator.store.load(("contact", {"contactid": _id(number), "lastname": "x"}) for number in range(ROWS))
    budget = RetryBudget(attempts=20, seconds=100_000)
    tokens = StaticToken("any", url=emulator.url)
    with DataverseClient(emulator.url, tokens, budget=budget, sleep=clock.sleep, clock=clock) as client:
        yield client


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def _calls(emulator: Emulator) -> list[dict[str, Any]]:
    return emulator.log.since(0)


@pytest.mark.parametrize(
    "budget",
    [Budget(requests=60), Budget(seconds=0.6), Budget(concurrent=2)],
    ids=["requests", "execution time", "concurrency"],
)
def test_a_hard_limit_is_kept_and_the_work_is_done(
    patient: DataverseClient, emulator: Emulator, budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.limits.clear(budget)
    leave = emulator.limits.leave
    monkeypatch.setattr(emulator.limits, "leave", lambda user, _: leave(user, 0.01))  # on any machine
    changes = [
        Operation("PATCH", odata.key("contacts", _id(number)), {"jobtitle": str(number)}, if_match="*")
        for number in range(ROWS)
    ]
    with patient.counting() as counter:
        answers = batch_in_parallel(patient, changes, size=ROWS // CALLS)
    assert all(answer.error is None for answer in answers)
    calls = _calls(emulator)
    refused = sum(call["status"] == 429 for call in calls)
    assert len(calls) - refused == CALLS
    assert 0 < refused <= SHARE * len(calls)
    assert counter.throttled == refused
    emulator.limits.clear(Budget(None, None, None))
    titles = Counter(row["jobtitle"] for row in patient.list_rows("contacts", select=("jobtitle",)))
    assert titles == {str(number): 1 for number in range(ROWS)}


def test_while_one_waits_nobody_else_knocks(emulator: Emulator, clock: SharedClock) -> None:
    emulator.faults.replace([RequestFault(status=429, retry_after=20, count=1)])
    tokens = StaticToken("any", url=emulator.url)
    budget = RetryBudget(attempts=1, seconds=30)
    with DataverseClient(emulator.url, tokens, budget=budget, sleep=clock.sleep, clock=clock) as client:
        with pytest.raises(Throttled):
            client.whoami()
        client.whoami()  # another invocation
    assert 20 <= sum(clock.slept) <= 22
    assert [call["status"] for call in _calls(emulator)] == [429, 200]


def test_who_cannot_wait_that_long_does_not_knock_either(emulator: Emulator, clock: SharedClock) -> None:
    emulator.faults.replace([RequestFault(status=429, retry_after=20, count=1)])
    tokens = StaticToken("any", url=emulator.url)
    budget = RetryBudget(attempts=3, seconds=30)
    with (
        DataverseClient(emulator.url, tokens, budget=budget, sleep=clock.sleep, clock=clock) as client,
        client.counting(),
    ):
        client.whoami()
        emulator.faults.replace([RequestFault(status=429, retry_after=20, count=1)])
        for _ in range(3):
            with pytest.raises(Throttled) as raised:
                client.whoami()
            assert raised.value.retry_after is not None
            assert 19 < raised.value.retry_after < 23
    assert [call["status"] for call in _calls(emulator)] == [429, 200, 429]  # the second and third are not even sent


def test_one_invocation_has_one_allowance(emulator: Emulator, clock: SharedClock) -> None:
    emulator.faults.replace([RequestFault(status=503, retry_after=4, count=-1)])
    tokens = StaticToken("any", url=emulator.url)
    budget = RetryBudget(attempts=100, seconds=10)
    with DataverseClient(emulator.url, tokens, budget=budget, sleep=clock.sleep, clock=clock) as client:
        with client.counting():
            for _ in range(3):
                answer = client.execute(Operation("GET", "WhoAmI"), accept=(503,))
                assert answer.status == 503
        assert clock.slept == [4.0, 4.0]
        client.execute(Operation("GET", "WhoAmI"), accept=(503,))
        assert clock.slept == [4.0] * 4
