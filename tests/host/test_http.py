"""Routes, keys and answers of HTTP functions, as Azure gives them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.host.conftest import KEY

if TYPE_CHECKING:
    from tests.host.conftest import RunningHost


def test_a_function_sees_the_request_as_it_was_sent(host: RunningHost) -> None:
    response = host.call(
        "POST", "/api/echo/gr%C3%BC%C3%9Fe/7?a=1&b=x%20y", headers={"x-test": "yes"}, data="bödy".encode()
    )
    assert response.json() == {
        "method": "POST",
        "url": f"{host.url}/api/echo/gr%C3%BC%C3%9Fe/7?a=1&b=x%20y",
        "route": {"word": "grüße", "number": "7"},
        "query": {"a": "1", "b": "x y"},
        "header": "yes",
        "body": "bödy",
    }
    assert response.headers["content-type"] == "application/json"


def test_an_optional_parameter_may_be_left_out(host: RunningHost) -> None:
    assert host.call("GET", "/api/echo/hello").json()["route"] == {"word": "hello"}


def test_a_catch_all_parameter_takes_the_rest_of_the_path(host: RunningHost) -> None:
    assert host.call("GET", "/api/files/a/b/c.txt").text == "a/b/c.txt"


def test_a_guid_keeps_its_spelling(host: RunningHost) -> None:
    guid = "0F8FAD5B-D9CB-469F-A165-70867728950E"
    assert host.call("GET", f"/api/things/{guid}").text == guid


@pytest.mark.parametrize(
    "path", ["/", "/seen", "/api", "/api/nothing", "/api/echo/a/not-a-number", "/api/things/5", "/api/switched-off"]
)
def test_an_unknown_address_is_404(host: RunningHost, path: str) -> None:
    assert host.call("GET", path).status_code == 404


def test_a_method_the_function_does_not_take_is_405(host: RunningHost) -> None:
    response = host.call("DELETE", "/api/echo/a")
    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["allow"].split(", "))


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/send"), ("GET", "/api/for-admins")])
@pytest.mark.parametrize("key", [None, "wrong", KEY + "x", ""])
def test_without_the_right_key_it_is_401_and_nothing_runs(
    host: RunningHost, method: str, path: str, key: str | None
) -> None:
    assert host.call(method, path, key=key, data="text").status_code == 401
    host.wait_until_idle()
    assert host.seen("work") == []


def test_the_key_may_come_as_header_or_in_the_address(host: RunningHost) -> None:
    assert host.call("GET", "/api/for-admins").text == "hello"
    assert host.call("GET", "/api/for-admins", key=None, params={"code": KEY}).text == "hello"


def test_an_anonymous_function_needs_no_key(host: RunningHost) -> None:
    assert host.call("GET", "/api/echo/a", key=None).status_code == 200


def test_a_function_that_raises_is_500_and_one_line_in_the_log(host: RunningHost) -> None:
    response = host.call("POST", "/api/fail")
    assert (response.status_code, response.text) == (500, "")
    log = host.log.read_text(encoding="utf-8")
    assert "Function fail failed: ValueError: this function always fails\n" in log
    assert "Traceback" not in log


def test_concurrent_requests_do_not_wait_for_each_other(host: RunningHost) -> None:
    """Each of the callers returns only once all of them are inside the function."""
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: host.call("POST", "/api/meet?people=8").text, range(8)))
    assert answers == ["met"] * 8
