"""What a command works with: settings, mapping, client and service, each made when it is first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

from consent_sync.dataverse.client import DataverseClient
from consent_sync.ledger.stored import StoredLedger
from consent_sync.mapping.load import LoadedMapping, load_mapping
from consent_sync.operate.service import Service
from consent_sync.settings import Settings

from .envfile import read_env_file


class Wiring(Protocol):
    """The composition root, as far as the command line needs it."""

    def connect(self, settings: Settings) -> DataverseClient:
        """Make the client of the environment."""

    def assemble(self, settings: Settings, mapping: LoadedMapping, *, joining: bool) -> Service:
        """Put a service together."""

    def open_ledger(self, settings: Settings, address: str) -> StoredLedger:
        """Open the ledger at an address."""


@dataclass
class Session:
    """One command's run. What was opened is closed at the end of a `with` block.

    `say` prints what a long command has to tell meanwhile, and nothing where one JSON object is wanted.
    """

    wiring: Wiring
    environ: Mapping[str, str]
    say: Callable[[str], None] = lambda _: None
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def saying(self, named: Mapping[str, str]) -> Session:
        """Give this session with settings that were named on the command line; what is empty was not."""
        return replace(self, environ={**self.environ, **{name: value for name, value in named.items() if value}})

    def lacking(self, defaults: Mapping[str, str]) -> Session:
        """Give this session with `defaults` for the settings that are not there."""
        return self.saying({name: value for name, value in defaults.items() if not self.environ.get(name)})

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises SettingError."""
        return Settings.read(self.environ)

    @property
    def webhook_url(self) -> str | None:
        """Where the function app takes events, if the settings say it."""
        return self.environ.get("WEBHOOK_URL") or None

    @property
    def application_id(self) -> str | None:
        """The client id of the service's own identity, where it is not who runs the command; None if it is."""
        named = self.environ.get("IDENTITY_CLIENT_ID") or None
        return named or (self.settings.dataverse_client_id if self.settings.dataverse_auth in _PEOPLES else None)

    @cached_property
    def mapping(self) -> LoadedMapping:
        """The mapping. Raises SettingError or MappingError."""
        return load_mapping(self.settings.mapping_file)

    @cached_property
    def client(self) -> DataverseClient:
        """The client of the environment. Raises SettingError or SignInSettings."""
        return self._open.enter_context(self.wiring.connect(self.settings))

    def ledger(self, address: str) -> StoredLedger:
        """Open a ledger. Raises SettingError for an address that is none, and WrongHashKey."""
        ledger = self.wiring.open_ledger(self.saying({"LEDGER_URL": address}).settings, address)
        self._open.callback(ledger.close)
        return ledger

    @cached_property
    def service(self) -> Service:
        """The service. Raises ConsentSyncError."""
        service = self.wiring.assemble(self.settings, self.mapping, joining=True)
        self._open.callback(service.client.close)
        self._open.callback(service.ledger.close)
        return service


_PEOPLES = {"azure_cli", "static"}  # sign-ins that are not the application's own


def environment(env_file: Path | None) -> dict[str, str]:
    """Give the settings in force: what the file says goes before what the process was started with.

    A file that is named is meant; a value left empty in it is not said. Raises BadEnvFile.
    """
    return {**os.environ, **(read_env_file(env_file) if env_file else {})}
