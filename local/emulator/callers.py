"""Who sends a request: token, impersonation, privileges, and the headers that switch business logic off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import schema
from .context import Context
from .errors import DataverseError, bad_request
from .security import ACT_ON_BEHALF, BYPASS_LOGIC

if TYPE_CHECKING:
    from .delivery import Delivery
    from .security import Rights, Security
    from .store import Store
    from .web import Request

_BYPASS = "mscrm.bypassbusinesslogicexecution"
_BYPASS_STEPS = "mscrm.bypassbusinesslogicexecutionstepids"
_BYPASS_PLUGINS = "mscrm.bypasscustompluginexecution"
_STEP_LIMIT = 3
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Callers:
    """Knows who calls. `token` is the only accepted bearer token when set.

    A token that equals the domain name or the application id of a user acts as that user; any other acts as the
    application user.
    """

    store: Store
    security: Security
    delivery: Delivery
    token: str | None = None

    def authenticate(self, request: Request) -> str:
        """The id of the user whose token this is. Raises 401 without a valid one, 403 without an enabled user."""
        kind, _, token = (request.headers.get("authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip() or (self.token and token != self.token):
            raise DataverseError(
                401,
                "0x80040220",
                "The bearer token is missing or not accepted.",
                {"WWW-Authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/common"'},
            )
        return self.security.user_of(token)

    def context(self, request: Request, actual: str, parent: Context | None = None) -> Context:
        """The caller of a request that user `actual` sent; parts of a batch share the `parent`'s transaction.

        Raises 403 without the privilege for what a header asks.
        """
        with self.store.lock:
            own = self.security.rights(actual)
            user = self._impersonated(request, own)
            rights = own if user == actual else self.security.rights(user).within(own)
        bypass = {part.strip() for part in (request.header(_BYPASS) or "").split(",") if part.strip()}
        if (request.header(_BYPASS_PLUGINS) or "").lower() == "true":
            bypass.add("CustomSync")
        step_ids = [match.group() for match in _GUID.finditer((request.header(_BYPASS_STEPS) or "").lower())]
        if bypass or step_ids:
            own.require_privilege(BYPASS_LOGIC)
        if len(step_ids) > _STEP_LIMIT:
            raise bad_request(f"At most {_STEP_LIMIT} step ids can be bypassed in one request.", "0x80040203")
        context = Context(
            user,
            actual,
            rights,
            tag=request.query.get("tag"),
            bypass=frozenset(bypass),
            bypass_steps=frozenset(step_ids),
            depth=self.delivery.depth_after(request.header("x-ms-correlation-request-id")),
        )
        if parent:
            context.jobs = parent.jobs
            context.correlation_id = parent.correlation_id
        return context

    def _impersonated(self, request: Request, own: Rights) -> str:
        table = schema.BY_NAME["systemuser"]
        column = "azureactivedirectoryobjectid"
        wanted = request.header("callerobjectid")
        if not wanted:
            column, wanted = table.id, request.header("mscrmcallerid")
        if not wanted:
            return own.user
        own.require_privilege(ACT_ON_BEHALF)
        found = self.store.find(table, **{column: wanted.strip("{}").lower()})
        if not found:
            raise DataverseError(403, "0x80042f10", f"The user to impersonate does not exist: {wanted}")
        return str(found[0][table.id])
