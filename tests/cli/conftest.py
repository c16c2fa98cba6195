"""The command line as its users call it, against the emulator over HTTP, with the app's webhook standing beside it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from consent_sync import bootstrap
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.load import load_mapping
from consent_sync.operate.cli.app import main
from consent_sync.operate.http import status_for
from consent_sync.operate.webhook import wake_from
from local.company.brands import setup_rows
from local.demo.servers import ROOT
from local.emulator import Emulator
from tests.emulator.support import Client
from tests.support.azurite import WITH_AZURITE

collect_ignore_glob = [] if WITH_AZURITE else ["test_on_azurite*.py"]
MAPPING = ROOT / "mapping.example.yaml"


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """Calls commands in this process, with settings of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *arguments: str) -> Ended:
        self._capsys.readouterr()
        code = main(bootstrap, arguments)
        return Ended(code, *self._capsys.readouterr())


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def dataverse(emulator: Emulator) -> Client:
    """An administrator's own client of the emulator, which holds what the sample company's administrator set up."""
    client = Client(emulator.url, "admin@emulator.example")
    client.admin("reset", {})
    emulator.store.load(setup_rows())
    return client


@pytest.fixture
def settings(dataverse: Client, tmp_path: Path) -> dict[str, str]:
    return {
        "DATAVERSE_URL": dataverse.url,
        "DATAVERSE_AUTH": "static",
        "DATAVERSE_TOKEN": "service",
        "MAPPING_FILE": str(MAPPING),
        "LEDGER_URL": f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}",
        "LEDGER_HASH_KEY": "hash-key",
        "WEBHOOK_KEYS": "first-key",
    }


@pytest.fixture
def run(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    terminal = Terminal(monkeypatch, capsys)
    terminal.set(**settings)
    return terminal


@dataclass
class FunctionApp:
    """The webhook of the function app: takes events that carry one of `keys`."""

    url: str = ""
    keys: tuple[str, ...] = ()
    answers: list[HTTPStatus] = field(default_factory=list)
    presented: list[str] = field(default_factory=list)

    def take(self, body: bytes, headers: dict[str, str]) -> HTTPStatus:
        self.presented.append(headers.get("x-webhook-key", ""))
        try:
            wake_from(body, headers, self.keys, lambda: load_mapping(MAPPING).file)
        except ConsentSyncError as error:
            return status_for(error)
        return HTTPStatus.ACCEPTED


@pytest.fixture(scope="session")
def _function_app() -> Iterator[FunctionApp]:
    app = FunctionApp()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            app.answers.append(app.take(body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(app.answers[-1])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app.url = f"http://127.0.0.1:{server.server_port}/api/dataverse-events"
    yield app
    server.shutdown()
    server.server_close()


@pytest.fixture
def function_app(_function_app: FunctionApp, run: Terminal) -> FunctionApp:
    """The function app, which takes the first key; its address is what WEBHOOK_URL says."""
    _function_app.keys = ("first-key",)
    _function_app.answers.clear()
    _function_app.presented.clear()
    run.set(WEBHOOK_URL=_function_app.url)
    return _function_app
