"""The webhook: check the caller, read the event, give the wake. No round trip to anywhere."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from consent_sync.consent.model import Reading
from consent_sync.dataverse.context import BadEvent, EventContext, parse
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.schema import MappingFile
from consent_sync.ports.wake import Wake
from consent_sync.tenant.apply import MARKER
from consent_sync.tenant.events import wake_for

KEY_HEADER, CORRELATION = "x-webhook-key", "x-ms-correlation-request-id"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LARGEST_BODY = 256 * 1024
"""Bytes; Dataverse strips larger events itself (page "Use webhooks")."""


FRESH, AHEAD = timedelta(hours=24), timedelta(minutes=10)
"""How old an event may be, and how far ahead the server's clock: asynchronous jobs may lag for hours."""


class WrongOrganization(ConsentSyncError):
    """A webhook call of another environment. Register its webhook with the function app that belongs to it."""


class WrongKey(ConsentSyncError):
    """A webhook call without a valid key. If Dataverse is the caller: register the webhook again with a valid key."""


def wake_from(
    body: bytes,
    headers: Mapping[str, str],
    keys: Iterable[str],
    mapping: Callable[[], MappingFile],
    organization: Callable[[], str | None] = lambda: None,
) -> Wake | None:
    """Give the wake that a webhook call asks for, None where it concerns nobody or is the echo of our own write.

    Dataverse signs nothing, so the key is the only proof of the caller, and nothing that the body says is believed
    beyond "look at this": see the event as a wake-up call. A call that is repeated is let through, for all it can cause
    is another look, and whether the first one was queued nobody knows. An event that is too old to be trusted proves no
    opt-in; an opt-out that is told late is an opt-out. `organization` gives the one that we work for, as far as it is
    known yet. Raises WrongKey, BadEvent or WrongOrganization.
    """
    if not _is_valid(headers.get(KEY_HEADER, ""), keys):
        raise WrongKey("the webhook key is missing or wrong")
    if len(body) > LARGEST_BODY:
        raise BadEvent("the body is larger than 256 KB")
    event = parse(body)
    if organization() not in {None, event.organization_id}:
        raise WrongOrganization("the event is of another organization than the ledger")
    wake = None if MARKER in event.tags else wake_for(event, mapping())
    if wake is None:
        return None
    correlation = correlation_of(headers) or event.correlation_id or ""
    fresh = _is_fresh(event)
    acts = tuple(act for act in wake.acts if fresh or act.reading is Reading.OUT)
    return replace(wake, acts=acts, correlation=correlation)


def correlation_of(headers: Mapping[str, str]) -> str | None:
    """Give the id by which the caller follows what it caused, if it sent one."""
    given = headers.get(CORRELATION, "")
    return given.lower() if _GUID.fullmatch(given) else None


def _is_fresh(event: EventContext) -> bool:
    now = datetime.now(UTC)
    return event.occurred_at is None or now - FRESH <= event.occurred_at <= now + AHEAD


def _is_valid(presented: str, keys: Iterable[str]) -> bool:
    """Compare with every key, by digests of equal length: the time taken tells nothing about any key."""
    digest = hashlib.sha256(presented.encode()).digest()
    matches = [hmac.compare_digest(digest, hashlib.sha256(key.encode()).digest()) for key in keys]
    return any(matches)
