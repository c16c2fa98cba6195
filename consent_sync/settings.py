"""The settings, by the names they have as environment variables in Azure and on a laptop alike."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from consent_sync.consent.landscape import Mode
from consent_sync.errors import ConsentSyncError
from consent_sync.schedule import objection


class SettingError(ConsentSyncError):
    """A setting is missing or makes no sense. Set the environment variable that the message names, and restart."""


_SHORTEST_SECRET = 16
_MOST_KEYS = 2


def _schedule(value: str | None) -> str | None:
    if value is not None and (wrong := objection(value)):
        raise ValueError(wrong)
    return value


def _environment_url(value: str) -> str:
    parts = urlsplit(value)
    local = is_loopback(parts.hostname or "")
    if not parts.hostname or parts.scheme not in ({"http", "https"} if local else {"https"}):
        raise ValueError("must be an address that begins with https://")
    if parts.username or parts.path.strip("/") or parts.query:
        raise ValueError("must be the address of the environment alone, without a path")
    return value


def _ledger_url(value: str) -> str:
    parts = urlsplit(value)
    if not value.startswith("sqlite:///") and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be sqlite:///path-of-a-file, or the https:// address of a table service")
    return value


def _keys(value: object) -> object:
    if isinstance(value, str):
        return tuple(key.strip() for key in value.split(",") if key.strip())
    return value


def _few(keys: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(keys) <= _MOST_KEYS:
        raise ValueError("must hold one or two keys, separated by a comma")
    return keys


def _setting(name: str, says: str, *, default: Any = ..., secret: bool = False) -> Any:
    return Field(default, validation_alias=name, description=says, repr=not secret)


type _Schedule = Annotated[str | None, AfterValidator(_schedule)]


class Settings(BaseModel):
    """Everything that the service is told from outside. Secrets stay out of its repr."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, hide_input_in_errors=True)

    dataverse_url: Annotated[str, AfterValidator(_environment_url)] = _setting(
        "DATAVERSE_URL", "where Dataverse is: `https://yourorg.crm.dynamics.com`, or the stand-in on this machine"
    )
    dataverse_auth: Literal["managed_identity", "federated", "certificate", "secret", "azure_cli", "static"] = _setting(
        "DATAVERSE_AUTH",
        "how to sign in there: `managed_identity`, `federated`, `certificate`, `secret`, `azure_cli` (a person's own "
        "sign-in by `az login`), or `static` for the stand-in",
    )
    dataverse_token: str | None = _setting(
        "DATAVERSE_TOKEN",
        "the token of `static`; refused for any address that is not on this machine",
        default=None,
        secret=True,
    )
    dataverse_client_id: str | None = _setting(
        "DATAVERSE_CLIENT_ID",
        "the identity of `managed_identity` (without it the app's own), the app registration of the others",
        default=None,
    )
    identity_client_id: str | None = _setting(
        "AZURE_CLIENT_ID",
        "the managed identity behind `federated`",
        default=None,
    )
    dataverse_tenant_id: str | None = _setting(
        "DATAVERSE_TENANT_ID",
        "the Entra tenant, for `federated`, `certificate`, `secret`, and for `azure_cli` where it is not the CLI's own",
        default=None,
    )
    dataverse_client_secret: str | None = _setting("DATAVERSE_CLIENT_SECRET", "for `secret`", default=None, secret=True)
    dataverse_certificate: str | None = _setting(
        "DATAVERSE_CERTIFICATE",
        "for `certificate`: PEM text, or the path of a PEM file, with key and certificate",
        default=None,
        secret=True,
    )
    mapping_file: str = _setting("MAPPING_FILE", "the path of the mapping")
    ledger_url: Annotated[str, AfterValidator(_ledger_url)] = _setting(
        "LEDGER_URL", "where the ledger is: `sqlite:///path`, or the address of a table service"
    )
    ledger_hash_key: str = _setting(
        "LEDGER_HASH_KEY", "the key of the hashes in the ledger: set it once, never change it", secret=True
    )
    webhook_keys: Annotated[tuple[str, ...], BeforeValidator(_keys), AfterValidator(_few)] = _setting(
        "WEBHOOK_KEYS", "one accepted webhook key, or two with a comma while one replaces the other", secret=True
    )
    mode_ceiling: Mode | None = _setting(
        "CONSENT_SYNC_MODE", "the highest mode allowed here; empty leaves it to the mapping", default=None
    )
    storage: str | None = _setting(
        "AzureWebJobsStorage",
        "the storage account of the queues, as a connection string; empty on a laptop keeps them in memory",
        default=None,
        secret=True,
    )
    storage_queues: str | None = _setting(
        "AzureWebJobsStorage__queueServiceUri", "the same, for signing in with an identity", default=None
    )
    sweep_schedule: _Schedule = _setting(
        "SWEEP_SCHEDULE", "when the sweep runs: six fields, second first, UTC", default=None
    )
    drift_schedule: _Schedule = _setting(
        "DRIFT_SCHEDULE", "when contradictions are looked for: six fields, second first, UTC", default=None
    )
    audit_schedule: _Schedule = _setting(
        "AUDIT_SCHEDULE", "when the next 16th of everything is looked at: six fields, second first, UTC", default=None
    )
    management_auth: Literal["key", "entra"] = _setting(
        "MANAGEMENT_AUTH",
        "`entra`: management calls need a person or program with an app role, besides the function key; `key`: the "
        "function key alone",
        default="key",
    )
    platform_auth: bool = _setting(
        "WEBSITE_AUTH_ENABLED", "set by App Service while its authentication is on: the same as `entra`", default=False
    )
    installation: str = _setting(
        "WEBSITE_SITE_NAME", "set by App Service: tells this installation from another one", default="local"
    )

    @property
    def needs_principal(self) -> bool:
        """Whether management calls must come from somebody whom App Service signed in."""
        return self.platform_auth or self.management_auth == "entra"

    @model_validator(mode="after")
    def _has_real_secrets(self) -> Settings:
        """Short keys are good enough for a stand-in, never for people's data."""
        if not is_loopback(urlsplit(self.dataverse_url).hostname or ""):
            for name, values in (("LEDGER_HASH_KEY", (self.ledger_hash_key,)), ("WEBHOOK_KEYS", self.webhook_keys)):
                if any(len(value) < _SHORTEST_SECRET for value in values):
                    raise ValueError(f"{name} must be random and at least {_SHORTEST_SECRET} characters long")
        return self

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings out of `environ`. Raises :class:`SettingError`, which names everything that is wrong."""
        found = {name: environ.get(name, "").strip() for name in names()}
        lost = [name for name, value in found.items() if value.startswith(_VAULT_REFERENCE)]
        if lost:
            raise SettingError(f"{', '.join(lost)}: {_UNRESOLVED}")
        try:
            return cls.model_validate({name: value for name, value in found.items() if value})
        except ValidationError as error:
            raise SettingError("; ".join(_complaint(dict(part)) for part in error.errors(include_url=False))) from None


def names() -> dict[str, str]:
    """Give the environment variables that are read, and what each is for."""
    return {str(f.validation_alias): f.description or "" for f in Settings.model_fields.values()}


_VAULT_REFERENCE = "@Microsoft.KeyVault("  # what the app is given when the reference cannot be resolved
_UNRESOLVED = "a Key Vault reference that could not be resolved: check the secret and the access to it"


def _complaint(error: dict[str, Any]) -> str:
    """Say which variable is wrong, how, and what it is for; never what it holds."""
    name = str(error["loc"][0]) if error["loc"] else ""
    if not name:
        return str(error["ctx"]["error"])
    says = "is not set" if error["type"] == "missing" else str(error["msg"]).removeprefix("Value error, ")
    return f"{name} {says.replace('Input should be', 'must be')} ({names()[name]})"


def is_loopback(host: str) -> bool:
    """Say whether a host's name means this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
