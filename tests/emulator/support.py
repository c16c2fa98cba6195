"""A plain client and a webhook receiver: what these tests hold against the emulator."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests

ANNOTATED = {"Prefer": 'odata.include-annotations="*"'}
REPRESENTATION = {"Prefer": "return=representation"}
TYPE = "Microsoft.Dynamics.CRM."
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SESSION = requests.Session()
_SESSION.trust_env = False


class Client:
    """Sends requests as one user."""

    def __init__(self, url: str, token: str = "anything") -> None:  # noqa: S107  - any token will do
        self.url = url
        self.base = f"{url}/api/data/v9.2/"
        self.headers = {
            "Authorization": f"Bearer {token}",
            "OData-Version": "4.0",
            "OData-MaxVersion": "4.0",
            "Accept": "application/json",
            "If-None-Match": "null",
        }

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        url = path if path.startswith("http") else self.base + path
        headers = {**self.headers, **more.pop("headers", {})}
        if isinstance(body, dict):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        return _SESSION.request(method, url, data=body, headers=headers, timeout=30, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.send("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.send("POST", path, {} if body is None else body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> requests.Response:
        return self.send("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> requests.Response:
        return self.send("DELETE", path, **more)

    def values(self, path: str, **more: Any) -> list[dict[str, Any]]:
        response = self.get(path, **more)
        assert response.status_code == 200, response.text
        return response.json()["value"]

    def create(self, entity_set: str, **fields: Any) -> str:
        response = self.post(entity_set, fields)
        assert response.status_code == 204, response.text
        return GUID.findall(response.headers["OData-EntityId"])[-1]

    def contact(self, **fields: Any) -> str:
        return self.create("contacts", **{"lastname": "Person", **fields})

    def row(self, path: str) -> dict[str, Any]:
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def admin(self, name: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self.url}/_emulator/{name}"
        response = _SESSION.get(url, timeout=30) if body is None else _SESSION.post(url, json=body, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def settle(self) -> dict[str, int]:
        return self.admin("settle", {"timeout_seconds": 20})

    def me(self) -> str:
        return self.row("WhoAmI")["UserId"]

    # Webhook registration, as dataverse.md 1.2 shows it.

    def message(self, name: str) -> str:
        return self.values(f"sdkmessages?$filter=name eq '{name}'&$select=sdkmessageid")[0]["sdkmessageid"]

    def endpoint(self, url: str, **more: Any) -> str:
        fields = {"name": "hook", "url": url, "contract": 8, "authtype": 4, "authvalue": "secret-code", **more}
        return self.create("serviceendpoints", **fields)

    def step_body(self, endpoint: str, message: str, table: str, **more: Any) -> dict[str, Any]:
        message_id = self.message(message)
        query = f"_sdkmessageid_value eq {message_id} and primaryobjecttypecode eq '{table}'"
        found = self.values(f"sdkmessagefilters?$filter={query}&$select=sdkmessagefilterid")[0]["sdkmessagefilterid"]
        return {
            "name": f"{message} of {table}",
            "stage": 40,
            "mode": 1,
            "rank": 1,
            "supporteddeployment": 0,
            "asyncautodelete": True,
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
            "sdkmessageid@odata.bind": f"/sdkmessages({message_id})",
            "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({found})",
            **more,
        }

    def step(self, endpoint: str, message: str, table: str, **more: Any) -> str:
        return self.create("sdkmessageprocessingsteps", **self.step_body(endpoint, message, table, **more))

    def image_body(self, step: str, kind: int, **more: Any) -> dict[str, Any]:
        return {
            "name": "image",
            "entityalias": "image",
            "imagetype": kind,
            "messagepropertyname": "Target",
            "sdkmessageprocessingstepid@odata.bind": f"/sdkmessageprocessingsteps({step})",
            **more,
        }


@dataclass(slots=True)
class Call:
    """One webhook call as it arrived."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.text)

    @property
    def parameters(self) -> dict[str, Any]:
        return pairs(self.body["InputParameters"])

    @property
    def target(self) -> dict[str, Any]:
        return pairs(self.parameters["Target"]["Attributes"])

    def image(self, alias: str, *, pre: bool = False) -> dict[str, Any]:
        images = pairs(self.body["PreEntityImages" if pre else "PostEntityImages"])
        return pairs(images[alias]["Attributes"])


def pairs(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in items}


@dataclass(slots=True)
class Sink:
    """Receives webhook calls; answers with `statuses` in turn, then 200; waits `delay` seconds before."""

    calls: list[Call] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    delay: float = 0.0
    server: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def clear(self) -> None:
        self.calls.clear()
        self.statuses.clear()
        self.delay = 0.0

    def __enter__(self) -> Self:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                parts = urlsplit(self.path)
                sink.calls.append(Call(parts.path, parse_qs(parts.query), dict(self.headers.items()), text))
                status = sink.statuses.pop(0) if sink.statuses else 200  # before waiting: it belongs to this test
                time.sleep(sink.delay)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                """Answer who follows a redirect."""
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def batch_body(boundary: str, parts: list[str]) -> str:
    return "\r\n".join([*(f"--{boundary}\r\n{part}" for part in parts), f"--{boundary}--", ""])


def operation(method: str, url: str, body: Any = None, *, content_id: str = "", extra: str = "") -> str:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {content_id}"] if content_id else []
    head += ["", f"{method} {url} HTTP/1.1", "Content-Type: application/json"]
    head += [extra] if extra else []
    return "\r\n".join([*head, "", "" if body is None else json.dumps(body)])


def change_set(parts: list[str], name: str = "changeset_1") -> str:
    return f"Content-Type: multipart/mixed; boundary={name}\r\n\r\n{batch_body(name, parts)}"


def send_batch(client: Client, parts: list[str], **headers: str) -> requests.Response:
    kind = {"Content-Type": 'multipart/mixed; boundary="batch_1"', **headers}
    return client.post("$batch", batch_body("batch_1", parts), headers=kind)


def statuses(response: requests.Response) -> list[int]:
    return [int(code) for code in re.findall(r"^HTTP/1\.1 (\d+)", response.text, re.MULTILINE)]
