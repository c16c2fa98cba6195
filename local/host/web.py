"""The HTTP face of the host: function routes with keys, and the admin calls."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import BadRequest, HTTPException, NotFound, Unauthorized
from werkzeug.routing import Map, Rule
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Request, Response

from local.host.errors import InvocationFailedError
from local.host.functions import Function, HttpTrigger
from local.host.routes import CONVERTERS, route_rules
from local.host.worker import HttpCall, HttpReply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment


class Backend(Protocol):
    """What the web face asks of the host."""

    def call(self, function: Function, request: HttpCall) -> HttpReply:
        """Run an HTTP function; InvocationFailedError if it fails."""

    def fire(self, function: Function, text: str) -> None:
        """Start a queue or timer function by hand, without waiting for it."""

    def status(self) -> dict[str, Any]:
        """Describe what waits and runs, as JSON."""


class WebApp:
    """WSGI application for the functions of one app.

    ``key`` opens everything that is not anonymous, as ``x-functions-key`` or ``?code=``. Answers as the real host does:
    404 no such route, 405 wrong method, 401 no or wrong key, 500 the function failed.
    """

    def __init__(self, functions: Iterable[Function], prefix: str, key: str, backend: Backend) -> None:
        self._functions = {function.name: function for function in functions}
        self._key = key
        self._backend = backend
        rules = [rule for function in self._functions.values() for rule in route_rules(function, prefix)]
        rules.append(Rule("/admin/functions/<name>", methods=["POST"], endpoint="admin-fire"))
        rules.append(Rule("/admin/host/status", methods=["GET"], endpoint="admin-status"))
        self._map = Map(rules, converters=CONVERTERS, strict_slashes=False, merge_slashes=False)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = Response(error.description, error.code, headers=_allow(error))
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        endpoint, values = self._map.bind_to_environ(request.environ).match()
        if endpoint == "admin-status":
            self._check_key(request)
            return Response(json.dumps(self._backend.status()), mimetype="application/json")
        if endpoint == "admin-fire":
            self._check_key(request)
            return self._fire(values["name"], request)
        return self._call(self._functions[endpoint], request, values)

    def _call(self, function: Function, request: Request, route: Mapping[str, str]) -> Response:
        if isinstance(function.trigger, HttpTrigger) and function.trigger.level != "anonymous":
            self._check_key(request)
        call = HttpCall(
            method=request.method,
            url=iri_to_uri(request.url),
            headers=dict(request.headers.items()),
            query=request.args.to_dict(),
            route=route,
            body=request.get_data(),
        )
        try:
            reply = self._backend.call(function, call)
        except InvocationFailedError:
            return Response(status=500)
        return Response(reply.body, reply.status, dict(reply.headers))

    def _fire(self, name: str, request: Request) -> Response:
        function = self._functions.get(name)
        if function is None:
            raise NotFound(f"There is no function {name}; GET /admin/host/status lists them.")
        if isinstance(function.trigger, HttpTrigger):
            raise BadRequest(f"{name} is an HTTP function: call its own address.")
        try:
            text = json.loads(request.get_data() or b"{}").get("input", "")
        except (ValueError, AttributeError) as error:
            raise BadRequest('The body must be a JSON object like {"input": "text of the message"}.') from error
        self._backend.fire(function, text if isinstance(text, str) else json.dumps(text))
        return Response(status=202)

    def _check_key(self, request: Request) -> None:
        given = request.headers.get("x-functions-key") or request.args.get("code") or ""
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            raise Unauthorized("Send the host's key as x-functions-key or ?code=.")


def _allow(error: HTTPException) -> dict[str, str]:
    methods = getattr(error, "valid_methods", None)
    return {"Allow": ", ".join(sorted(methods))} if methods else {}
