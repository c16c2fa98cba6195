"""The overview: how the service stands, put together from the same views that the API gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from consent_sync.consent.landscape import Mode
from consent_sync.engine.passes import Passes
from consent_sync.operate.holds import holds_of
from consent_sync.operate.http import Answer, Call
from consent_sync.operate.parked import NoStorage, ParkedView, parked_of
from consent_sync.operate.status import status_of
from consent_sync.ports.queue import WorkQueue

from .charts import HEIGHT, WIDTH
from .headline import headline
from .render import page

SHOWN_HOLDS = 20


def overview(call: Call, passes: Passes, queues: Mapping[str, WorkQueue], now: datetime) -> Answer:
    """Give the overview page. Raises QueueTrouble where the queues' storage does not answer."""
    status = status_of(passes, queues)
    return page(
        "overview.html",
        now,
        headline=headline(None, mode_writes=status.mode is not Mode.OBSERVE, troubles=len(status.troubles)),
        status=status,
        holds=holds_of(passes.ledger),
        parked=_parked(queues),
        shown=SHOWN_HOLDS,
        cards=(),
        buckets=(),
        propagation=(),
        drift=None,
        purposes=(),
        width=WIDTH,
        height=HEIGHT,
        caller=call.caller.name if call.caller else "",
        key=carried_key(call),
    )


def carried_key(call: Call) -> str:
    """Give the query that a page's own links need to be let in, where the key came in the address."""
    return f"?{urlencode({'code': call.query['code']})}" if "code" in call.query else ""


def _parked(queues: Mapping[str, WorkQueue]) -> ParkedView | None:
    try:
        return parked_of(queues)
    except NoStorage:
        return None
