"""Service protection limits: requests, execution time and concurrency per user (dataverse.md 2.8)."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import DataverseError

if TYPE_CHECKING:
    from .clock import Clock

_REQUESTS = ("0x80072322", "Number of requests exceeded the limit of {limit} over time window of {window} seconds.")
_SECONDS = (
    "0x80072321",
    "Combined execution time of incoming requests exceeded {limit} seconds over time window of {window} seconds.",
)
_CONCURRENT = ("0x80072326", "Number of concurrent requests exceeded the limit of {limit}.")
_CONCURRENT_WAIT = 2


@dataclass(frozen=True, slots=True)
class Budget:
    """What one user may use in a sliding window of `window` seconds; None switches a limit off."""

    requests: int | None = 6000
    seconds: float | None = 1200.0
    concurrent: int | None = 52
    window: float = 300.0


@dataclass(slots=True)
class _Use:
    moments: deque[float] = field(default_factory=deque)
    spent: deque[tuple[float, float]] = field(default_factory=deque)
    total: float = 0.0
    running: int = 0

    def below(self, seconds: float) -> float:
        """The moment of the use whose end of the window brings the total down to this."""
        total = self.total
        for moment, spent in self.spent:
            total -= spent
            if total <= seconds:
                return moment
        return self.spent[-1][0]


class Limits:
    """Counts what each user uses. Refused requests count too: pushing on lengthens the wait."""

    def __init__(self, clock: Clock, budget: Budget) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._uses: dict[str, _Use] = {}
        self.budget = budget

    def clear(self, budget: Budget) -> None:
        """Forget what was used and set new limits."""
        with self._lock:
            self._uses.clear()
            self.budget = budget

    def enter(self, user: str) -> None:
        """Count a request. Raises 429 with Retry-After (whole seconds) when a limit is exceeded."""
        with self._lock:
            use, now, budget = self._use(user), self._clock.time(), self.budget
            use.moments.append(now)
            if budget.requests is not None and len(use.moments) > budget.requests:
                # when one more request fits, so that who waits that long is let in
                free_at = use.moments[min(len(use.moments) - budget.requests, len(use.moments) - 1)] + budget.window
                raise _refused(_REQUESTS, budget.requests, budget.window, free_at - now)
            if budget.seconds is not None and use.total > budget.seconds:
                free_at = use.below(budget.seconds) + budget.window
                raise _refused(_SECONDS, budget.seconds, budget.window, free_at - now)
            if budget.concurrent is not None and use.running >= budget.concurrent:
                raise _refused(_CONCURRENT, budget.concurrent, budget.window, _CONCURRENT_WAIT)
            use.running += 1

    def leave(self, user: str, seconds: float) -> None:
        """Note the end and the execution time of a request that was let in."""
        with self._lock:
            use = self._use(user)
            use.running -= 1
            use.spent.append((self._clock.time(), seconds))
            use.total += seconds

    def headers(self, user: str) -> dict[str, str]:
        """What is left, for the response: debugging aids, and the recommended degree of parallelism."""
        with self._lock:
            use, budget = self._use(user), self.budget
            left = (budget.requests or 0) - len(use.moments)
            time_left = (budget.seconds or 0.0) - use.total
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(max(0, left)),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{max(0.0, time_left):,.2f}",
            "x-ms-dop-hint": "4",
        }

    def _use(self, user: str) -> _Use:
        use = self._uses.setdefault(user, _Use())
        oldest = self._clock.time() - self.budget.window
        while use.moments and use.moments[0] <= oldest:
            use.moments.popleft()
        while use.spent and use.spent[0][0] <= oldest:
            use.total -= use.spent.popleft()[1]
        return use


def _refused(kind: tuple[str, str], limit: float, window: float, wait: float) -> DataverseError:
    code, text = kind
    headers = {"Retry-After": str(max(1, int(wait) + 1))}
    return DataverseError(429, code, text.format(limit=limit, window=window), headers)


def budget_of(given: Any) -> Budget:
    """A budget from the admin API: None the platform's limits, false none at all, an object changes some."""
    if given is False:
        return Budget(None, None, None)
    return Budget(**given) if given else Budget()
