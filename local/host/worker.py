"""The real Functions Python worker, driven in this process with the messages the real host sends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
import uuid
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import azure_functions_runtime as library  # type: ignore[import-untyped]

from local.host.errors import HostError, InvocationFailedError
from local.host.functions import Function, HttpTrigger, read_function
from local.host.protos import load_protos

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from local.host.queues import Message

_APP_FILE = "function_app.py"
_one_worker = threading.Lock()  # never released: the library keeps the app in module globals


@dataclass(frozen=True)
class HttpCall:
    """A request as the host hands it to the worker; ``route`` holds the route parameters."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    route: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpReply:
    """What an HTTP function returned."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Result:
    """What one invocation gave: an HTTP function's reply if it returned one, and the text of each output it set."""

    reply: HttpReply | None
    outputs: Mapping[str, str]


class Worker:
    """Loads one app folder and invokes its functions. One per process, for the life of the process.

    ``start`` and the ``invoke_*`` methods may be called from any thread and block until the worker has answered.
    """

    def __init__(self, app_dir: Path) -> None:
        self.app_dir = app_dir.resolve()
        self._protos = load_protos()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions-worker", daemon=True)

    def start(self) -> list[Function]:
        """Index and load the app. Raises HostError with the worker's own words if it rejects the app."""
        if not (self.app_dir / _APP_FILE).is_file():
            raise HostError(f"{self.app_dir} holds no {_APP_FILE}; name a Functions app folder with --app.")
        if not _one_worker.acquire(blocking=False):
            raise HostError("This process has hosted an app already; the worker library allows one per process.")
        sys.path.insert(0, str(self.app_dir))
        os.environ.setdefault("PYTHON_THREADPOOL_THREAD_COUNT", "32")
        library.start_threadpool_executor()
        self._thread.start()
        folder = str(self.app_dir)
        init = self._protos.WorkerInitRequest(
            host_version="4.1000.0", function_app_directory=folder, worker_directory=folder
        )
        answer = self._ask(library.worker_init_request, worker_init_request=init)
        self._check(answer.result)
        if "HttpUri" in answer.capabilities:
            raise HostError("The app streams HTTP (azurefunctions-extensions-http-fastapi), which is not modelled.")
        listing = self._protos.FunctionsMetadataRequest(function_app_directory=folder)
        answer = self._ask(library.functions_metadata_request, functions_metadata_request=listing)
        self._check(answer.result)
        if not answer.function_metadata_results:
            raise HostError(f"{self.app_dir / _APP_FILE} declares no functions.")
        return [self._load(metadata) for metadata in answer.function_metadata_results]

    def stop(self) -> None:
        """Wait for running functions and stop the worker's threads."""
        library.stop_threadpool_executor()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def invoke_http(self, function: Function, call: HttpCall) -> Result:
        """Invoke an HTTP function. Raises InvocationFailedError if it raised."""
        request = self._protos.RpcHttp(
            method=call.method, url=call.url, headers=call.headers, query=call.query, params=call.route
        )
        request.body.bytes = call.body
        return self._invoke(function, self._protos.TypedData(http=request), {})

    def invoke_queue(self, function: Function, message: Message) -> Result:
        """Invoke a queue function with one delivery of a message. Raises InvocationFailedError if it raised."""
        metadata = {
            "QueueTrigger": message.text,
            "Id": message.id,
            "DequeueCount": str(message.dequeue_count),
            "PopReceipt": message.receipt,
            "InsertionTime": message.inserted.isoformat(),
            "ExpirationTime": message.expires.isoformat(),
            "NextVisibleTime": message.next_visible.isoformat(),
        }
        return self._invoke(function, self._protos.TypedData(string=message.text), metadata)

    def invoke_timer(self, function: Function, *, past_due: bool) -> Result:
        """Invoke a timer function. Raises InvocationFailedError if it raised."""
        info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": past_due}
        return self._invoke(function, self._protos.TypedData(json=json.dumps(info)), {})

    def _invoke(self, function: Function, data: Any, metadata: Mapping[str, str]) -> Result:
        request = self._protos.InvocationRequest(
            invocation_id=str(uuid.uuid4()),
            function_id=function.id,
            input_data=[self._protos.ParameterBinding(name=function.parameter, data=data)],
            trigger_metadata={key: self._protos.TypedData(string=value) for key, value in metadata.items()},
        )
        answer = self._ask(library.invocation_request, invocation_request=request)
        if answer.result.status != self._protos.StatusResult.Success:
            failure = answer.result.exception
            raise InvocationFailedError(function.name, failure.message, failure.stack_trace)
        outputs = {item.name: _text(item.data) for item in answer.output_data}
        if isinstance(function.trigger, HttpTrigger):
            return Result(_reply(function.name, answer.return_value), outputs)
        if answer.return_value.WhichOneof("data"):
            outputs["$return"] = _text(answer.return_value)
        return Result(None, outputs)

    def _load(self, metadata: Any) -> Function:
        request = self._protos.FunctionLoadRequest(function_id=metadata.function_id, metadata=metadata)
        self._check(self._ask(library.function_load_request, function_load_request=request).result)
        if metadata.HasField("retry_options"):
            raise HostError(f"Function {metadata.name} has a retry policy, which the local host does not model.")
        return read_function(metadata.name, metadata.function_id, [json.loads(b) for b in metadata.raw_bindings])

    def _ask(self, handler: Callable[[Any], Awaitable[Any]], **message: Any) -> Any:
        streaming = self._protos.StreamingMessage(request_id=str(uuid.uuid4()), **message)
        # the shape in which Azure's worker process passes messages on to the library
        request = SimpleNamespace(request=streaming, properties={"host": "127.0.0.1", "protos": self._protos})

        async def answer() -> Any:
            return await handler(request)

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result()

    def _check(self, result: Any) -> None:
        if result.status != self._protos.StatusResult.Success:
            raise HostError(
                f"The Functions worker rejects {self.app_dir / _APP_FILE}, and would load none of its functions in "
                f"Azure either: {result.exception.message}{_place(self.app_dir, result.exception.stack_trace)}"
            )


def _reply(function: str, value: Any) -> HttpReply | None:
    match value.WhichOneof("data"):
        case None:
            return None
        case "http" if value.http.cookies:
            raise InvocationFailedError(function, "sets a cookie, which the local host does not model")
        case "http":
            return HttpReply(int(value.http.status_code), dict(value.http.headers), value.http.body.bytes)
        case _:
            return HttpReply(200, {"content-type": "text/plain; charset=utf-8"}, _text(value).encode())


def _place(app_dir: Path, stack: str) -> str:
    """Say where in the app's own files the stack ends, if it passes through any."""
    frames = [f for f in re.findall(r'File "(.+?)", line (\d+)', stack) if f[0].startswith(str(app_dir))]
    own = [f"{file}:{line}" for file, line in frames if "site-packages" not in file]
    return f" (at {own[-1]})" if own else ""


def _text(value: Any) -> str:
    content = getattr(value, value.WhichOneof("data"))
    return content.decode() if isinstance(content, bytes) else str(content)
