"""Faults that tests inject into requests: refusals, hanging, cut connections."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from .errors import DataverseError
from .web import Request, Response, refusal

_CODES = {
    401: ("0x80040220", "The bearer token is missing or not accepted."),
    403: ("0x80040220", "Principal user is missing a privilege."),
    429: ("0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds."),
    500: ("0x80040216", "An unexpected error occurred."),
    503: ("0x80040216", "The service is unavailable."),
}


@dataclass(slots=True)
class RequestFault:
    """One rule: the next `count` (-1: all) requests whose method and URL fit are treated badly.

    `hang`: seconds to wait first. `cut`: close the connection `before` the request is worked on, or `after` it was,
    so that its effect stays but nobody hears of it. `status`: refuse with it, `retry_after` in seconds.
    `code`: the error code in place of the usual one.
    """

    method: str = ""
    path: str = ""
    status: int = 0
    count: int = 1
    retry_after: int | None = None
    hang: float = 0.0
    cut: str = ""
    code: str = ""

    def fits(self, request: Request) -> bool:
        """True if this rule is meant for the request (`path` is a part of its URL)."""
        url = f"{request.path}?{request.raw_query}"
        return self.count != 0 and self.method.upper() in {"", request.method} and self.path in url

    def response(self) -> Response:
        """The refusal this rule answers with."""
        code, text = _CODES.get(self.status, ("0x80040216", "Injected fault."))
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return refusal(DataverseError(self.status, self.code or code, text, headers), details=False)


class RequestFaults:
    """The rules in force, tried in the order they were given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[RequestFault] = []

    def replace(self, rules: list[RequestFault]) -> None:
        """Put other rules in force."""
        with self._lock:
            self._rules = rules

    def take(self, request: Request) -> RequestFault | None:
        """The rule for this request, used up by one."""
        with self._lock:
            for rule in self._rules:
                if rule.fits(request):
                    rule.count -= rule.count > 0
                    return rule
        return None
