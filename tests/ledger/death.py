"""A process that dies at any of its calls to the storage, with all its threads."""

from __future__ import annotations

import functools
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest


class KilledError(BaseException):
    """The process is gone. No Exception: nothing that runs in a killed process handles it."""


class Fate:
    """Counts calls and the changes among them, and kills after a change: nobody hears whether it was carried out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = self.changes = 0
        self._last: int | None = None

    @contextmanager
    def sealed(self, last: int | None = None) -> Iterator[None]:
        self.calls, self.changes, self._last = 0, 0, last
        try:
            yield
        finally:
            self._last = None

    def through[Result](self, call: Callable[[], Result], *, changes: bool) -> Result:
        with self._lock:
            if self._over():
                raise KilledError
            self.calls += 1
            self.changes += changes
        result = call()
        if self._over():
            del result  # a cursor that the traceback keeps would keep a lock
            raise KilledError
        return result

    def _over(self) -> bool:
        return self._last is not None and self.changes >= self._last


def put_under(fate: Fate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every statement to SQLite and every request to a table go through a fate."""

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            call = functools.partial(super().execute, statement, *values)
            return fate.through(call, changes=not statement.startswith("SELECT"))

        def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
            return fate.through(functools.partial(super().executemany, statement, *values), changes=True)

    connect, send = sqlite3.connect, Session.send

    def dying_connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, factory=Connection, **options)

    def dying_send(self: Session, request: PreparedRequest, **options: Any) -> Any:
        return fate.through(lambda: send(self, request, **options), changes=request.method != "GET")

    monkeypatch.setattr("consent_sync.ledger.sqlite_file.sqlite3.connect", dying_connect)
    monkeypatch.setattr(Session, "send", dying_send)
