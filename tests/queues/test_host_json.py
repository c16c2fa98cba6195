"""host.json, the code that counts on it, and the page that explains it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from consent_sync.engine import open_runs, tries
from consent_sync.queues import storage
from local.demo.servers import ROOT

HOST = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
AS_BY_DEFAULT = {
    "version",
    "extensionBundle.id",
    "extensionBundle.version",
    "extensions.http.routePrefix",
    "extensions.queues.maxDequeueCount",
    "extensions.queues.messageEncoding",
    "logging.logLevel.default",
    "logging.applicationInsights.samplingSettings.isEnabled",
}


def values(node: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from values(value, f"{above}{name}.")
        else:
            yield above + name, value


def test_every_value_that_is_no_default_is_explained_and_nothing_else() -> None:
    explained = re.findall(r"^\| `([\w.]+)` \| `?([^|`]+)`? \| [^|]+ \| [^|]{20,} \|$", PAGE, re.MULTILINE)
    changed = {name: str(value) for name, value in values(HOST) if name not in AS_BY_DEFAULT}
    assert {name: value for name, value in explained if "." in name or name == "functionTimeout"} == changed


def test_the_code_counts_tries_and_waits_as_the_host_does() -> None:
    queues = HOST["extensions"]["queues"]
    assert queues["maxDequeueCount"] == tries.LAST_TRY
    assert queues["visibilityTimeout"] == f"00:00:{storage.PAUSE}"
    assert HOST["functionTimeout"] == f"0{open_runs.STALLED}"
