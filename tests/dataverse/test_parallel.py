from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import NotFound
from consent_sync.dataverse.parallel import Pace, in_parallel
from tests.dataverse.scripted import Answer, Asked, ScriptedServer, error


def reads(client: DataverseClient, count: int) -> list[Callable[[], int]]:
    return [lambda number=number: client.get(f"n({number})")["n"] for number in range(count)]  # type: ignore[misc]


class Crowd:
    """Answers each request, and remembers how many were under way at once."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._pause = threading.Event()

    def __call__(self, asked: Asked) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._pause.wait(0.01)  # long enough for others to arrive
        with self._lock:
            self._now -= 1
        number = int(asked.path.partition("(")[2].partition(")")[0])
        return Answer(body={"n": number}, headers=self.headers)


def test_results_keep_the_order_of_the_jobs_and_the_hint_bounds_the_crowd(
    client: DataverseClient, server: ScriptedServer
) -> None:
    server.script = crowd = Crowd({"x-ms-dop-hint": "3"})
    assert list(in_parallel(client, reads(client, 20), at_most=10)) == list(range(20))
    assert crowd.most == 3


def test_the_caller_s_limit_and_counter_hold_on_all_threads(client: DataverseClient, server: ScriptedServer) -> None:
    server.script = crowd = Crowd({"x-ms-dop-hint": "50"})
    with client.counting() as counter:
        list(in_parallel(client, reads(client, 12), at_most=2))
    assert crowd.most == 2
    assert counter.requests == 12


@pytest.mark.parametrize(
    ("degree", "hint", "throttled", "expected"),
    [(1, 8, False, 2), (8, 8, False, 8), (8, 8, True, 4), (1, 8, True, 1), (9, 3, False, 3), (9, None, False, 4)],
)
def test_the_degree_follows_the_server(degree: int, hint: int | None, throttled: bool, expected: int) -> None:  # noqa: FBT001
    assert Pace(10, degree).after(throttled=throttled, hint=hint).degree == expected


def test_a_degree_that_was_too_much_is_not_tried_again_for_a_while() -> None:
    pace = Pace(10, 3).after(throttled=True, hint=8)
    degrees = []
    for _ in range(60):
        pace = pace.after(throttled=False, hint=8)
        degrees.append(pace.degree)
    assert max(degrees[:49]) == 2
    assert degrees[-1] == 3


def test_jobs_are_taken_as_needed_and_a_failing_one_ends_the_run(
    client: DataverseClient, server: ScriptedServer
) -> None:
    server.script = lambda asked: error(404, "", "") if "(1)" in asked.path else Answer(body={"n": 0})
    jobs = iter(reads(client, 100))
    results = in_parallel(client, jobs)
    assert next(results) == 0
    with pytest.raises(NotFound):
        list(results)
    assert sum(1 for _ in jobs) > 90


def test_whoever_stops_reading_stops_the_work(client: DataverseClient, server: ScriptedServer) -> None:
    server.script = Crowd({})
    jobs = iter(reads(client, 100))
    results = in_parallel(client, jobs)
    next(results)
    results.close()
    assert sum(1 for _ in jobs) > 90
