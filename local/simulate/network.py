"""The way to the emulator: its WSGI application called directly, or the wire; and batches that break off halfway."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from local.emulator.server import Application

if TYPE_CHECKING:
    from local.emulator import Emulator

_WRITING = re.compile(rb"\r\n(?:PATCH|POST|DELETE) ")
_REQUEST = "emulator.request"


@dataclass
class Network:
    """All connections of one simulation. `half` is the part of the next writing batch that arrives, None for all."""

    emulator: Emulator
    over_the_wire: bool = False
    half: float | None = None
    sent: int = 0
    broken: Counter[str] = field(default_factory=Counter)

    def session(self) -> requests.Session:
        """Give a session whose requests go this way."""
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", _Link(self, Application(self.emulator)))
        return session

    def cut(self, request: requests.PreparedRequest) -> bool:
        """Leave only the first operations of a batch that writes, if one is to be cut now."""
        body = request.body if isinstance(request.body, bytes) else b""
        if self.half is None or not str(request.url).endswith("$batch") or not _WRITING.search(body):
            return False
        boundary = b"--" + str(request.headers["Content-Type"]).partition("boundary=")[2].strip('"').encode()
        before, *operations, end = body.split(boundary)
        kept = operations[: int(self.half * len(operations))]
        request.body = boundary.join([before, *kept, end])
        request.headers["Content-Length"] = str(len(request.body))
        self.half = None
        self.broken["batch cut halfway"] += 1
        return True


class _Link(HTTPAdapter):
    """Answers with the date of the emulator's clock, as a server with one clock does."""

    def __init__(self, network: Network, application: Application) -> None:
        super().__init__()
        self._network, self._application = network, application

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        network = self._network
        network.sent += 1
        cut = network.cut(request)
        answer = super().send(request, *args, **settings) if network.over_the_wire else self._call(request)
        if cut:
            raise requests.ConnectionError("the connection broke within a batch")
        answer.headers["Date"] = formatdate(network.emulator.store.clock.time(), usegmt=True)
        return answer

    def _call(self, request: requests.PreparedRequest) -> requests.Response:
        said: list[Any] = []
        wire = SimpleNamespace(sent_headers=False, close_connection=False)
        environ = _environ(request) | {_REQUEST: wire}
        chunks = self._application(environ, lambda status, headers: said.extend((status, headers)))
        if wire.close_connection:
            raise requests.ConnectionError("the connection was closed without an answer")
        status, headers = said
        raw = HTTPResponse(
            BytesIO(b"".join(chunks)), headers=dict(headers), status=int(status.split()[0]), preload_content=False
        )
        answer: requests.Response = self.build_response(request, raw)
        return answer


def _environ(request: requests.PreparedRequest) -> dict[str, Any]:
    url = urlsplit(str(request.url))
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else body
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return headers | {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "HTTP_HOST": url.netloc,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(content),
        "wsgi.version": (1, 0),
    }
