"""``python -m local.host``: run a Functions app until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from local.host.errors import HostError
from local.host.server import REPOSITORY, Host
from local.host.settings import read_host_json

_LEVELS = {"trace": logging.DEBUG, "debug": logging.DEBUG, "information": logging.INFO, "warning": logging.WARNING}


def main() -> int:
    """Return the exit code: 0 after a stop, 1 if the app cannot be hosted."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description="Run an Azure Functions app locally.")
    parser.add_argument("--port", type=int, default=7071, help="0 lets the system choose (default: 7071)")
    parser.add_argument("--app", type=Path, default=REPOSITORY, help="the app's folder (default: this repository)")
    parser.add_argument("--key", help="the functions key (default: made up)")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        _log_to_stderr(read_host_json(arguments.app).log_level)
        host = Host(arguments.app, arguments.port, arguments.key)
        host.start()
    except HostError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Functions host on {host.url} (key {host.key})", flush=True)
    while not stopped.wait(1):  # on Windows only a wait that returns now and then notices Ctrl-C
        pass
    host.stop()
    return 0


def _log_to_stderr(level: str) -> None:
    """Log as host.json's ``logging.logLevel.default`` says, but of the worker's own lines only warnings."""
    logging.basicConfig(
        level=_LEVELS.get(level.lower(), logging.ERROR), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if level.lower() not in {"trace", "debug"}:
        for chatty in ("azure.core", "azure.functions"):
            logging.getLogger(chatty).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
