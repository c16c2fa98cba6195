from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.data.tables import TableServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from consent_sync.dataverse.auth import StaticToken, token_provider
from consent_sync.dataverse.errors import SignInFailed, SignInSettings
from consent_sync.storage_auth import storage_credential
from tests.dataverse.scripted import Answer, Asked, ScriptedServer

URL = "https://contoso.crm4.dynamics.com/"
RESOURCE = "https://contoso.crm4.dynamics.com"
IDENTITY = "11111111-1111-1111-1111-111111111111"
APP = {"client_id": "app-1", "tenant_id": "tenant-1"}


@pytest.fixture
def identity(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """Stand in for the identity endpoint that Azure Functions offer."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "identity-header")
    server.asked.clear()
    server.script = lambda _: Answer(body=identity_token(len(server.asked)))
    return server


def identity_token(number: int) -> dict[str, Any]:
    return {"access_token": f"mi-{number}", "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer"}


def asked_for(asked: Asked) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}


class Entra:
    """Stands in for Microsoft Entra: answers MSAL's requests without a network, and remembers the token requests."""

    def __init__(self, answer: dict[str, Any] | None = None) -> None:
        self.answer = answer or {"access_token": "entra-token", "expires_in": 3599, "token_type": "Bearer"}
        self.urls: list[str] = []
        self.posts: list[dict[str, Any]] = []

    def get(self, url: str, **_: Any) -> requests.Response:
        authority = url.partition("/v2.0/")[0]
        names = ("authorization_endpoint", "token_endpoint", "issuer")
        return _response(200, {name: f"{authority}/oauth2/v2.0/{name}" for name in names})

    def post(self, url: str, data: dict[str, Any] | None = None, **_: Any) -> requests.Response:
        self.urls.append(url)
        self.posts.append(dict(data or {}))
        return _response(200 if "access_token" in self.answer else 400, self.answer)

    def close(self) -> None:
        pass


def _response(status: int, body: dict[str, Any]) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps(body).encode()
    return response


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "consent-sync")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (certificate.public_bytes(serialization.Encoding.PEM) + private).decode()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1/"])
def test_a_static_token_is_for_this_machine(url: str) -> None:
    assert token_provider("static", url=url, token="t").token() == "t"


@pytest.mark.parametrize(
    "url", ["https://contoso.crm.dynamics.com", "http://127.0.0.1.example.org", "http://10.0.0.1", "localhost"]
)
def test_a_static_token_goes_nowhere_else(url: str) -> None:
    with pytest.raises(SignInSettings, match="this machine"):
        StaticToken("t", url=url)


@pytest.mark.parametrize(
    ("kind", "given", "missing"),
    [
        ("static", {}, "DATAVERSE_TOKEN"),
        ("secret", APP, "DATAVERSE_CLIENT_SECRET"),
        ("secret", {"client_secret": "s", "tenant_id": "t"}, "DATAVERSE_CLIENT_ID"),
        ("certificate", APP, "DATAVERSE_CERTIFICATE"),
        ("federated", {"client_id": "a"}, "DATAVERSE_TENANT_ID"),
        ("password", {}, "DATAVERSE_AUTH"),
    ],
)
def test_a_missing_setting_is_named(kind: str, given: dict[str, str], missing: str) -> None:
    with pytest.raises(SignInSettings, match=missing):
        token_provider(kind, url=URL, **given)


def test_managed_identity_asks_the_endpoint_once_and_keeps_the_token(identity: ScriptedServer) -> None:
    provider = token_provider("managed_identity", url=URL, client_id=IDENTITY)
    assert {provider.token() for _ in range(3)} == {"mi-1"}
    (asked,) = identity.asked
    assert asked_for(asked) == {"api-version": "2019-08-01", "resource": RESOURCE, "client_id": IDENTITY}
    assert asked.headers["X-IDENTITY-HEADER"] == "identity-header"


def test_the_system_assigned_identity_needs_no_id(identity: ScriptedServer) -> None:
    token_provider("managed_identity", url=URL).token()
    assert "client_id" not in asked_for(identity.asked[0])


def test_a_burst_of_threads_makes_one_token_request(identity: ScriptedServer) -> None:
    provider = token_provider("managed_identity", url=URL)
    threads = [threading.Thread(target=provider.token) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(identity.asked) == 1


def test_a_starting_identity_endpoint_is_asked_again(identity: ScriptedServer) -> None:
    identity.answers(Answer(500, {}), Answer(404, {}), Answer(body=identity_token(7)))
    assert token_provider("managed_identity", url=URL).token() == "mi-7"
    assert len(identity.asked) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, {"statusCode": 400, "message": "No User Assigned Identity found"}),
        Answer(400, b"<html>", {"Content-Type": "text/html"}),
        Answer(200, {}),
    ],
)
def test_a_refusing_identity_endpoint_is_an_error_and_not_a_crash(identity: ScriptedServer, answer: Answer) -> None:
    identity.answers(answer)
    with pytest.raises(SignInFailed):
        token_provider("managed_identity", url=URL).token()


def test_federated_uses_the_identity_as_its_credential_and_caches(identity: ScriptedServer) -> None:
    entra = Entra()
    provider = token_provider("federated", url=URL, identity_client_id=IDENTITY, http_client=entra, **APP)
    assert {provider.token() for _ in range(3)} == {"entra-token"}
    assert asked_for(identity.asked[0])["resource"] == "api://AzureADTokenExchange"
    assert asked_for(identity.asked[0])["client_id"] == IDENTITY
    (post,) = entra.posts
    assert post["client_id"] == "app-1"
    assert post["client_assertion"] == "mi-1"
    assert f"{RESOURCE}/.default" in post["scope"]
    assert entra.urls == ["https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token_endpoint"]


def test_a_failing_identity_behind_federated_says_so(identity: ScriptedServer) -> None:
    identity.answers(Answer(400, {"statusCode": 400, "message": "no identity"}))
    with pytest.raises(SignInFailed):
        token_provider("federated", url=URL, http_client=Entra(), **APP).token()


def test_a_secret_signs_in(identity: ScriptedServer) -> None:
    entra = Entra()
    assert token_provider("secret", url=URL, client_secret="s3cret", http_client=entra, **APP).token() == "entra-token"
    assert entra.posts[0]["client_secret"] == "s3cret"
    assert identity.asked == []


@pytest.mark.parametrize("as_file", [False, True])
def test_a_certificate_signs_in_as_text_and_as_file(pem: str, tmp_path: Path, *, as_file: bool) -> None:
    given = pem
    if as_file:
        given = str(tmp_path / "app.pem")
        Path(given).write_text(pem, encoding="ascii")
    entra = Entra()
    assert token_provider("certificate", url=URL, certificate=given, http_client=entra, **APP).token() == "entra-token"
    assert entra.posts[0]["client_assertion"].count(b".") == 2


@pytest.mark.parametrize("wrong", ["/nowhere/app.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_an_unusable_certificate_is_refused_at_start(wrong: str) -> None:
    with pytest.raises(SignInSettings, match="DATAVERSE_CERTIFICATE"):
        token_provider("certificate", url=URL, certificate=wrong, **APP)


def test_a_broken_key_is_an_error_and_not_a_crash(pem: str) -> None:
    broken = pem.replace("MII", "AAA")
    with pytest.raises(SignInFailed) as raised:
        token_provider("certificate", url=URL, certificate=broken, http_client=Entra(), **APP).token()
    assert "AAA" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://contoso.crm9.dynamics.com", "login.microsoftonline.com"),
        ("https://contoso.crm.microsoftdynamics.us", "login.microsoftonline.us"),
        ("https://contoso.crm.dynamics.cn", "login.partner.microsoftonline.cn"),
    ],
)
def test_sovereign_clouds_sign_in_at_home(url: str, host: str) -> None:
    entra = Entra()
    token_provider("secret", url=url, client_secret="s", http_client=entra, **APP).token()
    assert urlsplit(entra.urls[0]).hostname == host


def test_entra_s_reason_is_told_and_nothing_secret_is(identity: ScriptedServer) -> None:
    entra = Entra({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret.\nTrace: x"})
    provider = token_provider("secret", url=URL, client_secret="s3cret", http_client=entra, **APP)
    with pytest.raises(SignInFailed) as raised:
        provider.token()
    assert str(raised.value) == "no token: invalid_client: AADSTS7000215: Invalid client secret."
    assert "s3cret" not in repr(provider) + str(vars(provider)) + str(identity.asked)


@pytest.mark.parametrize("kind", ["managed_identity", "federated", "secret"])
def test_storage_is_signed_in_to_as_the_app_s_identity(identity: ScriptedServer, kind: str) -> None:
    credential = storage_credential(kind, identity_client_id=IDENTITY)
    with TableServiceClient("https://ledger.table.core.windows.net", credential=credential) as tables:
        assert tables.account_name == "ledger"
    assert [credential.get_token("https://storage.azure.com/.default").token for _ in range(2)] == ["mi-1", "mi-1"]
    assert asked_for(identity.asked[0])["resource"] == "https://storage.azure.com"
    assert asked_for(identity.asked[0])["client_id"] == IDENTITY
