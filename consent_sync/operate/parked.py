"""What was given up, over HTTP: which messages, why, and back into their queue once the cause is mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.queue import Parked, WorkQueue
from consent_sync.ports.wake import BadMessage, PageTurn, Wake

from .body import ONE_OF_THEM, Strict, absent, exactly_one, read_body


class NoStorage(ConsentSyncError):
    """The queues are in the host's memory, where nobody can look. Set `AzureWebJobsStorage` to a storage account."""


class NotParked(ConsentSyncError):
    """No such message was given up, or somebody put it back already. Ask for the list of them again."""


class ParkedMessage(BaseModel):
    """One message that was given up. It names nobody: `about` counts what a wake names, or names the page of a run.

    Without `error`, the process ended with the last try.
    """

    queue: str
    id: str
    about: str
    run: str | None
    error: str | None
    detail: str | None
    tries: int | None
    parked: datetime


class ParkedCause(BaseModel):
    """How many of the messages shown one kind of error stopped, and since when."""

    error: str | None
    count: int
    first: datetime


class ParkedView(BaseModel):
    """Body of ``GET /api/parked``: `count` is of all, about; `messages` are the oldest 32 of each queue."""

    count: int
    causes: list[ParkedCause]
    messages: list[ParkedMessage]


class ReplayRequest(Strict):
    """Body of ``POST /api/parked/replay``: the ids of some messages, or all of them."""

    model_config = ConfigDict(json_schema_extra=ONE_OF_THEM)

    ids: Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=100)] | None = absent()
    all: Literal[True] | None = absent()

    @model_validator(mode="after")
    def _one(self) -> ReplayRequest:
        exactly_one(self)
        return self


class ReplayedView(BaseModel):
    """How many messages were put back into their queues."""

    replayed: int


def parked_of(queues: Mapping[str, WorkQueue]) -> ParkedView:
    """Give what was given up, oldest first. Raises NoStorage and QueueTrouble."""
    _need(queues)
    messages = [_view(queue.name, message) for queue in queues.values() for message in queue.parked()]
    messages.sort(key=lambda message: message.parked)
    counted = Counter(message.error for message in messages)
    first = {message.error: message.parked for message in reversed(messages)}
    return ParkedView(
        count=sum(queue.count_parked() for queue in queues.values()),
        causes=[ParkedCause(error=error, count=count, first=first[error]) for error, count in counted.most_common()],
        messages=messages,
    )


def replay(queues: Mapping[str, WorkQueue], body: bytes) -> ReplayedView:
    """Put messages back into their queues. Raises BadRequestBody, NoStorage, NotParked and QueueTrouble."""
    request = read_body(ReplayRequest, body)
    _need(queues)
    ids = None if request.all else frozenset(request.ids or ())
    replayed = sum(queue.replay(ids) for queue in queues.values())
    if ids and not replayed:
        raise NotParked("none of these was given up")
    return ReplayedView(replayed=replayed)


def _need(queues: Mapping[str, WorkQueue]) -> None:
    if not queues:
        raise NoStorage("the queues are in memory")


def _view(queue: str, message: Parked) -> ParkedMessage:
    about, run = _about(message.text)
    cause = message.cause
    return ParkedMessage(
        queue=queue,
        id=message.id,
        about=about,
        run=run,
        error=cause.error if cause else None,
        detail=cause.says if cause else None,
        tries=cause.tries if cause else None,
        parked=message.at,
    )


def _about(text: str) -> tuple[str, str | None]:
    """Say what a message is about without naming anybody, and which run it belongs to."""
    try:
        turn = PageTurn.from_json(text)
    except BadMessage:
        pass
    else:
        return f"page {turn.seq} of {turn.part}", turn.run_id
    try:
        wake = Wake.from_json(text)
    except BadMessage:
        return "nothing that this service wrote", None
    counts = {"contact point": len(wake.points), "record": len(wake.records), "consent row": len(wake.rows)}
    named = [f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items() if count]
    return ", ".join(named), wake.run_id
