"""What the worker says about each function, as typed values. Kinds this host does not model are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.host.errors import HostError
from local.host.schedule import Schedule
from local.host.settings import STORAGE_SETTING, expand, is_disabled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Binding = Mapping[str, Any]

_QUEUE_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")  # rules of Azure Storage: 3 to 63, no double hyphen
_ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class HttpTrigger:
    """``route`` is the template below the route prefix; ``level`` is anonymous, function or admin."""

    route: str
    methods: tuple[str, ...]
    level: str


@dataclass(frozen=True)
class QueueTrigger:
    """``queue`` is the name after ``%SETTING%`` expansion."""

    queue: str


@dataclass(frozen=True)
class TimerTrigger:
    """When the function runs by itself."""

    schedule: Schedule
    run_on_startup: bool


@dataclass(frozen=True)
class QueueOutput:
    """``name`` is the parameter, or ``$return``."""

    name: str
    queue: str


@dataclass(frozen=True)
class Function:
    """One indexed function. ``parameter`` receives the trigger's data; ``id`` is the worker's."""

    name: str
    id: str
    parameter: str
    trigger: HttpTrigger | QueueTrigger | TimerTrigger
    outputs: tuple[QueueOutput, ...]
    disabled: bool


def read_function(name: str, function_id: str, bindings: Sequence[Binding]) -> Function:
    """Turn the worker's raw bindings of one function into a `Function`.

    Raises HostError for a kind of trigger or binding that is not modelled, a storage connection other than
    AzureWebJobsStorage, a bad queue name or schedule, and a ``%SETTING%`` that is not set.
    """
    triggers = [b for b in bindings if b["type"].lower().endswith("trigger")]
    if len(triggers) != 1:
        raise HostError(f"Function {name} has {len(triggers)} triggers; it needs exactly one.")
    outputs = [_output(name, b) for b in bindings if b is not triggers[0]]
    return Function(
        name=name,
        id=function_id,
        parameter=triggers[0]["name"],
        trigger=_trigger(name, triggers[0]),
        outputs=tuple(output for output in outputs if output),
        disabled=is_disabled(name),
    )


def _trigger(name: str, binding: Binding) -> HttpTrigger | QueueTrigger | TimerTrigger:
    match binding["type"]:
        case "httpTrigger":
            return HttpTrigger(
                route=binding.get("route") or name,
                methods=tuple(str(m).upper() for m in binding.get("methods") or _ALL_METHODS),
                level=str(binding.get("authLevel", "function")).lower(),
            )
        case "queueTrigger":
            return QueueTrigger(_queue(name, binding))
        case "timerTrigger":
            return TimerTrigger(
                schedule=Schedule(expand(binding["schedule"], name), used_by=name),
                run_on_startup=bool(binding.get("runOnStartup")),
            )
        case kind:
            raise HostError(f"Function {name}: the local host has http, queue and timer triggers, but no {kind}.")


def _output(name: str, binding: Binding) -> QueueOutput | None:
    direction = str(binding.get("direction", "out")).lower()
    match binding["type"], direction:
        case "http", "out":
            return None  # the response itself
        case "queue", "out":
            return QueueOutput(binding["name"], _queue(name, binding))
        case kind, _:
            raise HostError(f"Function {name}: the local host has queue outputs, but no {kind} ({direction}) binding.")


def _queue(name: str, binding: Binding) -> str:
    connection = binding.get("connection") or STORAGE_SETTING
    if connection != STORAGE_SETTING:
        raise HostError(f"Function {name}: the local host knows the connection {STORAGE_SETTING}, not {connection}.")
    queue = expand(binding["queueName"], name)
    if not _QUEUE_NAME.fullmatch(queue) or len(queue) > 63:  # noqa: PLR2004  - Azure Storage's limit
        raise HostError(
            f"Function {name}: {queue!r} is no queue name; use 3 to 63 lower-case letters, digits and single hyphens."
        )
    return queue
