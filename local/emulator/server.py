"""HTTP: cheroot in front, one WSGI application that logs, limits, breaks on purpose and dispatches."""

from __future__ import annotations

import re
import time
import traceback
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
from werkzeug.wrappers import Request as WireRequest

from . import batch
from .errors import DataverseError, no_segment
from .web import Request, Response, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .emulator import Emulator

_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_THREADS = 60  # more than the 52 concurrent requests that Dataverse allows
_API = re.compile(r"^/api/data/v9\.[012](?:/|$)", re.IGNORECASE)
_ADMIN = "/_emulator/"
_REQUEST = "emulator.request"
_URL_LIMIT = 32 * 1024


class _Gateway(wsgi.Gateway_10):
    """Hands the application cheroot's own request, so that it can end a connection without an answer."""

    def get_environ(self) -> Any:
        environ = super().get_environ()  # type: ignore[no-untyped-call]
        return {**environ, _REQUEST: self.req}


def make_server(emulator: Emulator, port: int, certificate: str | None) -> wsgi.Server:
    """The server, not yet listening; with a `certificate` (PEM file with its key) it speaks TLS."""
    server = wsgi.Server(
        ("127.0.0.1", port), Application(emulator), numthreads=_THREADS, server_name="emulator", request_queue_size=128
    )
    server.gateway = _Gateway
    if certificate:
        server.ssl_adapter = BuiltinSSLAdapter(certificate, certificate)
    server.shutdown_timeout = 1
    server.expiration_interval = 0.05  # how often its loop looks whether to stop
    return server


class Application:
    """The WSGI application."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request of the wire."""
        wire = WireRequest(environ)
        path = wire.path
        cut = False
        if path.startswith(_ADMIN):
            response = self._admin(_request(wire, path[len(_ADMIN) :], "/"))
        elif match := _API.match(path):
            response, cut = self._api(_request(wire, path[match.end() :], f"{match[0].rstrip('/')}/"))
        else:
            response = refusal(no_segment(path), details=False)
        headers = list(response.headers.items())
        if response.status not in _WITHOUT_BODY:
            headers.append(("Content-Length", str(len(response.body))))
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers)
        if cut:  # cheroot believes the answer is on its way, sends nothing and closes
            environ[_REQUEST].sent_headers = environ[_REQUEST].close_connection = True
            return []
        return [response.body]

    def _admin(self, request: Request) -> Response:
        try:
            return self._emulator.admin.handle(request, request.path)
        except DataverseError as error:
            return refusal(error, details=False)

    def _api(self, request: Request) -> tuple[Response, bool]:
        """Answer one request of the Web API and log it; also whether to cut the connection instead of answering."""
        started = time.perf_counter()
        rule = self._emulator.faults.take(request)
        if rule and rule.hang:
            time.sleep(rule.hang)
        if rule and (rule.status or rule.cut == "before"):
            response = rule.response() if rule.status else Response(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            request_id = str(uuid.uuid4())
            response = self._limited(request, request_id)
            response.headers["x-ms-service-request-id"] = response.headers["REQ_ID"] = request_id
        self._emulator.log.add(
            {
                "method": request.method,
                "url": f"{request.path}?{request.raw_query}" if request.raw_query else request.path,
                "status": response.status,
                "seconds": time.perf_counter() - started,
                "operations": batch.operations(request.body) if request.path == "$batch" else 1,
                "tag": request.query.get("tag"),
                "correlation": request.header("x-ms-correlation-request-id"),
                "bytes_in": len(request.body),
                "bytes_out": len(response.body),
            }
        )
        return response, bool(rule and rule.cut)

    def _limited(self, request: Request, request_id: str) -> Response:
        """Authenticate, count against the limits, run."""
        details = "odata.include-annotations" in request.preferences
        limits = self._emulator.limits
        try:
            user = self._emulator.callers.authenticate(request)
            limits.enter(user)
        except DataverseError as error:
            return refusal(error, details=details)
        started = time.perf_counter()
        try:
            response = self._run(request, user, request_id)
        except DataverseError as error:
            response = refusal(error, details=details)
        except Exception as error:  # noqa: BLE001  - a defect must show as 500, not as a dropped connection
            traceback.print_exc()
            response = refusal(DataverseError(500, "0x80040216", f"Emulator defect: {error!r}"), details=False)
        finally:
            limits.leave(user, time.perf_counter() - started)
        response.headers |= limits.headers(user)
        return response

    def _run(self, request: Request, user: str, request_id: str) -> Response:
        if len(request.path) + len(request.raw_query) > _URL_LIMIT:
            raise DataverseError(414, "0x80060888", f"The URL is longer than {_URL_LIMIT} bytes: send it in a $batch.")
        context = self._emulator.callers.context(request, user)
        context.request_id = request_id
        if request.path == "$batch":
            return self._emulator.batch.run(request, context)
        return self._emulator.api.handle(request, context)


def _request(wire: WireRequest, path: str, root: str) -> Request:
    """Our own form of a request of the wire."""
    headers = {name.lower(): value for name, value in wire.headers.items()}
    query = wire.query_string.decode("latin-1")
    base = f"{wire.scheme}://{wire.host}{root}"
    return Request(wire.method, path, query, headers, wire.get_data(), base)
