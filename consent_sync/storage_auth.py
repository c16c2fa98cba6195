"""Signing in to Azure Storage, for the ledger and the queues, with the same providers as to Dataverse."""

from __future__ import annotations

import time
from typing import Any

from azure.core.credentials import AccessToken

from consent_sync.dataverse.auth import TokenProvider, token_provider

_STORAGE = "https://storage.azure.com"


class StorageCredential:
    """An azure-core TokenCredential; raises SignInFailed."""

    def __init__(self, tokens: TokenProvider) -> None:
        self._tokens = tokens

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Give a token for storage, whatever scope is asked: the provider keeps it, so it is asked each time."""
        return AccessToken(self._tokens.token(), int(time.time()) + 1)


def storage_credential(
    kind: str, *, identity_client_id: str | None = None, tenant_id: str | None = None
) -> StorageCredential:
    """Make the credential that goes with `DATAVERSE_AUTH`: the person's own for `azure_cli`, else the app's identity.

    `identity_client_id` is the user-assigned identity (`AZURE_CLIENT_ID`), None the system-assigned one.
    """
    if kind == "azure_cli":
        return StorageCredential(token_provider(kind, url=_STORAGE, tenant_id=tenant_id))
    return StorageCredential(token_provider("managed_identity", url=_STORAGE, client_id=identity_client_id))
