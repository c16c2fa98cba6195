"""What the service says about itself: one JSON object for each line of the log, named by its `event`.

The Functions worker forwards the text of a log record and nothing else, so everything that is measured stands in the
text; docs/operations.md has the queries that make metrics of it. No line holds an address, a name, a token or anything
that somebody typed: only ids, counts, times, and the words of this program.
"""

from __future__ import annotations

import json
import logging
import traceback
from enum import StrEnum
from pathlib import Path

_log = logging.getLogger("consent_sync")
_PACKAGE = Path(__file__).parent

type Value = str | int | float | bool | None


class Event(StrEnum):
    """The kinds of lines."""

    NOT_STARTED = "not-started"
    RUN_STARTED = "run-started"
    RUN_OVER = "run-over"
    RECONCILED = "reconciled"
    ARRIVED = "arrived"
    MEASURED = "measured"
    INTAKE = "intake"
    JOINED = "joined"
    RETRIED = "retried"
    NOT_WORKED = "not-worked"
    QUEUE_TROUBLE = "queue-trouble"
    PUT_OFF = "put-off"
    PARKED = "parked"
    REFUSED = "refused"
    MISTAKE = "mistake"
    REGISTRATION_DRIFT = "registration-drift"
    RESTORED = "restored"
    HELD = "held"


SAYS = {
    Event.NOT_STARTED: "the settings or the mapping cannot be used: `kind`, `detail`",
    Event.RUN_STARTED: "a sweep or resync begins: `run`, `kind`, `scope`, `parts`",
    Event.RUN_OVER: "a run is over: `run`, `kind`, `scope`, `state`, `read`, `drift` (what it found to write), "
    "`written`, `skipped`, `held`, `failed`, `requests`, `seconds`",
    Event.RECONCILED: "contact points were looked at: `correlation`, `run`, `points`, `written`, `skipped`, `held`, "
    "`failed`, `requests`, `retries`, `throttled`, `seconds`, `error`",
    Event.ARRIVED: "an opt-out is everywhere it has to be: `correlation`, `run`, `seconds` since the act, `writes`",
    Event.MEASURED: "every sweep: `oldest_opt_out` and `oldest_hold` in seconds (0: none), `late` (subjects with an "
    "opt-out under way), `holds`, `parked`, `mode`",
    Event.INTAKE: "an opt-out was recorded by hand or by a feed: `way`, `scopes`, `repeated`, `request_id`",
    Event.JOINED: "wakes are worked together under one id: `correlation`, which stands for `correlations`",
    Event.RETRIED: "a request to Dataverse is sent again: `correlation`, `operation`, `kind`, `status`, `seconds`",
    Event.NOT_WORKED: "messages could not be worked and come back: `queue`, `count`, `kind`, `detail`",
    Event.QUEUE_TROUBLE: "the queue's storage did not do `what` was asked; it comes by itself: `queue`, `kind`",
    Event.PUT_OFF: "Dataverse asked for a pause, and a message waits for it: `queue`, `seconds`",
    Event.PARKED: "a message failed too often and was given up: `queue`, `tries`, `kind`, `detail`",
    Event.REFUSED: "an HTTP call got a problem document: `function`, `status`, `kind`, `detail`, `request_id`",
    Event.HELD: "a hold opened that concerns the whole service, such as the brake: `rule`, `hold`",
    Event.REGISTRATION_DRIFT: "the webhook is not registered as it should be: `count` of differences, and the `first`",
    Event.RESTORED: "somebody restored a backup of Dataverse; everything is compared: `returned`, `loosened`",
    Event.MISTAKE: "a mistake of our own: `function`, `kind`, `place`, `request_id`",
}
"""What each kind of line means, and its fields, for docs/operations.md."""


def say(event: Event, level: int = logging.INFO, **fields: Value) -> None:
    """Write one line."""
    _log.log(level, "%s", json.dumps({"event": event.value, **fields}))


def place_of(error: BaseException) -> str:
    """Give the file and line of ours in which an error arose; its text may hold anything, so that is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents]
    return f"{Path(ours[-1].filename).relative_to(_PACKAGE).as_posix()}:{ours[-1].lineno}" if ours else ""
