from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from consent_sync.tenant import gather
from local.emulator import Emulator
from tests.cases.office import Doorbell, Office


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        _date_by_its_own_clock(emulator)
        yield emulator


def _date_by_its_own_clock(emulator: Emulator) -> None:
    """Answer with the time that rows are stamped with: the server has one clock."""
    application = emulator._server.wsgi_app

    def dated(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]]) -> Any:
            others = [(name, value) for name, value in headers if name.lower() != "date"]
            return start_response(status, [*others, ("Date", formatdate(emulator.store.clock.time(), usegmt=True))])

        return application(environ, start)

    emulator._server.wsgi_app = dated


@pytest.fixture(autouse=True)
def _no_reading_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass while something is read, however busy this machine is: it would pass on no other clock here."""
    monkeypatch.setattr(gather, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def open_office(emulator: Emulator, tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Open an office; an argument edits the example's mapping first."""
    opened: list[Office] = []

    def open_(edit: Callable[[dict[str, Any]], object] | None = None) -> Office:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(Office(emulator, folder, int(time.time()) + 10, edit))
        return opened[-1]

    yield open_
    for office in opened:
        office.close()
        office.people.close()


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    return open_office()


@pytest.fixture(scope="session")
def doorbell() -> Iterator[Doorbell]:
    doorbell = Doorbell()
    thread = threading.Thread(target=doorbell.server.serve_forever, daemon=True)
    thread.start()
    yield doorbell
    doorbell.server.shutdown()
    doorbell.server.server_close()
