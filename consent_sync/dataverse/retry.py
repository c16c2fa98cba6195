"""When to try a request again, decided without I/O.

Source: Microsoft's page "Service protection API limits": 429 carries `Retry-After`, which must be honoured exactly;
clients that keep calling are made to wait longer, and what was refused counts too.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from consent_sync.dataverse.errors import ConnectionFailed, DataverseError, ServiceUnavailable, Throttled

_IDEMPOTENT_METHODS = frozenset({"GET", "DELETE"})
_CONDITIONAL_METHODS = frozenset({"PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How long one invocation may keep trying.

    `attempts`: of one request; `seconds`: waiting for all requests of the invocation together; `base` and `longest`:
    the first and the longest wait in seconds where the server names none.
    """

    attempts: int = 5
    seconds: float = 90.0
    base: float = 0.5
    longest: float = 20.0


class Allowance:
    """What is left of the seconds of a budget, for all requests of one invocation, whatever thread sends them."""

    def __init__(self, budget: RetryBudget, clock: Callable[[], float]) -> None:
        self._seconds, self._clock = budget.seconds, clock
        self._waited, self._until = 0.0, 0.0
        self._lock = threading.Lock()

    def take(self, seconds: float) -> bool:
        """Reserve a wait that begins now, False if too little is left. Waits side by side count once."""
        with self._lock:
            end = self._clock() + seconds
            more = end - max(self._clock(), self._until)
            if self._waited + max(0.0, more) > self._seconds:
                return False
            self._waited += max(0.0, more)
            self._until = max(self._until, end)
            return True


class Gate:
    """Closed to all threads of a client while Dataverse asks one of them to wait, so that nobody knocks meanwhile."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = 0.0

    def close(self, seconds: float) -> None:
        """Close for this long from now, unless it is closed for longer."""
        self._until = max(self._until, self._clock() + seconds)

    @property
    def seconds(self) -> float:
        """How long it is still closed."""
        return max(0.0, self._until - self._clock())


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Read a `Retry-After` header, seconds or an HTTP date, as seconds from now; None if absent or unreadable."""
    if not value:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - (now or datetime.now(UTC))).total_seconds())


def is_idempotent(method: str, *, conditional: bool) -> bool:
    """Say whether sending the request twice is the same as once.

    `conditional` means that it carries If-Match or If-None-Match: a PATCH without could overwrite what a person did
    between the two attempts.
    """
    return method in _IDEMPOTENT_METHODS or (conditional and method in _CONDITIONAL_METHODS)


def wait_before_retry(
    failure: DataverseError, *, idempotent: bool, attempt: int, budget: RetryBudget, dice: float
) -> float | None:
    """Give the seconds to wait before the next attempt, or None to give up and raise `failure`.

    `attempt` counts those made, from 1; `dice` is a random number in [0, 1).
    """
    if attempt >= budget.attempts or not _may_retry(failure, idempotent=idempotent):
        return None
    if failure.retry_after is not None:
        return failure.retry_after
    ceiling = min(budget.longest, budget.base * 2.0 ** (attempt - 1))
    return ceiling * (0.5 + dice / 2)


def _may_retry(failure: DataverseError, *, idempotent: bool) -> bool:
    """Requests that were refused or never delivered were not run; the fate of others matters if twice is not once."""
    match failure:
        case Throttled():
            return True
        case ConnectionFailed():
            return idempotent or not failure.sent
        case ServiceUnavailable():
            refused = failure.status == HTTPStatus.SERVICE_UNAVAILABLE and failure.retry_after is not None
            return idempotent or refused
        case _:
            return False
