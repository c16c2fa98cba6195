"""HTTP calls and answers: what a call must be like, JSON, and problem documents (RFC 9457) for all that goes wrong."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from consent_sync.dataverse.context import BadEvent
from consent_sync.engine.intake import AnotherIntake
from consent_sync.engine.open_runs import NoSuchRun
from consent_sync.engine.plans import CannotApply
from consent_sync.engine.settle import CannotSettle
from consent_sync.engine.undo import CannotUndo
from consent_sync.errors import ConsentSyncError
from consent_sync.telemetry import Event, place_of, say

from .access import Caller, NotAllowed, NotSignedIn, Role, caller_of
from .body import BadRequestBody, CannotProcess
from .parked import NoStorage, NotParked
from .webhook import WrongKey, WrongOrganization, correlation_of

REQUEST_ID = "x-request-id"
LARGEST_BODY = 16 * 1024
"""Bytes; the largest sensible request has a few texts of some hundred characters."""


class TooLarge(ConsentSyncError):
    """The request's body is larger than any that the API takes. Send what the endpoint's description asks for."""


class NotJson(ConsentSyncError):
    """The request has a body that is not declared as JSON. Send it with `Content-Type: application/json`."""


class CrossSite(ConsentSyncError):
    """A browser sent this request from a page of another site. Call the API from its own pages or from a program."""


class NotFound(ConsentSyncError):
    """There is nothing under this address. Ask for the list of them to see which there are."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One HTTP function: what it takes, what it answers, and who may call it.

    `role` is None where no principal is asked for; `answer` is the body of a success with `status`, None for anything
    of the type `media`; `problems` are the failures of its own, besides those that all endpoints share.
    """

    name: str
    method: str
    route: str
    says: str
    role: Role | None
    answer: type[BaseModel] | None
    status: HTTPStatus = HTTPStatus.OK
    body: type[BaseModel] | None = None
    problems: tuple[HTTPStatus, ...] = ()
    media: str = "application/json"

    @property
    def changes(self) -> bool:
        """Whether a call changes anything."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Call:
    """One call, after its caller and its form were checked; `id` names it in logs and in what follows from it."""

    id: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    route: Mapping[str, str]
    body: bytes
    caller: Caller | None = None

    def by(self, said: str | None) -> str:
        """Give who is behind the call: whoever signed in, else who the body says. Raises CannotProcess if nobody."""
        if self.caller is not None:
            return self.caller.name
        if not said or not said.strip():
            raise CannotProcess("by: say who, since nobody is signed in")
        return said.strip()


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of an HTTP answer."""

    status: HTTPStatus
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Problem(BaseModel):
    """What went wrong (RFC 9457): `detail` says what this time, `remedy` what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str
    request_id: str


def admitted(endpoint: Endpoint, call: Call, *, needs_principal: bool) -> Call:
    """Check who calls and the form of the call, in that order. Raises ConsentSyncError.

    A browser sends forms to other sites without asking, but never JSON, so no page of another site can make a signed-in
    person change anything.
    """
    if endpoint.role is None:
        return call
    caller = caller_of(call.headers, endpoint.role) if needs_principal else None
    if endpoint.changes and call.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise CrossSite("this comes from a page of another site")
    if endpoint.body is not None and _media_type(call.headers) != "application/json":
        raise NotJson("the body must be JSON, and say so")
    if len(call.body) > LARGEST_BODY:
        raise TooLarge(f"the body is larger than {LARGEST_BODY} bytes")
    return Call(call.id, call.headers, call.query, call.route, call.body, caller)


def call_id(headers: Mapping[str, str]) -> str:
    """Give the id that the caller named the call by, or a new one."""
    return correlation_of(headers) or str(uuid.uuid4())


def answer(body: BaseModel | dict[str, Any], status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Answer:
    """Answer with JSON; a keyword is a header, such as ``Location``."""
    text = body.model_dump_json() if isinstance(body, BaseModel) else json.dumps(body)
    return Answer(status, text, {"Content-Type": "application/json", **headers})


_STATUSES: dict[type[ConsentSyncError], HTTPStatus] = {
    BadEvent: HTTPStatus.BAD_REQUEST,
    BadRequestBody: HTTPStatus.BAD_REQUEST,
    WrongKey: HTTPStatus.UNAUTHORIZED,
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    CrossSite: HTTPStatus.FORBIDDEN,
    WrongOrganization: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    NotParked: HTTPStatus.NOT_FOUND,
    CannotSettle: HTTPStatus.CONFLICT,
    AnotherIntake: HTTPStatus.CONFLICT,
    CannotApply: HTTPStatus.CONFLICT,
    CannotUndo: HTTPStatus.CONFLICT,
    NoSuchRun: HTTPStatus.CONFLICT,
    NoStorage: HTTPStatus.CONFLICT,
    CannotProcess: HTTPStatus.UNPROCESSABLE_CONTENT,
    TooLarge: HTTPStatus.CONTENT_TOO_LARGE,
    NotJson: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}


def answered(
    endpoint: Endpoint, call: Call, handle: Callable[[Call], Answer], needs_principal: Callable[[], bool]
) -> Answer:
    """Check `call` and let `handle` answer it; whatever goes wrong becomes a problem document and a line of log."""
    try:
        given = handle(admitted(endpoint, call, needs_principal=endpoint.role is not None and needs_principal()))
    except ConsentSyncError as error:
        kind, status = type(error).__name__, status_for(error)
        given = _problem(status, str(error), remedy(error), call.id)
        fields = {"function": endpoint.name, "status": status.value, "kind": kind, "detail": str(error)}
        say(Event.REFUSED, logging.WARNING, **fields, request_id=call.id)
    except Exception as error:  # noqa: BLE001  - what is unexpected has an answer, too
        status, what_to_do = HTTPStatus.INTERNAL_SERVER_ERROR, "Look for the request's id in the log."
        given = _problem(status, "the service made a mistake", what_to_do, call.id)
        fields = {"function": endpoint.name, "kind": type(error).__name__, "place": place_of(error)}
        say(Event.MISTAKE, logging.ERROR, **fields, request_id=call.id)
    return Answer(given.status, given.body, {**given.headers, REQUEST_ID: call.id, "Cache-Control": "no-store"})


def status_for(error: ConsentSyncError) -> HTTPStatus:
    """Give the status that tells of `error`: of one that is nobody's mistake, that the service is not available."""
    return _STATUSES.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE)


def remedy(error: ConsentSyncError) -> str:
    """Give what the error's docstring tells the reader to do, on one line."""
    return " ".join((type(error).__doc__ or "").split())


def _problem(status: HTTPStatus, detail: str, what_to_do: str, call_id: str) -> Answer:
    document = Problem(title=status.phrase, status=status.value, detail=detail, remedy=what_to_do, request_id=call_id)
    return Answer(status, document.model_dump_json(), {"Content-Type": "application/problem+json"})


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
