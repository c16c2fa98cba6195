"""Where a history takes place: a tiny company on the emulator, whose time only moves when somebody moves it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from consent_sync.bootstrap import assemble
from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.endpoint import WebhookEndpoint
from consent_sync.dataverse.registration import register
from consent_sync.dataverse.retry import Gate
from consent_sync.engine.scopes import TABLES
from consent_sync.mapping.load import load_mapping
from consent_sync.operate.service import Service
from consent_sync.operate.webhook import wake_from
from consent_sync.settings import Settings
from consent_sync.tenant.events import steps
from local.company.brands import setup_rows
from local.emulator import Emulator, schema
from local.emulator.delivery import authentication
from local.emulator.execution import encode

from .network import Network

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from consent_sync.ports.wake import Wake
    from local.emulator.pipeline import Job
    from local.emulator.store import Row

_EXAMPLE = Path(__file__).parents[2] / "mapping.example.yaml"
_KEY, _TOKEN = "webhook-key", "service"
_TRACKED = ((), ("contact", "lead"), TABLES)  # which tables have change tracking is not known everywhere
_REGISTRATION = ("serviceendpoint", "sdkmessageprocessingstep", "sdkmessageprocessingstepimage")


class Stage:
    """One emulator for all histories: `reset` gives each a company without people and a ledger of its own.

    `policy` are choices other than the example's. `events` are the webhook calls that the emulator would have made and
    nobody has received yet.
    """

    def __init__(self, folder: Path, **policy: object) -> None:
        self.folder = folder
        self.emulator = Emulator().start()
        self.now = time.time()
        self.events: list[Job] = []
        self.emulator.store.clock.time = lambda: self.now  # type: ignore[method-assign]
        self.emulator.delivery.submit = self.events.extend  # type: ignore[method-assign,assignment]
        self.network = Network(self.emulator)
        path = folder / "mapping.yaml"
        mapping = YAML(typ="safe").load(_EXAMPLE)
        mapping["policy"] |= policy
        path.write_text(json.dumps(mapping), encoding="utf-8")
        self.mapping = load_mapping(path)
        self._ledger = folder / "ledger-0.db"
        url = self.emulator.url
        token = StaticToken("staff@emulator.example", url=url)
        self.people = DataverseClient(url, token, tag="", session_factory=self.network.session)
        self.emulator.store.load(setup_rows())
        register(
            self.people, WebhookEndpoint("consent-sync", f"{url}/", "x-webhook-key", _KEY), steps(self.mapping.file)
        )
        self._registration = [(name, row) for name in _REGISTRATION for row in self.find(name)]

    def __enter__(self) -> Self:
        """Use as a context manager, to be sure that it stops."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the emulator."""
        self.people.close()
        self.emulator.stop()

    def reset(self, number: int) -> None:
        """Begin history `number`."""
        emulator, store = self.emulator, self.emulator.store
        emulator.reset()
        store.tracked = set(_TRACKED[number % len(_TRACKED)])
        store.load(setup_rows())
        for name, row in self._registration:
            store.insert(schema.BY_NAME[name], dict(row))
        emulator.pipeline.forget_all()
        self.now = int(time.time()) + 10.0
        self.events.clear()
        self.network.half = None
        for old in self.folder.glob("ledger-*"):
            old.unlink()
        self._ledger = self.folder / f"ledger-{number}.db"

    def start(self) -> Service:
        """Give a service as a new process would start it, on this history's ledger; it sleeps without waiting."""
        url = self.emulator.url
        settings = Settings(
            dataverse_url=url,
            dataverse_auth="static",
            mapping_file=str(self.mapping.path),
            ledger_url=f"sqlite:///{self._ledger}",
            ledger_hash_key="hash-key",
            webhook_keys=(_KEY,),
            dataverse_token=_TOKEN,
        )
        service = assemble(settings, self.mapping)
        transport = service.client._transport  # noqa: SLF001  - the product needs no seam for this
        transport._session_factory, transport.sleep = self.network.session, self.pass_time  # noqa: SLF001
        transport.clock = self.clock  # with the wall's clock, a wait that takes no time would never be over
        transport._gate = Gate(self.clock)  # noqa: SLF001
        return service

    def clock(self) -> float:
        """Give the time of this history, in seconds."""
        return self.now

    def pass_time(self, seconds: float = 5) -> None:
        """Let time pass."""
        self.now += seconds

    def wake_of(self, event: Job) -> Wake | None:
        """Give what the function app makes of a webhook call."""
        data, exceeded = encode(event.body)
        headers, _ = authentication(event.step.endpoint)
        headers |= {"x-ms-dynamics-entity-name": event.event.table.name}
        headers |= {"x-ms-dynamics-request-name": event.event.message}
        if exceeded:
            headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        return wake_from(data, headers, (_KEY,), lambda: self.mapping.file)

    def find(self, table: str, **equal: Any) -> list[Row]:
        """Read rows behind everybody's back."""
        with self.emulator.store.lock:
            return self.emulator.store.find(schema.BY_NAME[table], **equal)
