"""The webhook registration of this service: what it should be, whether it is so, and changing its key without a gap."""

from __future__ import annotations

from http import HTTPStatus

import requests

from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.endpoint import WebhookEndpoint
from consent_sync.dataverse.registration import drift, find
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.schema import MappingFile
from consent_sync.settings import Settings
from consent_sync.tenant.events import steps

from .webhook import KEY_HEADER

NAME = "consent-sync"


class NoFunctionApp(ConsentSyncError):
    """Nothing at the webhook's address answers like the function app. Check the address, and that the app runs."""


class NotRegistered(ConsentSyncError):
    """Dataverse has no webhook of this service. Register it first: `python -m consent_sync register --url ADDRESS`."""


def endpoint_of(settings: Settings, url: str) -> WebhookEndpoint:
    """Give the endpoint as it should be. The first key is the one to begin with; any that the app takes may stay."""
    first, *others = settings.webhook_keys
    return WebhookEndpoint(NAME, url, KEY_HEADER, first, tuple(others), settings.ledger_hash_key)


def registration_drift(
    client: DataverseClient, settings: Settings, mapping: MappingFile, url: str | None = None
) -> list[str]:
    """Say in words how the registration differs from what it should be; changes nothing. Raises DataverseError.

    Without `url`, the address that is registered is taken to be the right one.
    """
    if url is None:
        found = find(client, NAME)
        if found is None:
            return ["endpoint: missing"]
        url = found.url
    return drift(client, endpoint_of(settings, url), steps(mapping))


def takes_key(url: str, key: str) -> bool:
    """Ask the function app at `url` whether it takes `key`, with an event that says nothing. Raises NoFunctionApp."""
    try:
        answer = requests.post(url, headers={KEY_HEADER: key}, data=b"{}", timeout=30, allow_redirects=False)
    except requests.RequestException as error:
        raise NoFunctionApp(f"no answer: {type(error).__name__}") from None
    if answer.status_code not in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
        raise NoFunctionApp(f"the answer to an empty event is {answer.status_code}")
    return answer.status_code == HTTPStatus.BAD_REQUEST
