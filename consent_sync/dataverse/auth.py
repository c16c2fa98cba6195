"""Tokens for Dataverse, without secrets where Azure allows.

Source: Microsoft's pages on MSAL for Python, on managed identities and on workload identity federation. Each provider
keeps one MSAL client, which caches tokens in memory and renews them. No token ever appears in a message or `repr`.
"""

from __future__ import annotations

import ipaddress
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msal  # type: ignore[import-untyped]  # it ships no types
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from consent_sync.dataverse.azure_cli import AzureCliTokens
from consent_sync.dataverse.errors import SignInFailed, SignInSettings, scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KINDS = ("managed_identity", "federated", "certificate", "secret", "azure_cli", "static")
_EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
_AUTHORITIES = {  # sovereign clouds sign in elsewhere
    ".microsoftdynamics.us": "login.microsoftonline.us",
    ".appsplatform.us": "login.microsoftonline.us",
    ".dynamics.cn": "login.partner.microsoftonline.cn",
}


class TokenProvider(Protocol):
    """Whatever can give a bearer token for the environment."""

    def token(self) -> str:
        """Give a valid token; raises SignInFailed."""


class StaticToken:
    """A fixed token, for the emulator: raises SignInSettings unless `url` is on this machine."""

    def __init__(self, token: str, *, url: str) -> None:
        if not _is_loopback(urlsplit(url).hostname or ""):
            raise SignInSettings("DATAVERSE_AUTH=static is for an emulator on this machine only")
        self._token = token

    def token(self) -> str:
        """Give the token."""
        return self._token


class MsalTokens:
    """Tokens from MSAL. `make` builds the acquiring function at the first use, since MSAL may call home to build it."""

    def __init__(self, make: Callable[[], Callable[[], Mapping[str, Any]]]) -> None:
        self._make = make
        self._acquire: Callable[[], Mapping[str, Any]] | None = None
        self._lock = threading.Lock()  # one request for a burst of threads, not one each

    def token(self) -> str:
        """Give a token from the cache or a new one; raises SignInFailed."""
        with self._lock:
            try:
                self._acquire = self._acquire or self._make()
                result = self._acquire()
            except SignInFailed:
                raise
            except (requests.RequestException, ValueError, TypeError, msal.ManagedIdentityError) as error:
                raise SignInFailed(f"no token: {type(error).__name__}: {_first_line(error)}") from None
        return _token_of(result)


def token_provider(  # noqa: PLR0913  - one keyword for each setting
    kind: str,
    *,
    url: str,
    token: str | None = None,
    client_id: str | None = None,
    tenant_id: str | None = None,
    client_secret: str | None = None,
    certificate: str | None = None,
    identity_client_id: str | None = None,
    http_client: Any = None,
) -> TokenProvider:
    """Make the provider that `DATAVERSE_AUTH` names, for the environment at `url`.

    `client_id` is the user-assigned identity for `managed_identity` (none: the system-assigned one) and the app
    registration for the others; `tenant_id` may be left out for `azure_cli`; `identity_client_id` is the identity
    behind `federated`. `certificate` is PEM text, or the path of a PEM file, with private key and certificate.
    `http_client` replaces the HTTP session towards Microsoft Entra. Raises SignInSettings, which names the missing
    setting.
    """
    resource = "https://" + (urlsplit(url).hostname or "")
    http = http_client or identity_session()

    def required(value: str | None, setting: str) -> str:
        if not value:
            raise SignInSettings(f"DATAVERSE_AUTH={kind} needs {setting}")
        return value

    def application(credential: Any) -> TokenProvider:
        app_id = required(client_id, "DATAVERSE_CLIENT_ID")
        tenant = required(tenant_id, "DATAVERSE_TENANT_ID")
        return _application(app_id, tenant, credential, resource, http)

    match kind:
        case "static":
            return StaticToken(required(token, "DATAVERSE_TOKEN"), url=url)
        case "managed_identity":
            return _managed_identity(client_id, resource, identity_session())
        case "federated":
            identity = _managed_identity(identity_client_id, _EXCHANGE_AUDIENCE, identity_session())
            return application({"client_assertion": identity.token})
        case "certificate":
            return application(_certificate(required(certificate, "DATAVERSE_CERTIFICATE")))
        case "azure_cli":
            return AzureCliTokens(resource, tenant_id=tenant_id)
        case "secret":
            return application(required(client_secret, "DATAVERSE_CLIENT_SECRET"))
        case _:
            raise SignInSettings(f"DATAVERSE_AUTH must be one of: {', '.join(KINDS)}")


def identity_session() -> requests.Session:
    """Make a session with time-outs and retries, which MSAL leaves to its HTTP client."""
    session = requests.Session()
    retry = Retry(
        total=4,
        backoff_factor=0.3,
        status_forcelist=(404, 408, 410, 429, 500, 502, 503, 504),  # 404 and 410: an identity endpoint that is starting
        allowed_methods={"GET", "POST"},
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, _TimedAdapter(max_retries=retry))
    return session


class _TimedAdapter(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or (5, 20)
        return super().send(request, *args, **kwargs)


def _managed_identity(client_id: str | None, resource: str, http: requests.Session) -> TokenProvider:
    def make() -> Callable[[], Mapping[str, Any]]:
        identity = (
            msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else msal.SystemAssignedManagedIdentity()
        )
        client = msal.ManagedIdentityClient(identity, http_client=http)
        return lambda: client.acquire_token_for_client(resource=resource)

    return MsalTokens(make)


def _application(client_id: str, tenant_id: str, credential: Any, resource: str, http: Any) -> TokenProvider:
    def make() -> Callable[[], Mapping[str, Any]]:
        host = next((to for end, to in _AUTHORITIES.items() if resource.endswith(end)), "login.microsoftonline.com")
        app = msal.ConfidentialClientApplication(
            client_id,
            authority=f"https://{host}/{tenant_id}",
            instance_discovery=False,
            client_credential=credential,
            http_client=http,
        )
        return lambda: app.acquire_token_for_client(scopes=[f"{resource}/.default"])

    return MsalTokens(make)


def _certificate(value: str) -> dict[str, str]:
    """Give what MSAL needs; it computes the thumbprint from the certificate."""
    pem = value
    if "-----BEGIN" not in value:
        try:
            pem = Path(value).read_text(encoding="ascii")
        except (OSError, ValueError):
            raise SignInSettings("DATAVERSE_CERTIFICATE names a file that can not be read as PEM") from None
    key, certificates = _blocks(pem, "PRIVATE KEY"), _blocks(pem, "CERTIFICATE")
    if not key or not certificates:
        raise SignInSettings("DATAVERSE_CERTIFICATE must hold a private key and its certificate, both as PEM")
    return {"private_key": key[0], "public_certificate": certificates[0]}


def _blocks(pem: str, kind: str) -> list[str]:
    """Cut the PEM blocks whose label ends in `kind` out of a text."""
    blocks = []
    for piece in pem.split("-----BEGIN ")[1:]:
        label, _, rest = piece.partition("-----")
        end = f"-----END {label}-----"
        if label.endswith(kind) and end in rest:
            blocks.append(f"-----BEGIN {label}-----{rest.partition(end)[0]}{end}\n")
    return blocks


def _token_of(result: Mapping[str, Any]) -> str:
    token = result.get("access_token")
    if isinstance(token, str) and token:
        return token
    reason = _first_line(result.get("error_description") or "no reason given")
    raise SignInFailed(f"no token: {result.get('error', 'unknown error')}: {reason}")


def _first_line(reason: object) -> str:
    return scrub(str(reason).strip().partition("\n")[0])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
