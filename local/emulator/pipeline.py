"""From an event to the steps registered for it, and to the calls those steps make."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from . import schema
from .errors import DataverseError
from .execution import body_of
from .seed import message_id

if TYPE_CHECKING:
    from .context import Context
    from .schema import Table
    from .store import Row, Store

PRE = frozenset({10, 20})
POST = frozenset({40})
MAX_DEPTH = 8
WEBHOOK = 8
_REGISTRATION = frozenset({"serviceendpoint", "sdkmessageprocessingstep", "sdkmessageprocessingstepimage"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to a row: the message, the row before and after, and what was sent.

    `sent` are the fields the caller gave, `target` those plus what the system added; for messages other than Create
    and Update `parameters` are the input parameters, ready for the body.
    """

    message: str
    table: Table
    id: str
    sent: Row
    target: Row
    before: Row | None = None
    after: Row | None = None
    parameters: dict[str, Any] | None = None
    output: dict[str, Any] | None = None


class Step(NamedTuple):
    """A registered step with its images and its endpoint."""

    row: Row
    endpoint: Row
    images: list[Row]
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Job:
    """One webhook call to make."""

    id: str
    step: Step
    event: Event
    body: dict[str, Any]
    correlation_id: str
    depth: int


class SyncCall(Protocol):
    """Makes a webhook call at once; raises DataverseError when it fails."""

    def __call__(self, job: Job) -> None: ...  # noqa: D102


class Pipeline:
    """Finds the steps of an event; synchronous ones are called here, asynchronous ones become jobs of the context."""

    def __init__(self, store: Store, call_now: SyncCall) -> None:
        self._store = store
        self._call_now = call_now
        self._steps: dict[tuple[str, str], list[Step]] | None = None

    def forget(self, table: str) -> None:
        """Note a write to `table`: a change of the registration empties the cache of steps."""
        if table in _REGISTRATION:
            self._steps = None

    def forget_all(self) -> None:
        """Empty the cache of steps: a transaction was undone."""
        self._steps = None

    def wanted(self, message: str, table: str) -> bool:
        """True if any step listens to this message of this table."""
        return (message, table) in self._all()

    def emit(self, context: Context, event: Event, stages: frozenset[int] = POST) -> None:
        """Run the steps registered for this event at these stages, in rank order."""
        for step in self._all().get((event.message, event.table.name), ()):
            if step.row["stage"] in stages and self._applies(context, event, step):
                self._run(context, event, step)

    def _applies(self, context: Context, event: Event, step: Step) -> bool:
        if step.attributes and step.attributes.isdisjoint(event.target):
            return False
        if step.row["sdkmessageprocessingstepid"] in context.bypass_steps:
            return False
        return ("CustomAsync" if step.row["mode"] else "CustomSync") not in context.bypass

    def _run(self, context: Context, event: Event, step: Step) -> None:
        if context.depth > MAX_DEPTH:
            raise DataverseError(
                400,
                "0x80044182",
                "This workflow job was canceled because the workflow that started it included an infinite loop. "
                f"Correct the workflow logic and try again: depth {context.depth} is more than {MAX_DEPTH}.",
            )
        job_id = str(uuid.uuid4())
        body = body_of(self._store, context, event, step, job_id)
        job = Job(job_id, step, event, body, context.correlation_id, context.depth)
        if step.row["mode"]:
            context.jobs.append(job)
        else:
            self._call_now(job)

    def _all(self) -> dict[tuple[str, str], list[Step]]:
        if self._steps is None:
            self._steps = _read_steps(self._store)
        return self._steps


def _read_steps(store: Store) -> dict[tuple[str, str], list[Step]]:
    tables = schema.BY_NAME
    names = {message_id(name): name for table in tables.values() for name in table.events | table.messages}
    steps: dict[tuple[str, str], list[Step]] = {}
    for row in store.find(tables["sdkmessageprocessingstep"], statecode=0):
        endpoint = store.get(tables["serviceendpoint"], row["eventhandler"])
        if endpoint is None:
            continue
        images = store.find(
            tables["sdkmessageprocessingstepimage"], sdkmessageprocessingstepid=row["sdkmessageprocessingstepid"]
        )
        attributes = frozenset(filter(None, (row["filteringattributes"] or "").replace(" ", "").split(",")))
        step = Step(row, endpoint, images, attributes)
        message = names[row["sdkmessageid"]]
        filter_row = store.get(tables["sdkmessagefilter"], row["sdkmessagefilterid"] or "")
        listening = (
            [filter_row["primaryobjecttypecode"]]
            if filter_row
            else [table.name for table in tables.values() if message in table.events]
        )
        for table in listening:
            steps.setdefault((message, table), []).append(step)
    for found in steps.values():
        found.sort(key=lambda step: (step.row["rank"], step.row["createdon"]))
    return steps
