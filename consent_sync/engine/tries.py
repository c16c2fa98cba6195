"""What becomes of a message that could not be worked: delivered again later, or given up with its cause."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from consent_sync.errors import ConsentSyncError, says
from consent_sync.ports.queue import Cause, Delivery, WorkQueue
from consent_sync.ports.wake import PageTurn
from consent_sync.telemetry import Event, say

from .passes import Passes

LAST_TRY = 5
"""extensions.queues.maxDequeueCount of host.json."""
PAGES_BEHIND = 10.0
"""Seconds by which the pages of runs wait longer than people's opt-outs when Dataverse asks for a pause."""


def wait_of(error: Exception) -> float | None:
    """Give the seconds after which the same may be tried again without blame; None where the message failed."""
    return error.retry_after if isinstance(error, ConsentSyncError) else None


def put_aside(queue: WorkQueue | None, delivery: Delivery, error: Exception, *, behind: float = 0) -> bool:
    """Take care of a failed message where delivering it again would not do; false where that is what it needs.

    A message that only came too early waits for as long as the error asks, and `behind` seconds more: a new message
    takes its place, so the try does not count. After its last try it is parked with its cause. Raises QueueTrouble.
    """
    if queue is None:
        return False
    wait = wait_of(error)
    if wait is not None:
        queue.send(delivery.text, wait + behind)
        say(Event.PUT_OFF, queue=queue.name, seconds=wait + behind)
        return True
    if delivery.tries < LAST_TRY:
        return False
    cause = Cause(type(error).__name__, says(error), delivery.tries, datetime.now(UTC))
    queue.park(delivery.text, cause)
    say(Event.PARKED, logging.ERROR, queue=queue.name, tries=cause.tries, kind=cause.error, detail=cause.says)
    return True


def turn_page(passes: Passes, queue: WorkQueue | None, delivery: Delivery) -> list[PageTurn]:
    """Work the page that the host delivered, and give the turns after it.

    Raises the error for which the host should deliver it again.
    """
    try:
        return passes.turn(PageTurn.from_json(delivery.text), last_try=delivery.tries >= LAST_TRY)
    except Exception as error:
        if not put_aside(queue, delivery, error, behind=PAGES_BEHIND):
            raise
        return []
