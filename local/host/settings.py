"""App settings and host.json, read the way the real host reads them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.host.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BATCH = 32  # what one Get Messages call of Azure Storage returns at most
STORAGE_SETTING = "AzureWebJobsStorage"


@dataclass(frozen=True)
class QueueOptions:
    """``extensions.queues`` of host.json; times in seconds. Defaults are those of the storage queue extension 5."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0
    max_polling_interval: float = 60.0


@dataclass(frozen=True)
class HostOptions:
    """The parts of host.json that change what this host does."""

    route_prefix: str
    queues: QueueOptions
    log_level: str


def read_host_json(app_dir: Path) -> HostOptions:
    """Read ``host.json``; refuse queue settings the real host does not have, since it would ignore them silently."""
    path = app_dir / "host.json"
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HostError(f"{path}: {error}. Every Functions app needs a host.json.") from error
    extensions = document.get("extensions", {})
    return HostOptions(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api").strip("/"),
        queues=_queue_options(path, extensions.get("queues", {})),
        log_level=document.get("logging", {}).get("logLevel", {}).get("default", "Information"),
    )


def _queue_options(path: Path, given: dict[str, Any]) -> QueueOptions:
    known = {"batchSize", "newBatchThreshold", "maxDequeueCount", "visibilityTimeout", "maxPollingInterval"}
    if unknown := sorted(given.keys() - known - {"messageEncoding"}):
        raise HostError(f"{path}: extensions.queues has no {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    if given.get("messageEncoding", "base64") != "base64":
        raise HostError(f"{path}: extensions.queues.messageEncoding must stay base64, the extension's default.")
    batch_size = int(given.get("batchSize", QueueOptions.batch_size))
    if not 1 <= batch_size <= _MAX_BATCH:
        raise HostError(f"{path}: extensions.queues.batchSize must be 1 to {_MAX_BATCH}.")
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=int(given.get("newBatchThreshold", batch_size // 2)),
        max_dequeue_count=int(given.get("maxDequeueCount", QueueOptions.max_dequeue_count)),
        visibility_timeout=_seconds(path, given.get("visibilityTimeout", "00:00:00")),
        max_polling_interval=_seconds(path, given.get("maxPollingInterval", "00:01:00")),
    )


def _seconds(path: Path, span: str) -> float:
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d(?:\.\d+)?)", span)
    if match is None:
        raise HostError(f"{path}: {span!r} is not a time span; write hh:mm:ss.")
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def load_local_settings(app_dir: Path) -> None:
    """Put ``Values`` of a ``local.settings.json`` into the environment; what is set there already wins."""
    path = app_dir / "local.settings.json"
    if not path.exists():
        return
    try:
        values = json.loads(path.read_text(encoding="utf-8")).get("Values", {})
    except ValueError as error:
        raise HostError(f"{path}: {error}.") from error
    for name, value in values.items():
        os.environ.setdefault(name, str(value))


def expand(text: str, used_by: str) -> str:
    """Replace each ``%SETTING%`` by that app setting; ``used_by`` names the function in the error for a missing one."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise HostError(f"Function {used_by} uses %{match[1]}%: set the app setting {match[1]}.")
        return found

    return re.sub(r"%([^%\s]+)%", value, text)


def is_disabled(function: str) -> bool:
    """Say whether the app setting ``AzureWebJobs.<function>.Disabled`` switches the function's trigger off."""
    return os.environ.get(f"AzureWebJobs.{function}.Disabled", "").lower() in {"true", "1"}
