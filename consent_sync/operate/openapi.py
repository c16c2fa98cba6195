"""The OpenAPI document of the HTTP interface, made from the table of endpoints and the models of their bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from .endpoints import ENDPOINTS
from .http import Endpoint, Problem

_REF = "#/components/schemas/{model}"
_PROBLEM = "application/problem+json"
_SECURITY: dict[str, dict[str, str]] = {
    "functionKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-functions-key",
        "description": "A function key of the app. With App Service authentication, a token is needed as well.",
    },
    "webhookKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-webhook-key",
        "description": "One of the keys in WEBHOOK_KEYS.",
    },
}
_ID = {"type": "string", "pattern": "^[0-9A-Za-z_-]+$"}
_REQUEST_ID = {"description": "Names the request in the log.", "schema": {"type": "string", "format": "uuid"}}
_HEADERS = {"x-request-id": {"$ref": "#/components/headers/RequestId"}}
_SAID = {
    HTTPStatus.BAD_REQUEST: "The body is not what the endpoint takes.",
    HTTPStatus.UNAUTHORIZED: "The key or the token is missing or wrong; the host itself refuses a wrong function key.",
    HTTPStatus.FORBIDDEN: "The caller may not do this.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.CONFLICT: "It cannot be done as things stand.",
    HTTPStatus.CONTENT_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as JSON.",
    HTTPStatus.UNPROCESSABLE_CONTENT: "The body is well formed, but asks for what cannot be done here.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The settings, the mapping or Dataverse do not work.",
}


@cache
def document() -> dict[str, Any]:
    """Give the OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS.values():
        paths.setdefault(f"/{endpoint.route}", {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "consent-sync",
            "version": "1",
            "description": "Carries opt-outs between the places where Dynamics 365 keeps consent. No contact point "
            "ever stands in an address. Whatever goes wrong is answered with a problem document (RFC 9457).",
        },
        "servers": [{"url": "/api"}],
        "paths": paths,
        "components": {
            "securitySchemes": _SECURITY,
            "headers": {"RequestId": _REQUEST_ID},
            "responses": {status.name: _problem(status, said) for status, said in _SAID.items()},
            "schemas": dict(sorted(_schemas())),
        },
    }


def _schemas() -> Iterator[tuple[str, Any]]:
    asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for endpoint in ENDPOINTS.values():
        if endpoint.answer:
            asked.append((endpoint.answer, "serialization"))
        if endpoint.body:
            asked.append((endpoint.body, "validation"))
    _, schemas = models_json_schema(asked, ref_template=_REF)
    yield from schemas["$defs"].items()


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.says}
    if parameters := [*_parameters(endpoint)]:
        operation["parameters"] = parameters
    if endpoint.body:
        operation["requestBody"] = {"required": True, "content": _json(endpoint.body)}
    operation["responses"] = {str(status): said for status, said in sorted(_responses(endpoint))}
    operation["security"] = [{name: []} for name in _keys(endpoint)]
    return operation


def _keys(endpoint: Endpoint) -> Iterable[str]:
    if endpoint.role is None:
        return ["webhookKey"] if endpoint.name == "dataverse_events" else []
    return ["functionKey"]


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", endpoint.route):
        yield {"name": name, "in": "path", "required": True, "schema": _ID}


def _responses(endpoint: Endpoint) -> Iterator[tuple[int, dict[str, Any]]]:
    status, said = endpoint.status, endpoint.status.phrase
    content = _json(endpoint.answer) if endpoint.answer else {endpoint.media: {"schema": _any(endpoint.media)}}
    yield status.value, {"description": said, "headers": _HEADERS, "content": content}
    for status in {*endpoint.problems, *_shared(endpoint)}:
        yield status.value, {"$ref": f"#/components/responses/{status.name}"}


def _any(media: str) -> dict[str, str]:
    return {"type": "object" if media == "application/json" else "string"}


def _problem(status: HTTPStatus, says: str) -> dict[str, Any]:
    content: dict[str, Any] = {_PROBLEM: {"schema": {"$ref": _REF.format(model=Problem.__name__)}}}
    if status is HTTPStatus.UNAUTHORIZED:
        content["text/plain"] = {"schema": {"type": "string"}}  # the host's own answer
        return {"description": says, "content": content}
    return {"description": says, "headers": _HEADERS, "content": content}


def _shared(endpoint: Endpoint) -> Iterator[HTTPStatus]:
    """What may go wrong with any endpoint of this kind."""
    if endpoint.role or endpoint.name == "dataverse_events":
        yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE)
    if endpoint.role:
        yield HTTPStatus.FORBIDDEN
    if endpoint.role and endpoint.body:
        yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.CONTENT_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}
