"""The emulator as one object: what it consists of, starting, stopping, resetting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from . import schema
from . import seed as seeds
from .actions import Actions
from .admin import Admin, sample_company
from .api import Api
from .batch import Batch
from .callers import Callers
from .clock import Clock
from .delivery import Delivery
from .errors import not_modelled
from .faults import RequestFaults
from .limits import Budget, Limits
from .log import RequestLog
from .pipeline import Pipeline
from .records import Records
from .server import make_server
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType


class Emulator:
    """A Dataverse organization behind an HTTP server on 127.0.0.1.

    `port` 0 lets the system choose; `contacts` people of the sample company are loaded with `seed`; `token` is the
    only accepted bearer token (None: any); `certificate` is a PEM file with key and certificate, to serve HTTPS for
    clients that insist on it. Use it as a context manager, or call `start()` and `stop()`.
    """

    def __init__(
        self,
        port: int = 0,
        contacts: int = 0,
        seed: int = 0,
        token: str | None = None,
        certificate: str | None = None,
    ) -> None:
        self.token = token
        self.store = Store(Clock())
        self.delivery = Delivery(self.store, "emulator.crm.dynamics.com")
        self.pipeline = Pipeline(self.store, self.delivery.call_now)
        self.records = Records(self.store, self.pipeline, self.delivery)
        self.callers = Callers(self.store, self.records.security, self.delivery, token)
        self.limits = Limits(self.store.clock, Budget())
        self.faults = RequestFaults()
        self.log = RequestLog()
        actions = Actions(self.records)
        self.api = Api(self.records, actions)
        self.batch = Batch(self.api, self.callers, self.records)
        self.admin = Admin(self)
        self.reset(contacts, seed)
        self._server = make_server(self, port, certificate)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, without a slash at the end. Known once started."""
        scheme = "https" if self._server.ssl_adapter else "http"
        return f"{scheme}://127.0.0.1:{self._server.bind_addr[1]}"

    def reset(self, contacts: int = 0, seed: int = 0) -> int:
        """Start over with an organization that holds its system rows and `contacts` people; returns their rows."""
        self.delivery.clear()
        self.faults.replace([])
        self.limits.clear(Budget())
        self.log.clear()
        with self.store.lock:
            self.store.clock.offset = 0.0
            self.store.clear()
            self.pipeline.forget_all()
            self.records.security.forget_all()
            self.store.owner = seeds.ADMIN_USER
            self.store.business_unit = seeds.BUSINESS_UNIT
            self.store.load(seeds.rows())
            return self.store.load(sample_company(contacts, seed)) if contacts else 0

    def audit(self, tables: Iterable[str]) -> None:
        """Turn auditing on for the environment and for these tables, and off for all others. Raises 501."""
        wanted = set(tables)
        auditable = {table.name for table in schema.BY_NAME.values() if "Update" in table.messages}
        if odd := wanted - auditable:
            raise not_modelled(f"auditing of {', '.join(sorted(odd))}")
        with self.store.lock:
            self.store.audited = wanted
            self.store.update(schema.BY_NAME["organization"], seeds.ORGANIZATION, {"isauditenabled": True})

    def restore(self, copy: tuple[bytes, int]) -> None:
        """Bring back what `store.backup()` gave; events that are under way are lost."""
        self.delivery.clear()
        with self.store.lock:
            self.store.restore(copy)
            self.pipeline.forget_all()
            self.records.security.forget_all()

    def start(self) -> Self:
        """Listen and serve in the background."""
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="emulator", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and give everything back."""
        self._server.stop()
        if self._thread:
            self._thread.join(timeout=5)
        self.delivery.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
