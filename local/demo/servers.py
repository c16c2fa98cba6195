"""Start the emulator and the Functions host as programs of their own, and leave nothing running."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
START_WITHIN = 30.0  # seconds
STOP_WITHIN = 8.0


class ServerError(Exception):
    """A server did not start, or stopped by itself; the message ends with what it said last."""


class Server:
    """One `python -m <module>` process that prints a line starting with `ready` when it can be used."""

    def __init__(self, arguments: list[str], environment: dict[str, str], ready: str, log: Path) -> None:
        self._name = arguments[0]
        self._log = log
        with log.open("ab") as out:
            self._seen = out.tell()
            self._process = subprocess.Popen(  # noqa: S603  - our own modules
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=os.environ | environment | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until(ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        """Use as a context manager to be sure that it stops."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the process."""
        self.stop()

    def stop(self) -> None:
        """End the process, politely first. Harmless if it has ended."""
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self._process.kill()
        self._process.wait()

    def said(self) -> str:
        """Return everything this process printed."""
        return self._log.read_bytes()[self._seen :].decode(errors="replace")

    def _wait_until(self, ready: str) -> None:
        give_up = time.monotonic() + START_WITHIN
        while not any(line.startswith(ready) for line in self.said().splitlines()):
            if self._process.poll() is not None:
                raise ServerError(f"{self._name} ended with code {self._process.returncode}:\n{tail(self._log)}")
            if time.monotonic() > give_up:
                raise ServerError(f"{self._name} was not ready after {START_WITHIN:.0f} s:\n{tail(self._log)}")
            time.sleep(0.05)


def tail(log: Path, lines: int = 25) -> str:
    """Return the last lines of a log."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(f"  | {line}" for line in text.splitlines()[-lines:])


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
