"""The host itself: wires worker, queues, triggers and HTTP of one app folder."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cheroot.wsgi import Server

from local.host.errors import HostError, InvocationFailedError
from local.host.functions import Function, HttpTrigger, QueueTrigger, TimerTrigger
from local.host.queues import TIME_TO_LIVE, MemoryQueueStore, Message, QueueStore
from local.host.settings import STORAGE_SETTING, QueueOptions, load_local_settings, read_host_json
from local.host.triggers import QueueListener, TimerListener
from local.host.web import WebApp
from local.host.worker import HttpCall, HttpReply, Result, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

REPOSITORY = Path(__file__).parents[2]
_THREADS = 32


class Host:
    """Serves one Functions app on 127.0.0.1.

    ``port`` 0 lets the system choose, ``url`` says which; ``key`` is made up if not given. One per process, and not
    startable again: the worker library keeps the app in module globals.
    """

    def __init__(self, app_dir: Path = REPOSITORY, port: int = 0, key: str | None = None) -> None:
        self.key = key or secrets.token_urlsafe(24)
        self._app_dir = app_dir.resolve()
        load_local_settings(self._app_dir)
        self._options = read_host_json(self._app_dir)
        self._store = _queue_store(self._options.queues)
        self._worker = Worker(self._app_dir)
        self._port = port
        self._in_flight = 0
        self._count = threading.Lock()
        self._by_hand = ThreadPoolExecutor(_THREADS, thread_name_prefix="by-hand")
        self._functions: list[Function] = []
        self._listeners: list[QueueListener | TimerListener] = []

    @property
    def url(self) -> str:
        """The address without a trailing slash, for example ``http://127.0.0.1:7071``; known once started."""
        return f"http://127.0.0.1:{self._server.bind_addr[1]}"

    def start(self) -> None:
        """Load the app and serve in background threads. Raises HostError if the app cannot be hosted."""
        self._functions = self._worker.start()
        web = WebApp(self._functions, self._options.route_prefix, self.key, self)
        self._server = Server(("127.0.0.1", self._port), web, numthreads=_THREADS, request_queue_size=128)
        try:
            self._server.prepare()
        except OSError as error:
            raise HostError(f"Port {self._port} cannot be used: {error}. Choose another one with --port.") from error
        threading.Thread(target=self._server.serve, name="http", daemon=True).start()
        self._listeners = [listener for f in self._functions if not f.disabled and (listener := self._listener(f))]
        for listener in self._listeners:
            listener.start()

    def stop(self) -> None:
        """Take no more work, wait for what is running, stop."""
        self._server.stop()
        self._store.close()
        for listener in self._listeners:
            listener.stop()
        self._by_hand.shutdown()
        self._worker.stop()

    def call(self, function: Function, request: HttpCall) -> HttpReply:
        """Run an HTTP function and deliver its outputs. Raises InvocationFailedError."""
        self._begin()
        result = self._run(function, lambda: self._worker.invoke_http(function, request))
        return result.reply or HttpReply(204, {}, b"")

    def fire(self, function: Function, text: str) -> None:
        """Start a queue or timer function by hand; ``text`` is the message of a queue function."""
        self._begin()
        self._by_hand.submit(self._run, function, lambda: self._invoke_by_hand(function, text))

    def status(self) -> dict[str, Any]:
        """Return functions, invocations in flight and queue lengths (messages being worked on included).

        Nothing is going on if nothing is in flight and no queue has messages: what runs is counted first, so that a
        message sent by a function that has just ended is seen.
        """
        in_flight = self._in_flight
        return {
            "in_flight": in_flight,
            "queues": self._store.lengths(),
            "functions": {f.name: {"trigger": _kind(f), "disabled": f.disabled} for f in self._functions},
        }

    def _begin(self) -> None:
        with self._count:
            self._in_flight += 1

    def _run(self, function: Function, invoke: Callable[[], Result]) -> Result:
        try:
            result = invoke()
            self._deliver(function, result.outputs)
        except InvocationFailedError as failure:
            log.error("Function %s failed: %s", failure.function, " ".join(failure.error.split()))  # noqa: TRY400  - one line
            log.debug("%s", failure.stack)
            raise
        else:
            return result
        finally:
            with self._count:
                self._in_flight -= 1

    def _deliver(self, function: Function, outputs: Mapping[str, str]) -> None:
        for output in function.outputs:
            for text in _messages(outputs.get(output.name)):
                try:
                    self._store.send(output.queue, text)
                except Exception as error:
                    raise InvocationFailedError(function.name, f"output {output.name}: {error}") from error

    def _invoke_by_hand(self, function: Function, text: str) -> Result:
        if isinstance(function.trigger, QueueTrigger):
            now = datetime.now(UTC)
            message = Message(function.trigger.queue, str(uuid.uuid4()), "", text, 1, now, now + TIME_TO_LIVE, now)
            return self._worker.invoke_queue(function, message)
        return self._worker.invoke_timer(function, past_due=False)

    def _listener(self, function: Function) -> QueueListener | TimerListener | None:
        def on_message(message: Message) -> None:
            self._begin()
            self._run(function, lambda: self._worker.invoke_queue(function, message))

        def on_time(*, past_due: bool) -> None:
            self._begin()
            self._run(function, lambda: self._worker.invoke_timer(function, past_due=past_due))

        match function.trigger:
            case QueueTrigger(queue):
                return QueueListener(self._store, queue, self._options.queues, on_message)
            case TimerTrigger(schedule, run_on_startup):
                return TimerListener(schedule, run_on_startup=run_on_startup, invoke=on_time)
            case HttpTrigger():
                return None


def _kind(function: Function) -> str:
    return type(function.trigger).__name__.removesuffix("Trigger").lower()


def _messages(output: str | None) -> list[str]:
    """Split a queue output as the real host does: a JSON array is one message per element."""
    if output is None:
        return []
    try:
        value = json.loads(output)
    except ValueError:
        return [output]
    if not isinstance(value, list):
        return [output]
    return [element if isinstance(element, str) else json.dumps(element) for element in value]


def _queue_store(options: QueueOptions) -> QueueStore:
    identity_based = [name for name in os.environ if name.lower().startswith(STORAGE_SETTING.lower() + "__")]
    if identity_based:
        raise HostError(f"The local host has no identity to use {identity_based[0]} with: unset it.")
    connection_string = os.environ.get(STORAGE_SETTING)
    if not connection_string:
        return MemoryQueueStore()
    from local.host.azure_queues import AzureQueueStore  # noqa: PLC0415  - most starts do without the SDK

    return AzureQueueStore(connection_string, options.max_polling_interval)
