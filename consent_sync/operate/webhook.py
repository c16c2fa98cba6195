"""The webhook: check the caller, read the event, give the wake. No round trip to anywhere."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping

from consent_sync.dataverse.context import BadEvent, parse
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.schema import MappingFile
from consent_sync.ports.wake import Wake
from consent_sync.tenant.apply import MARKER
from consent_sync.tenant.events import wake_for

KEY_HEADER = "x-webhook-key"
LARGEST_BODY = 256 * 1024
"""Bytes; Dataverse strips larger events itself (page "Use webhooks")."""


class WrongKey(ConsentSyncError):
    """A webhook call without a valid key. If Dataverse is the caller: register the webhook again with a valid key."""


def wake_from(
    body: bytes, headers: Mapping[str, str], keys: Iterable[str], mapping: Callable[[], MappingFile]
) -> Wake | None:
    """Give the wake that a webhook call asks for, None where it concerns nobody or is the echo of our own write.

    Dataverse signs nothing, so the key is the only proof of the caller, and nothing that the body says is believed
    beyond "look at this": see the event as a wake-up call. Raises WrongKey or BadEvent.
    """
    if not _is_valid(headers.get(KEY_HEADER, ""), keys):
        raise WrongKey("the webhook key is missing or wrong")
    if len(body) > LARGEST_BODY:
        raise BadEvent("the body is larger than 256 KB")
    event = parse(body)
    return None if MARKER in event.tags else wake_for(event, mapping())


def _is_valid(presented: str, keys: Iterable[str]) -> bool:
    """Compare with every key, by digests of equal length: the time taken tells nothing about any key."""
    digest = hashlib.sha256(presented.encode()).digest()
    matches = [hmac.compare_digest(digest, hashlib.sha256(key.encode()).digest()) for key in keys]
    return any(matches)
