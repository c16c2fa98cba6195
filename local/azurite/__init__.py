"""Azurite, Microsoft's emulator of Azure Storage, for the tests of queues and tables.

``dev.py test`` installs it from the lock file beside this one; it needs Node.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT = Path(__file__).parent / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # public, documented


def is_installed() -> bool:
    """Say whether ``dev.py test`` has installed Azurite here."""
    return _SCRIPT.exists()


@contextmanager
def run_azurite() -> Iterator[str]:
    """Run Azurite in memory on free ports of 127.0.0.1; gives its connection string."""
    node = shutil.which("node")
    if node is None or not is_installed():
        raise RuntimeError("Azurite is not installed: install Node, then run `python3 dev.py test` once.")
    ports = [argument for service in ("blob", "queue", "table") for argument in (f"--{service}Port", "0")]
    # newer SDKs than this Azurite knows are let through: what the tests use of them has not changed
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with subprocess.Popen(  # noqa: S603  - our own command
        [node, str(_SCRIPT), *options, *ports], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            yield _connection_string(process)
        finally:
            process.terminate()
            process.communicate()  # it says goodbye, and would be loud if nobody listened


def _connection_string(process: subprocess.Popen[str]) -> str:
    parts = ["DefaultEndpointsProtocol=http", f"AccountName={_ACCOUNT}", f"AccountKey={_KEY}"]
    assert process.stdout is not None  # noqa: S101  - it is piped
    services = 3
    for line in process.stdout:
        if match := re.search(r"Azurite (\w+) service is successfully listening at (\S+)", line):
            parts.append(f"{match[1]}Endpoint={match[2]}/{_ACCOUNT}")
            services -= 1
            if not services:
                return ";".join(parts)
    raise RuntimeError(f"Azurite ended with code {process.wait()} before it listened.")
