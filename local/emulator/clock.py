"""The emulator's idea of now: real time plus an offset that tests may advance."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Real time plus `offset` seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def stamp(self) -> str:
        """Now as Dataverse stores and returns it: UTC, whole seconds, `2026-01-31T12:00:00Z`."""
        return stamp_of(self.time())


def stamp_of(seconds: float) -> str:
    """A moment given in seconds since the epoch, as Dataverse returns it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def seconds_of(stamp: str) -> int:
    """Seconds since the epoch of a stored moment."""
    return int(datetime.fromisoformat(stamp).timestamp())


def moment(text: str) -> str:
    """Any ISO 8601 date or moment as a stored moment. Raises ValueError when it is none of the years 1 to 9999.

    A fraction of a second goes behind the Z: stored moments have none, so text order stays time order
    (`...:00Z` < `...:00Z5` < `...:01Z`).
    """
    parsed = datetime.fromisoformat(text)
    try:
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    fraction = f"{parsed.microsecond:06d}" if parsed.microsecond else ""
    return parsed.strftime("%Y-%m-%dT%H:%M:%SZ") + fraction
