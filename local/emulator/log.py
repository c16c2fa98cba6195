"""The log of requests that tests count and read."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from typing import Any

_KEPT = 200_000


class RequestLog:
    """Keeps the latest requests: seq, method, url, status, seconds, operations, tag, bytes_in, bytes_out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._numbers = itertools.count(1)

    def add(self, entry: dict[str, Any]) -> None:
        """Append an entry; it gets the next `seq`."""
        with self._lock:
            self._entries.append({"seq": next(self._numbers), **entry})

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Entries with a greater `seq`."""
        with self._lock:
            return [entry for entry in self._entries if entry["seq"] > seq]

    def clear(self) -> None:
        """Forget all entries; `seq` goes on."""
        with self._lock:
            self._entries.clear()
