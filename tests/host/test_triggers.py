"""Queues and timers: at least once, a few tries, then poison; functions fired by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.host.conftest import wait_until

if TYPE_CHECKING:
    from tests.host.conftest import RunningHost


def test_an_output_reaches_the_function_that_waits_for_it(host: RunningHost) -> None:
    host.call("POST", "/api/send", data="grüße".encode())
    host.wait_until_idle()
    assert host.seen("work") == [{"function": "work", "text": "grüße", "dequeue_count": 1}]


def test_a_list_output_is_one_message_per_element_and_every_message_is_worked_on_once(host: RunningHost) -> None:
    host.call("POST", "/api/send-many?count=40")
    host.wait_until_idle()
    assert sorted(json.loads(text)["n"] for text in host.texts("work")) == list(range(40))


def test_no_more_than_batch_size_plus_threshold_run_at_once(host: RunningHost) -> None:
    host.call("POST", "/api/send-many?count=40")
    host.wait_until_idle()
    assert host.call("GET", "/api/seen").json()["most_at_once"] in range(4, 4 + 2 + 1)


def test_a_return_value_can_be_an_output(host: RunningHost) -> None:
    host.call("POST", "/admin/functions/relay", json={"input": "text"})
    host.wait_until_idle()
    assert host.texts("work") == ["relayed text"]


def test_a_message_that_fails_once_is_tried_again(host: RunningHost) -> None:
    host.call("POST", "/api/send", data="shaky")
    host.wait_until_idle()
    assert [entry["dequeue_count"] for entry in host.seen("work")] == [1, 2]
    assert host.seen("poisoned") == []


def test_a_message_that_always_fails_goes_to_the_poison_queue(host: RunningHost) -> None:
    host.call("POST", "/api/send", data="bad")
    host.wait_until_idle()
    assert [entry["dequeue_count"] for entry in host.seen("work")] == [1, 2, 3]
    assert host.texts("poisoned") == ["bad"]
    assert "Function work failed: RuntimeError: no good: bad\n" in host.log.read_text(encoding="utf-8")


def test_a_message_too_large_for_a_queue_fails_the_function_that_sends_it(host: RunningHost) -> None:
    assert host.call("POST", "/api/send", data="x" * (48 * 1024)).status_code == 202
    assert host.call("POST", "/api/send", data="x" * (48 * 1024 + 1)).status_code == 500


def test_a_timer_runs_on_its_schedule(host: RunningHost) -> None:
    wait_until(lambda: len(host.seen("every_second")) >= 2)
    assert not any(entry["past_due"] for entry in host.seen("every_second"))


def test_a_disabled_timer_can_be_fired_by_hand(host: RunningHost) -> None:
    assert host.status()["functions"]["nightly"] == {"trigger": "timer", "disabled": True}
    assert host.call("POST", "/admin/functions/nightly", json={}).status_code == 202
    host.wait_until_idle()
    assert len(host.seen("nightly")) == 1
    assert host.texts("work") == ["nightly 1", "nightly 2"]


def test_a_queue_function_can_be_fired_by_hand_with_any_json(host: RunningHost) -> None:
    assert host.call("POST", "/admin/functions/work", json={"input": {"n": 1}}).status_code == 202
    host.wait_until_idle()
    assert host.texts("work") == ['{"n": 1}']


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/admin/functions/nobody", "{}", 404),
        ("/admin/functions/echo", "{}", 400),
        ("/admin/functions/work", "not json", 400),
        ("/admin/functions/work", "[1]", 400),
    ],
)
def test_what_cannot_be_fired_says_so(host: RunningHost, path: str, body: str, status: int) -> None:
    response = host.call("POST", path, data=body)
    assert response.status_code == status
    assert response.text


@pytest.mark.parametrize(("method", "path"), [("POST", "/admin/functions/nightly"), ("GET", "/admin/host/status")])
def test_admin_calls_need_the_key(host: RunningHost, method: str, path: str) -> None:
    assert host.call(method, path, key=None).status_code == 401
    assert host.call(method, path, key="wrong").status_code == 401
    assert host.seen("nightly") == []


def test_status_counts_what_runs_and_what_waits(host: RunningHost) -> None:
    host.call("POST", "/api/send-many?count=20")
    busy = host.status()
    assert busy["queues"]["work"] > 0
    host.wait_until_idle()
    assert host.status()["queues"] == {"relay": 0, "work": 0, "work-poison": 0}
