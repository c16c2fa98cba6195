"""Answers of the HTTP API: JSON, and problem documents (RFC 9457) for everything that goes wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from consent_sync.dataverse.context import BadEvent
from consent_sync.engine.settle import CannotSettle
from consent_sync.errors import ConsentSyncError

from .body import BadRequestBody
from .webhook import WrongKey


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of an HTTP answer."""

    status: HTTPStatus
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(body: BaseModel | dict[str, Any], status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Answer:
    """Answer with JSON; a keyword is a header, such as ``Location``."""
    text = body.model_dump_json() if isinstance(body, BaseModel) else json.dumps(body)
    return Answer(status, text, {"Content-Type": "application/json", **headers})


def problem(error: ConsentSyncError) -> Answer:
    """Answer with what went wrong and, from the error's own docstring, what to do about it."""
    statuses = {
        CannotSettle: HTTPStatus.CONFLICT,
        WrongKey: HTTPStatus.UNAUTHORIZED,
        BadEvent: HTTPStatus.BAD_REQUEST,
        BadRequestBody: HTTPStatus.BAD_REQUEST,
    }
    return _problem(statuses.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE), str(error), remedy(error))


def not_found(what: str) -> Answer:
    """Answer that there is no such thing."""
    return _problem(HTTPStatus.NOT_FOUND, f"no such {what}", "Ask for the list of them to see which there are.")


def remedy(error: ConsentSyncError) -> str:
    """Give what the error's docstring tells the reader to do, on one line."""
    return " ".join((type(error).__doc__ or "").split())


def _problem(status: HTTPStatus, detail: str, what_to_do: str) -> Answer:
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "remedy": what_to_do,
    }
    return Answer(status, json.dumps(body), {"Content-Type": "application/problem+json"})
