"""Register the service's webhooks, as an administrator would with the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.endpoint import WebhookEndpoint
from consent_sync.dataverse.registration import register
from consent_sync.mapping.load import load_mapping
from consent_sync.tenant.events import steps

if TYPE_CHECKING:
    from pathlib import Path


def register_webhooks(dataverse_url: str, token: str, mapping: Path, url: str, key: str) -> None:
    """Have every event that the mapping cares about sent to `url`, with `key` in the header the service expects."""
    endpoint = WebhookEndpoint("consent-sync", url, "x-webhook-key", key)
    register(
        DataverseClient(dataverse_url, StaticToken(token, url=dataverse_url)),
        endpoint,
        steps(load_mapping(mapping).file),
    )
