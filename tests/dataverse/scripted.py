"""A real HTTP server on loopback whose answers a test scripts, and which remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Asked:
    method: str
    path: str  # as on the wire
    headers: Message
    content: bytes


@dataclass
class Answer:
    status: int = 200
    body: Any = None  # bytes are sent as they are, everything else as JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False  # close the connection without a word


def error(status: int, code: str, message: str, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": {"code": code, "message": message}}, names)


type Script = Callable[[Asked], Answer]


class ScriptedServer:
    """`answers` are given one after the other, the last one for ever; or `script` decides for each request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Script = lambda _: Answer()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, self.headers, content)
                owner.asked.append(asked)
                answer = owner.script(asked)
                if answer.hang_up:
                    self.close_connection = True
                    return
                body = answer.body if isinstance(answer.body, bytes) else b""
                headers = dict(answer.headers)
                if answer.body is not None and not isinstance(answer.body, bytes):
                    body = json.dumps(answer.body).encode()
                    headers.setdefault("Content-Type", "application/json; odata.metadata=minimal")
                self.send_response(answer.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if answer.status not in {204, 304}:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if answer.status not in {204, 304}:
                    self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815  - names of the base class

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - signature of the base class
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answers(self, *answers: Answer) -> None:
        """Give these one after the other, the last one for ever."""
        queue = list(answers)
        self.asked.clear()
        self.script = lambda _: queue.pop(0) if len(queue) > 1 else queue[0]
