"""One HTTP exchange with Dataverse: headers, sessions, retry, counting. Knows nothing of rows."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4
from weakref import WeakSet

import requests
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError, NewConnectionError

from consent_sync.dataverse.errors import ConnectionFailed, DataverseError, Throttled, from_answer
from consent_sync.dataverse.retry import Allowance, Gate, RetryBudget, retry_after_seconds, wait_before_retry
from consent_sync.telemetry import Event, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from consent_sync.dataverse.auth import TokenProvider

_SPREAD = 5.0  # seconds over which those who waited go on
_HEADERS = {
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    "If-None-Match": "null",  # documented to keep caches out of the way
    "User-Agent": "consent-sync",
}


@dataclass(slots=True)
class Counter:
    """HTTP round trips, how many of them were repetitions, and how many answers were 429."""

    correlation_id: str = field(default_factory=lambda: str(uuid4()))
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, retries: int = 0, throttled: int = 0) -> None:
        """Add to the counts; safe from several threads."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.throttled += throttled


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: `path` from the root of the environment; `label` names it in errors, without data."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes
    idempotent: bool
    label: str
    correlation_id: str
    extra_seconds: float = 0.0  # beyond the read time-out, for work that takes longer


@dataclass(frozen=True, slots=True)
class Raw:
    """An HTTP answer: status, headers with lower-case names, and the bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def multipart(self) -> bool:
        """Whether this is the answer to a batch, whatever its outer status."""
        return self.headers.get("content-type", "").startswith("multipart/")


class _Bearer(AuthBase):
    """Sets the token per request; as an auth object it also keeps `.netrc` files from replacing it."""

    def __init__(self, tokens: TokenProvider) -> None:
        self._tokens = tokens

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._tokens.token()}"
        return request


class Transport:
    """Sends requests to one environment. Thread-safe: every thread has its own session."""

    def __init__(  # noqa: PLR0913  - the seams for tests, in keywords
        self,
        url: str,
        tokens: TokenProvider,
        *,
        timeout: tuple[float, float],
        budget: RetryBudget,
        session_factory: Callable[[], requests.Session],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the address of the environment is no http(s) URL")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.budget = budget
        self.sleep = sleep
        self.clock = clock
        self.total = Counter()
        self.server_time: datetime | None = None
        self.dop_hint: int | None = None
        self._auth = _Bearer(tokens)
        self._timeout = timeout
        self._session_factory = session_factory
        self._local = threading.local()
        self._sessions: WeakSet[requests.Session] = WeakSet()  # a thread that ends takes its session along
        self._counters: ContextVar[tuple[Counter, ...]] = ContextVar("counters", default=())
        self._allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)
        self._gate = Gate(clock)

    @contextlib.contextmanager
    def counting(self, correlation_id: str = "") -> Iterator[Counter]:
        """Count what this thread (or a context copied from it) sends; its correlation id goes with every request."""
        counter = Counter(correlation_id or self.correlation_id)
        token = self._counters.set((*self._counters.get(), counter))
        try:
            with self.allowing():
                yield counter
        finally:
            self._counters.reset(token)

    @contextlib.contextmanager
    def allowing(self) -> Iterator[Allowance]:
        """Give the allowance for waiting that holds here, a new one if none does."""
        present = self._allowance.get()
        allowance = present or Allowance(self.budget, self.clock)
        token = self._allowance.set(allowance)
        try:
            yield allowance
        finally:
            self._allowance.reset(token)

    @property
    def correlation_id(self) -> str:
        """The id of the innermost counting context, or a new one."""
        counters = self._counters.get()
        return counters[-1].correlation_id if counters else str(uuid4())

    def count(self, *, requests: int = 0, retries: int = 0, throttled: int = 0) -> None:
        """Add to the client's total and to every counting context around the caller."""
        for counter in (self.total, *self._counters.get()):
            counter.add(requests=requests, retries=retries, throttled=throttled)

    def exchange(self, request: Request) -> Raw:
        """Send, and send again within the budget where the policy allows.

        Gives the last answer, also a failed one; raises ConnectionFailed if there was none, and Throttled without
        sending while Dataverse asks to wait for longer than the allowance.
        """
        with self.allowing():
            attempt = 0
            while True:
                attempt += 1
                self._pass_gate(request)
                outcome = self._attempt(request)
                failure = outcome if isinstance(outcome, ConnectionFailed) else _failure(outcome, request)
                if failure is not None and self.waits(failure, idempotent=request.idempotent, attempt=attempt):
                    continue
                if isinstance(outcome, ConnectionFailed):
                    raise outcome
                return outcome

    def waits(self, failure: DataverseError, *, idempotent: bool, attempt: int) -> bool:
        """Wait before another attempt, if policy and allowance let it be tried again; False if not."""
        wait = self.wait(failure, idempotent=idempotent, attempt=attempt)
        return wait is not None and self.pause(wait, failure)

    def wait(self, failure: DataverseError, *, idempotent: bool, attempt: int) -> float | None:
        """Ask the policy: seconds before the next attempt, or None."""
        return wait_before_retry(
            failure,
            idempotent=idempotent,
            attempt=attempt,
            budget=self.budget,
            dice=random.random(),  # noqa: S311  - jitter
        )

    def pause(self, seconds: float, failure: DataverseError) -> bool:
        """Wait before another attempt and leave a trace of it; False, at once, if the allowance is too small."""
        with self.allowing() as allowance:
            if not allowance.take(seconds):
                return False
        self.count(retries=1)
        say(
            Event.RETRIED,
            correlation=failure.correlation_id,
            operation=failure.operation,
            kind=type(failure).__name__,
            status=failure.status,
            seconds=round(seconds, 1),
        )
        self.sleep(seconds)
        return True

    def _pass_gate(self, request: Request) -> None:
        """Wait while another thread was asked to wait, and then a little longer, so that not all go at once."""
        while held := self._gate.seconds:
            held += min(_SPREAD, held / 10) * random.random()  # noqa: S311  - jitter
            with self.allowing() as allowance:
                if not allowance.take(held):
                    raise Throttled(
                        "not sent: Dataverse asks to wait",
                        operation=request.label,
                        correlation_id=request.correlation_id,
                        retry_after=held,
                    )
            self.sleep(held)

    def _attempt(self, request: Request) -> Raw | ConnectionFailed:
        ids = {"x-ms-client-request-id": str(uuid4()), "x-ms-correlation-request-id": request.correlation_id}
        connect, read = self._timeout
        self.count(requests=1)
        try:
            answer = self._session().request(
                request.method,
                self.url + request.path,
                headers={**_HEADERS, **ids, **request.headers},
                data=request.content or None,
                timeout=(connect, read + request.extra_seconds),
                allow_redirects=False,
                auth=self._auth,
            )
        except requests.RequestException as error:
            # The text of the exception holds the URL and with it filter values: only its kind is kept.
            return ConnectionFailed(
                f"no answer from {urlsplit(self.url).hostname}: {type(error).__name__}",
                sent=not _never_sent(error),
                operation=request.label,
                correlation_id=request.correlation_id,
            )
        raw = Raw(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)
        if date := raw.headers.get("date"):
            with contextlib.suppress(ValueError):
                self.server_time = parsedate_to_datetime(date).astimezone(UTC)
        if (hint := raw.headers.get("x-ms-dop-hint", "")).isdecimal():
            self.dop_hint = int(hint)
        if raw.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.count(throttled=1)
            wait = retry_after_seconds(raw.headers.get("retry-after")) or 0.0
            if wait <= self.budget.seconds:  # longer ones are given back to the caller; another web server may do
                self._gate.close(wait)
        return raw

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._session_factory()
            # Without the affinity cookie the load spreads over the web servers, each with limits of its own.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
            self._sessions.add(session)
        return session

    def close(self) -> None:
        """Close the connections of all threads."""
        for session in list(self._sessions):
            session.close()


def _failure(raw: Raw, request: Request) -> DataverseError | None:
    if raw.status < HTTPStatus.BAD_REQUEST or raw.multipart:  # the parts of a batch speak for themselves
        return None
    wait = retry_after_seconds(raw.headers.get("retry-after"))
    return from_answer(raw.status, raw.headers, None, operation=request.label, retry_after=wait)


def _never_sent(error: requests.RequestException) -> bool:
    """Whether the connection was never made, so that the request was certainly not run."""
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)
