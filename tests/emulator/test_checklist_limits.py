"""Lines 44 and 45 of the fidelity checklist: service protection limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from .support import Client, operation, send_batch

if TYPE_CHECKING:
    from local.emulator import Emulator


def test_checklist_44_number_of_requests_until_the_window_moves_on(api: Client) -> None:
    api.admin("reset", {"budget": {"requests": 3, "window": 300}})
    assert [api.get("WhoAmI").status_code for _ in range(3)] == [200] * 3
    refused = api.get("WhoAmI")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "0x80072322")
    first_wait = int(refused.headers["Retry-After"])
    assert 290 <= first_wait <= 301
    api.admin("clock", {"advance_seconds": 150})
    assert api.get("WhoAmI").status_code == 429
    api.admin("clock", {"advance_seconds": 151})
    assert api.get("WhoAmI").status_code == 200


def test_checklist_44_a_batch_is_one_request(api: Client) -> None:
    api.admin("reset", {"budget": {"requests": 2}})
    assert send_batch(api, [operation("GET", "WhoAmI")] * 50).status_code == 200
    assert api.get("WhoAmI").status_code == 200
    assert api.get("WhoAmI").status_code == 429


def test_checklist_44_pushing_on_lengthens_the_wait(api: Client) -> None:
    api.admin("reset", {"budget": {"requests": 2, "window": 100}})
    assert [api.get("WhoAmI").status_code for _ in range(2)] == [200, 200]
    api.admin("clock", {"advance_seconds": 40})
    assert int(api.get("WhoAmI").headers["Retry-After"]) <= 61  # free at 100, if nobody calls until then
    api.admin("clock", {"advance_seconds": 40})
    assert int(api.get("WhoAmI").headers["Retry-After"]) > 21
    api.admin("clock", {"advance_seconds": 30})
    assert api.get("WhoAmI").status_code == 429


def test_checklist_44_who_waits_as_long_as_asked_is_let_in(api: Client) -> None:
    api.admin("reset", {"budget": {"requests": 3, "window": 100}})
    for _ in range(3):
        api.get("WhoAmI")
        api.admin("clock", {"advance_seconds": 7})
    wait = int(api.get("WhoAmI").headers["Retry-After"])
    api.admin("clock", {"advance_seconds": wait})
    assert api.get("WhoAmI").status_code == 200


def test_checklist_44_execution_time(api: Client) -> None:
    api.admin("reset", {"budget": {"seconds": 0.0}})
    assert api.get("WhoAmI").status_code == 200
    refused = api.get("WhoAmI")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "0x80072321")
    assert int(refused.headers["Retry-After"]) > 0


def test_checklist_44_concurrent_requests(api: Client, emulator: Emulator) -> None:
    api.admin("reset", {"budget": {"concurrent": 2}})
    api.get("WhoAmI")  # who a token is, is looked up once
    with ThreadPoolExecutor(6) as pool:
        with emulator.store.lock:  # those who were let in wait here
            calls = [pool.submit(api.get, "WhoAmI") for _ in range(6)]
            refused = [call.result() for _, call in zip(range(4), as_completed(calls), strict=False)]
        answers = [call.result() for call in calls]
    assert {answer.json()["error"]["code"] for answer in refused} == {"0x80072326"}
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429, 429]
    assert api.get("WhoAmI").status_code == 200


def test_checklist_44_limits_are_per_user(api: Client) -> None:
    api.admin("reset", {"budget": {"requests": 1}})
    assert api.get("WhoAmI").status_code == 200
    assert api.get("WhoAmI").status_code == 429
    assert Client(api.url, "staff@emulator.example").get("WhoAmI").status_code == 200


def test_checklist_45_hints_in_response_headers(api: Client) -> None:
    first, second = api.get("WhoAmI"), api.get("WhoAmI")
    assert int(first.headers["x-ms-dop-hint"]) > 0
    left = "x-ms-ratelimit-burst-remaining-xrm-requests"
    assert int(first.headers[left]) == int(second.headers[left]) + 1
    assert "x-ms-ratelimit-time-remaining-xrm-requests" in first.headers
    assert first.headers["x-ms-service-request-id"] != second.headers["x-ms-service-request-id"]
