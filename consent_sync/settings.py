"""The settings, by the names they have as environment variables in Azure and on a laptop alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from consent_sync.consent.landscape import Mode
from consent_sync.errors import ConsentSyncError


class SettingError(ConsentSyncError):
    """A setting is missing or makes no sense. Set the environment variable that the message names, and restart."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the service is told from outside. Secrets stay out of its repr."""

    dataverse_url: str
    dataverse_auth: str
    mapping_file: str
    ledger_url: str
    ledger_hash_key: str = field(repr=False)
    webhook_keys: tuple[str, ...] = field(repr=False)
    dataverse_token: str | None = field(default=None, repr=False)
    dataverse_client_id: str | None = None
    dataverse_tenant_id: str | None = None
    dataverse_client_secret: str | None = field(default=None, repr=False)
    dataverse_certificate: str | None = field(default=None, repr=False)
    identity_client_id: str | None = None
    mode_ceiling: Mode | None = None
    installation: str = "local"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings out of `environ`. Raises :class:`SettingError`."""
        return cls(
            dataverse_url=_needed(environ, "DATAVERSE_URL"),
            dataverse_auth=_needed(environ, "DATAVERSE_AUTH"),
            mapping_file=_needed(environ, "MAPPING_FILE"),
            ledger_url=_needed(environ, "LEDGER_URL"),
            ledger_hash_key=_needed(environ, "LEDGER_HASH_KEY"),
            webhook_keys=webhook_keys(environ),
            dataverse_token=environ.get("DATAVERSE_TOKEN") or None,
            dataverse_client_id=environ.get("DATAVERSE_CLIENT_ID") or None,
            dataverse_tenant_id=environ.get("DATAVERSE_TENANT_ID") or None,
            dataverse_client_secret=environ.get("DATAVERSE_CLIENT_SECRET") or None,
            dataverse_certificate=environ.get("DATAVERSE_CERTIFICATE") or None,
            identity_client_id=environ.get("AZURE_CLIENT_ID") or None,
            mode_ceiling=_mode(environ),
            installation=environ.get("WEBSITE_SITE_NAME") or "local",
        )


def webhook_keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Read the one or two keys that a webhook call may carry: two while one replaces the other."""
    keys = tuple(key.strip() for key in _needed(environ, "WEBHOOK_KEYS").split(",") if key.strip())
    if not 1 <= len(keys) <= _MOST_KEYS:
        raise SettingError("WEBHOOK_KEYS must hold one or two keys, separated by a comma")
    return keys


_MOST_KEYS = 2


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingError(f"{name} is not set")
    if value.startswith("@Microsoft.KeyVault("):  # what the app is given when the reference cannot be resolved
        raise SettingError(
            f"{name} is a Key Vault reference that could not be resolved: check the secret and the access"
        )
    return value


def _mode(environ: Mapping[str, str]) -> Mode | None:
    value = environ.get("CONSENT_SYNC_MODE", "").strip()
    try:
        return Mode(value) if value else None
    except ValueError:
        known = ", ".join(mode.value for mode in Mode)
        raise SettingError(f"CONSENT_SYNC_MODE is none of: {known}") from None
