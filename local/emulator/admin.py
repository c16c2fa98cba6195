"""The admin API below `/_emulator/`: for tests and demos, no part of Dataverse."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from . import schema, seed
from .delivery import WebhookFaults
from .errors import bad_request, no_segment, not_modelled
from .faults import RequestFault
from .limits import budget_of
from .render import Annotations, Renderer
from .security import Depth
from .web import Response, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .emulator import Emulator
    from .web import Request


class Admin:
    """Answers admin requests for one emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._routes: dict[tuple[str, str], Callable[[Request], dict[str, Any]]] = {
            ("POST", "reset"): self._reset,
            ("POST", "faults"): self._faults,
            ("POST", "settle"): self._settle,
            ("POST", "clock"): self._clock,
            ("GET", "requests"): self._requests,
            ("GET", "snapshot"): self._snapshot,
        }

    def handle(self, request: Request, name: str) -> Response:
        """Answer one admin request. Raises 404 for an unknown one."""
        route = self._routes.get((request.method, name))
        if route is None:
            raise no_segment(f"_emulator/{name}")
        return answer(route(request))

    def _reset(self, request: Request) -> dict[str, Any]:
        """`contacts`, `seed`, `token`, `budget`, `privileges`, `without`, `change_tracking`, `auditing`: start over."""
        body = request.json()
        known = {"contacts", "seed", "token", "budget", "privileges", "without", "change_tracking", "auditing"}
        _only(body, known)
        loaded = self._emulator.reset(contacts=body.get("contacts", 0), seed=body.get("seed", 0))
        self._emulator.limits.clear(budget_of(body.get("budget")))
        self._emulator.callers.token = body.get("token", self._emulator.token)
        if "privileges" in body or "without" in body:
            self._restrict(body.get("privileges", seed.SPECIAL[:1]), body.get("without", ()))
        if "change_tracking" in body:
            with self._emulator.store.lock:
                self._emulator.store.tracked = set(body["change_tracking"])
        if "auditing" in body:
            self._emulator.audit(body["auditing"])
        return {"rows": loaded}

    def _restrict(self, special: Iterable[str], without: Iterable[str]) -> None:
        """Let the application user have these special privileges, and all ordinary ones but `without`."""
        held = {*seed.ORDINARY, *special} - set(without)
        unknown = (held | set(without)) - seed.PRIVILEGES.keys()
        if unknown:
            raise bad_request(f"Unknown privileges: {', '.join(sorted(unknown))}", "0x80040203")
        with self._emulator.store.lock:
            ids = {seed.privilege_id(name): Depth.Global for name in held}
            self._emulator.records.security.put_privileges(seed.APP_ROLE, ids)

    def _faults(self, request: Request) -> dict[str, Any]:
        """`webhooks` and `requests`; what is not given goes back to normal."""
        body = request.json()
        _only(body, {"webhooks", "requests"})
        webhooks = dict(body.get("webhooks") or {})
        webhooks["drop_tables"] = frozenset(webhooks.get("drop_tables") or ())
        try:
            rules = [RequestFault(**rule) for rule in body.get("requests") or ()]
            self._emulator.delivery.change_faults(WebhookFaults(**webhooks))
        except TypeError as error:
            raise bad_request(f"Unknown fault: {error}", "0x80040203") from error
        self._emulator.faults.replace(rules)
        return {"requests": len(rules)}

    def _settle(self, request: Request) -> dict[str, Any]:
        return dict(self._emulator.delivery.settle(float(request.json().get("timeout_seconds", 30))))

    def _clock(self, request: Request) -> dict[str, Any]:
        """`advance_seconds` moves now; the answer says what now is."""
        clock = self._emulator.store.clock
        clock.offset += float(request.json().get("advance_seconds", 0))
        return {"now": clock.stamp(), "offset_seconds": clock.offset}

    def _requests(self, request: Request) -> dict[str, Any]:
        since = int(request.query.get("since", "0"))
        return {"requests": self._emulator.log.since(since)}

    def _snapshot(self, request: Request) -> dict[str, Any]:
        store = self._emulator.store
        names = [name for name in request.query.get("tables", "").split(",") if name] or list(schema.BY_NAME)
        unknown = [name for name in names if name not in schema.BY_NAME]
        if unknown:
            raise bad_request(f"Unknown tables: {', '.join(unknown)}", "0x80040203")
        annotations = Annotations("Microsoft.Dynamics.CRM.lookuplogicalname")
        with store.lock:
            return {
                name: [
                    Renderer(store, table, table.columns.values(), annotations).row(row) for row in store.find(table)
                ]
                for name, table in ((name, schema.BY_NAME[name]) for name in names)
            }


def _only(body: dict[str, Any], known: set[str]) -> None:
    unknown = body.keys() - known
    if unknown:
        raise bad_request(f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(known))}", "0x80040203")


def sample_company(contacts: int, seed: int) -> Any:
    """Rows of the sample company. Raises 501 while its module is not there."""
    if importlib.util.find_spec("local.company") is None:
        raise not_modelled("sample data: there is no module local.company; use contacts 0")
    return importlib.import_module("local.company").generate(contacts=contacts, seed=seed)
