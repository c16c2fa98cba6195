"""From views to HTML. Every page carries a policy that lets nothing run or load but what it brings itself."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from consent_sync.engine.intake import FOR_GOOD
from consent_sync.operate.http import Answer

from .headline import spoken


def page(template: str, now: datetime, **context: Any) -> Answer:
    """Give a page as an answer. `context` is what its template asks for."""
    nonce = secrets.token_urlsafe(16)
    text = (
        _pages()
        .get_template(template)
        .render(nonce=nonce, now=now, age=lambda at: spoken(now - at), moment=_moment, **context)
    )
    return Answer(HTTPStatus.OK, text, {"Content-Type": "text/html; charset=utf-8", **_headers(nonce)})


@cache
def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("consent_sync.operate.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _headers(nonce: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",  # the address may carry a function key
    }


def _moment(at: datetime) -> str:
    return "for good" if at >= FOR_GOOD else f"{at.astimezone(UTC):%d %b %Y %H:%M} UTC"
