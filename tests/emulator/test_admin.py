"""The admin API and the command line: for tests and demos, no part of Dataverse."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from .support import Client, Sink, change_set, operation, send_batch

if TYPE_CHECKING:
    from local.emulator import Emulator


def test_reset_gives_an_empty_organization(api: Client) -> None:
    first = api.me()
    api.contact()
    api.admin("reset", {})
    assert api.values("contacts") == []
    assert api.me() == first
    assert requests.post(f"{api.url}/_emulator/reset", json={"people": 3}, timeout=30).status_code == 400


def test_what_was_under_way_before_a_reset_does_not_count_after_it(api: Client, sink: Sink) -> None:
    sink.delay = 0.3
    api.step(api.endpoint(sink.url), "Create", "contact")
    api.contact()
    while not sink.calls:
        time.sleep(0.01)
    api.admin("reset", {})
    assert api.settle() == {"delivered": 0, "failed": 0, "pending": 0}


def test_reset_loads_the_sample_company(api: Client) -> None:
    assert api.admin("reset", {"contacts": 50, "seed": 7})["rows"] >= 50
    people = api.admin("snapshot?tables=contact,lead")
    assert len(people["contact"]) + len(people["lead"]) == 50
    again = api.admin("reset", {"contacts": 50, "seed": 7})
    assert again["rows"] > 0
    same = api.admin("snapshot?tables=contact,lead")
    assert [row["contactid"] for row in same["contact"]] == [row["contactid"] for row in people["contact"]]


def test_loading_in_bulk_fires_no_events(api: Client, emulator: Emulator) -> None:
    rows = [
        ("contact", {"contactid": "11111111-2222-3333-4444-555555555555", "firstname": "A", "lastname": "B"}),
        ("list", {"listid": "21111111-2222-3333-4444-555555555555", "listname": "L", "createdfromcode": 2}),
        (
            "listmember",
            {
                "_listid_value": "21111111-2222-3333-4444-555555555555",
                "_entityid_value": "11111111-2222-3333-4444-555555555555",
                "entitytype": 2,
            },
        ),
    ]
    assert emulator.store.load(rows) == 3
    assert api.row(f"contacts({rows[0][1]['contactid']})")["fullname"] == "A B"
    assert api.values("lists")[0]["membercount"] == 1
    assert api.admin("snapshot?tables=listmember")["listmember"][0]["_entityid_value"] == rows[0][1]["contactid"]
    with pytest.raises(KeyError, match=r"contact\.shoe"):
        emulator.store.load([("contact", {"shoe": 42})])


def test_the_request_log_counts_and_tells(api: Client) -> None:
    before = api.get("WhoAmI?tag=first")
    assert before.status_code == 200
    seq = api.admin("requests")["requests"][-1]["seq"]
    parts = [operation("GET", "WhoAmI"), change_set([operation("DELETE", "contacts(x)", content_id="1")] * 2)]
    send_batch(api, parts)
    api.get("contacts?$select=fullname&tag=t")
    batch, read = api.admin(f"requests?since={seq}")["requests"]
    assert (batch["method"], batch["url"], batch["operations"], batch["status"]) == ("POST", "$batch", 3, 400)
    assert (read["url"], read["tag"], read["operations"]) == ("contacts?$select=fullname&tag=t", "t", 1)
    assert batch["bytes_in"] > 100
    assert read["bytes_out"] > 0
    assert read["seconds"] > 0


def test_requests_fail_as_told(api: Client) -> None:
    rule = {"status": 429, "count": 2, "retry_after": 7, "method": "PATCH", "path": "contacts("}
    api.admin("faults", {"requests": [rule, {"status": 503, "count": 1, "path": "leads"}]})
    key = api.contact()
    for _ in range(2):
        response = api.patch(f"contacts({key})", {"jobtitle": "x"})
        assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
        assert response.json()["error"]["code"] == "0x80072322"
    assert api.patch(f"contacts({key})", {"jobtitle": "x"}).status_code == 204
    assert [api.get("leads").status_code for _ in range(2)] == [503, 200]
    api.admin("faults", {"requests": [{"status": 500, "count": -1}]})
    assert [api.get("leads").status_code for _ in range(3)] == [500] * 3
    api.admin("faults", {})
    assert api.get("leads").status_code == 200


@pytest.mark.parametrize(("cut", "done"), [("before", 0), ("after", 1)])
def test_a_connection_is_cut_before_or_after_the_work(api: Client, cut: str, done: int) -> None:
    api.admin("faults", {"requests": [{"cut": cut, "method": "POST", "path": "contacts"}]})
    with pytest.raises(requests.ConnectionError):
        api.post("contacts", {"lastname": "Doe"})
    assert len(api.values("contacts")) == done


def test_a_request_hangs(api: Client) -> None:
    api.admin("faults", {"requests": [{"hang": 0.2, "path": "WhoAmI"}]})
    started = time.monotonic()
    assert api.get("WhoAmI").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_the_clock_moves_and_a_reset_brings_it_back(api: Client) -> None:
    now = api.admin("clock", {})["now"]
    later = api.admin("clock", {"advance_seconds": 86400})
    assert later["now"] > now
    assert api.row(f"contacts({api.contact()})")["createdon"] >= later["now"]
    api.admin("reset", {})
    assert api.admin("clock", {})["offset_seconds"] == 0


def test_unknown_admin_requests_are_404(api: Client) -> None:
    assert requests.get(f"{api.url}/_emulator/nothing", timeout=30).status_code == 404
    assert requests.get(f"{api.url}/elsewhere", timeout=30).status_code == 404
    assert requests.get(f"{api.url}/api/data/v8.2/contacts", timeout=30).status_code == 404


def test_api_versions_9_0_to_9_2(api: Client) -> None:
    for version in ("v9.0", "v9.1", "v9.2"):
        root = f"{api.url}/api/data/{version}/"
        response = api.post(f"{root}contacts", {"lastname": version})
        assert response.headers["OData-EntityId"].startswith(root)


def test_the_command_serves_until_told_to_stop() -> None:
    command = [sys.executable, "-m", "local.emulator", "--contacts", "5", "--seed", "1", "--token", "only-this"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  - our own command
        assert process.stdout
        match = re.fullmatch(r"Dataverse emulator on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert match
        assert Client(match[1], "only-this").get("contacts/$count").status_code == 200
        assert Client(match[1], "other").get("contacts/$count").status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) is not None
