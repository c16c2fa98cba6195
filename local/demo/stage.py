"""What the show stands on: an emulator with the company, the service beside it, webhooks between them."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from local.azurite import run_azurite
from local.demo.dataverse import Dataverse
from local.demo.host import QUIET_WITHIN, FunctionsHost, RunError
from local.demo.servers import ROOT, Server, ServerError, free_port, tail
from local.demo.webhooks import register_webhooks

if TYPE_CHECKING:
    from pathlib import Path

NEVER = "0 0 0 29 2 *"  # the timers are fired by hand
SERVICE_TOKEN, PEOPLE_TOKEN = "app", "staff@emulator.example"  # two users: what people do is not the service's own
MAPPING = ROOT / "mapping.example.yaml"


class Stage:
    """Both servers on free loopback ports, with keys made up for this one show."""

    def __init__(self, contacts: int, seed: int, folder: Path, *, azurite: bool = False) -> None:
        """Start the emulator and, with `azurite`, Azure Storage for queues and ledger. Raises ServerError."""
        self._folder = folder
        self._stack = ExitStack()
        self._host: Server | None = None
        self.key, self._webhook_key = secrets.token_hex(8), secrets.token_hex(16)
        emulator_port, self._host_port = free_port(), free_port()
        self.dataverse_url = f"http://127.0.0.1:{emulator_port}"
        self.host_url = f"http://127.0.0.1:{self._host_port}"
        self._settings = {
            "DATAVERSE_URL": self.dataverse_url,
            "DATAVERSE_AUTH": "static",
            "DATAVERSE_TOKEN": SERVICE_TOKEN,
            "MAPPING_FILE": str(MAPPING),
            "LEDGER_URL": f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}",
            "LEDGER_HASH_KEY": secrets.token_urlsafe(32),
            "WEBHOOK_KEYS": self._webhook_key,
            "SWEEP_SCHEDULE": NEVER,
            "DRIFT_SCHEDULE": NEVER,
            "AUDIT_SCHEDULE": NEVER,
            "AzureWebJobsStorage": "",
            "PYTHON_THREADPOOL_THREAD_COUNT": "16",
        }
        if azurite:
            self._settings |= self._storage()
        arguments = ["local.emulator", "--port", str(emulator_port), "--contacts", str(contacts), "--seed", str(seed)]
        self._stack.enter_context(Server(arguments, {}, "Dataverse emulator on", folder / "emulator.log"))
        self.dataverse = Dataverse(self.dataverse_url, PEOPLE_TOKEN)
        self.host = FunctionsHost(self.host_url, self.key)

    def __enter__(self) -> Self:
        """Use as a context manager to be sure that both servers stop."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop both servers."""
        self._stack.close()

    def register(self) -> None:
        """Register the service's webhooks with the emulator."""
        events = f"{self.host_url}/api/dataverse-events"
        register_webhooks(self.dataverse_url, SERVICE_TOKEN, MAPPING, events, self._webhook_key)

    def run_service(self, mode: str) -> None:
        """Start the service in this mode, or the mapping's own if empty; one that runs is stopped first."""
        if self._host:
            self._host.stop()
        arguments = ["local.host", "--port", str(self._host_port), "--key", self.key]
        settings = self._settings | {"CONSENT_SYNC_MODE": mode}
        self._host = self._stack.enter_context(
            Server(arguments, settings, "Functions host on", self._folder / "host.log")
        )

    def _storage(self) -> dict[str, str]:
        """Start Azurite, and give the settings with which queues and ledger are kept there."""
        try:
            connection = self._stack.enter_context(run_azurite())
        except RuntimeError as error:
            raise ServerError(str(error)) from None
        endpoints = dict(part.split("=", 1) for part in connection.split(";"))
        return {"AzureWebJobsStorage": connection, "LEDGER_URL": endpoints["TableEndpoint"]}

    def wait_until_quiet(self) -> None:
        """Wait until no webhook is on its way and the service has nothing left to do."""
        give_up = time.monotonic() + QUIET_WITHIN
        calm = 0
        while calm < 2:  # noqa: PLR2004  - what was last delivered may have queued something
            self.dataverse.settle()
            calm = 0 if self.host.busy() else calm + 1
            if time.monotonic() > give_up:
                raise RunError(f"The service was still busy after {QUIET_WITHIN:.0f} s.")
            time.sleep(0.02)

    def last_words(self) -> str:
        """Return the ends of both logs."""
        return "\n".join(f"{name}:\n{tail(self._folder / name)}" for name in ("emulator.log", "host.log"))
