"""The demo's way into the Functions host: management calls, and whether everything is quiet."""

from __future__ import annotations

import time
from typing import Any

import requests

TIMEOUT = 30.0
RUN_WITHIN = 300.0  # seconds: a ledger in Azure Storage, played by Azurite, takes its time
QUIET_WITHIN = 120.0


class RunError(Exception):
    """A run of the service failed or did not end, or the host did not become quiet."""


class FunctionsHost:
    """The management side of the service at `url`."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["x-functions-key"] = key

    def resync(self, reason: str) -> dict[str, Any]:
        """Have everything compared, wait for the run to end, return what `GET resync/{id}` says about it."""
        accepted = self._call("POST", "/api/resync", json={"scope": {"all": True}, "reason": reason}).json()
        give_up = time.monotonic() + RUN_WITHIN
        while time.monotonic() < give_up:
            run: dict[str, Any] = self._call("GET", f"/api/resync/{accepted['run']}").json()
            if run["state"] == "failed":
                raise RunError(f"The run {reason!r} failed: {run['problem']}")
            if run["state"] == "done":
                return run
            time.sleep(0.1)
        raise RunError(f"The run {reason!r} did not end within {RUN_WITHIN:.0f} s.")

    def fire(self, function: str) -> None:
        """Start a timer function now."""
        self._call("POST", f"/admin/functions/{function}", json={})

    def busy(self) -> bool:
        """Whether anything runs or waits. Raises RunError for a message that was given up."""
        status = self._call("GET", "/admin/host/status").json()
        if poisoned := [queue for queue, length in status["queues"].items() if length and queue.endswith("-poison")]:
            raise RunError(f"The service gave up on messages: {', '.join(poisoned)}.")
        return bool(status["in_flight"] or any(status["queues"].values()))

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self._session.request(method, self._url + path, timeout=TIMEOUT, **arguments)
        response.raise_for_status()
        return response
