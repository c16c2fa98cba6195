"""What lies in a queue of messages that were given up: the message, and why.

A message that the host itself put there, because the process ended with its last try, comes without a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from consent_sync.ports.queue import Cause

LARGEST = 48 * 1024
"""Bytes of text in one message: 64 KB on the wire, in base64 (page "Scalability targets for Queue Storage")."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    parked: Cause
    text: str


_ENVELOPE = TypeAdapter(_Envelope)


def wrap(text: str, cause: Cause) -> str:
    """Give the message with its cause, or alone where there is no room for both."""
    both = _ENVELOPE.dump_json(_Envelope(cause, text)).decode()
    return both if len(both.encode()) <= LARGEST else text


def unwrap(content: str) -> tuple[str, Cause | None]:
    """Give the message and its cause."""
    try:
        found = _ENVELOPE.validate_json(content)
    except ValidationError:
        return content, None
    return found.text, found.parked
