"""A storage that refuses, fails, or does not answer: what is told, and how often it is asked."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from consent_sync.ledger.tables import TablesLedger
from consent_sync.ledger.tables_account import AZURITE_KEY, LedgerUnavailable
from consent_sync.operate.http import remedy
from tests.ledger.conftest import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "https://somebody.example/?sig=secret"


@dataclass
class Storage:
    """Answers every request with the same error, which quotes what nobody else should see."""

    status: int
    code: str
    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def storage(status: int, code: str) -> Iterator[Storage]:
    self = Storage(status, code)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(self.path)
            body = json.dumps({"odata.error": {"code": told.code, "message": {"value": SECRET}}}).encode()
            self.send_response(told.status)
            for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.send_header("x-ms-request-id", "request-7")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    told = self
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/account"
        yield self
        server.shutdown()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azure.core.pipeline.transport.HttpTransport.sleep", lambda *_: None)


@pytest.mark.parametrize(
    ("status", "code", "times"),
    [
        (403, "AuthorizationPermissionMismatch", 1),
        (400, "InvalidInput", 1),
        (500, "InternalError", 4),
        (503, "ServerBusy", 4),
    ],
)
def test_what_the_storage_answers_is_told_in_our_own_words(status: int, code: str, times: int) -> None:
    with storage(status, code) as there, pytest.raises(LedgerUnavailable) as told:
        TablesLedger(there.url, AZURITE_KEY, KEYS)
    assert (told.value.status, told.value.code, told.value.request_id) == (status, code, "request-7")
    assert len(there.asked) == times  # again only where it may pass
    assert str(told.value) == f"the ledger's storage answers {status}, {code} (request-7)"
    assert "Storage Table Data Contributor" in remedy(told.value)


def test_a_storage_that_is_not_there_is_told_without_its_address() -> None:
    with pytest.raises(LedgerUnavailable) as told:
        TablesLedger("http://127.0.0.1:1/account", AZURITE_KEY, KEYS)
    assert (told.value.status, told.value.request_id) == (None, None)
    assert "answers nothing" in str(told.value)
    assert "127.0.0.1" not in str(told.value)
