"""The host as its users start it: a process of its own, spoken to over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.azurite import WITH_AZURITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[2]
APP = Path(__file__).parent / "app"
KEY = "key of the tests"
SETTINGS = {
    "WORK_QUEUE": "work",
    "TICK_SCHEDULE": "* * * * * *",
    "AzureWebJobs.switched_off.Disabled": "true",
    "AzureWebJobs.nightly.Disabled": "true",
    "AzureWebJobs.at_start.Disabled": "true",
}

collect_ignore = [] if WITH_AZURITE else ["test_azure_storage.py"]


@dataclass
class RunningHost:
    url: str
    log: Path

    def call(self, method: str, path: str, *, key: str | None = KEY, **more: Any) -> requests.Response:
        headers = {"x-functions-key": key} if key else {}
        return requests.request(method, self.url + path, headers=headers | more.pop("headers", {}), timeout=20, **more)

    def seen(self, function: str) -> list[dict[str, Any]]:
        return [entry for entry in self.call("GET", "/api/seen").json()["seen"] if entry["function"] == function]

    def texts(self, function: str) -> list[str]:
        return sorted(entry["text"] for entry in self.seen(function))

    def status(self) -> dict[str, Any]:
        response = self.call("GET", "/admin/host/status")
        response.raise_for_status()
        return response.json()

    def wait_until_idle(self) -> None:
        wait_until(lambda: self.status()["in_flight"] == 0 and not any(self.status()["queues"].values()))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 seconds"
        time.sleep(0.01)


@contextmanager
def running_host(folder: Path, settings: dict[str, str], app: Path = APP) -> Iterator[RunningHost]:
    command = [sys.executable, "-m", "local.host", "--port", "0", "--app", str(app), "--key", KEY]
    log = folder / "host.log"
    with (
        log.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(  # noqa: S603  - our own command
            command, cwd=REPOSITORY, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Functions host on "), log.read_text(encoding="utf-8")
        try:
            yield RunningHost(line.split()[3], log)
        finally:
            process.terminate()
    if os.name != "nt":  # there, terminate ends a process without asking it
        assert process.returncode == 0


@pytest.fixture(scope="session")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("host"), SETTINGS) as host:
        yield host


@pytest.fixture
def host(shared_host: RunningHost) -> RunningHost:
    shared_host.wait_until_idle()
    shared_host.call("POST", "/api/reset")
    return shared_host
