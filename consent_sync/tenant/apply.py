"""Writing: each write only if its row is still as it was read, all of them in one batch.

A row that has to be created gets an id that follows from what it says, so that creating it twice is impossible.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_sync.consent.decide import Write
from consent_sync.consent.model import ContactPoint, Kind, Location, Reading, RecordRef, Scope
from consent_sync.dataverse.batch import Operation, Response
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import ConcurrencyConflict, DataverseError, NotFound
from consent_sync.dataverse.odata import bind, key
from consent_sync.mapping.facts import Facts
from consent_sync.ports.tenant import Outcome, Result

from . import tables

MARKER = "consent-sync"
"""Stands at the start of the reason of every consent row we write: for people and other flows, never for our rules."""

_NAMESPACE = uuid.UUID("6f0f6a0e-0f3b-4c7e-9a53-3d1f5c1f7a52")
_ECHO = {"Prefer": "return=representation"}


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation and the writes that it carries out."""

    operation: Operation
    writes: tuple[Write, ...]


def apply(client: DataverseClient, facts: Facts, writes: Sequence[Write], not_before: datetime) -> list[Result]:
    """Carry out `writes` in their order; one result each, in no particular order.

    `not_before` is a server time from before the writes. Raises DataverseError only where nothing is known of the whole
    batch; what became of a single write is data.
    """
    steps = list(_steps(facts, writes))
    responses = client.batch([step.operation for step in steps])
    return [
        _result(write, response, not_before)
        for step, response in zip(steps, responses, strict=True)
        for write in step.writes
    ]


def _steps(facts: Facts, writes: Iterable[Write]) -> Iterable[_Step]:
    """Group what stands in the same row: a second write would fail on the version that the first one made."""
    flags: dict[RecordRef, list[Write]] = {}
    for write in writes:
        subject = write.location.subject
        if write.location.kind is Kind.FLAG and isinstance(subject, RecordRef):
            flags.setdefault(subject, []).append(write)
        else:
            yield _Step(_operation(facts, write), (write,))
    for record, group in flags.items():
        yield _Step(_flag_operation(record, group), tuple(group))


def _flag_operation(record: RecordRef, writes: Sequence[Write]) -> Operation:
    path = f"{key(tables.RECORD_SETS[record.table], record.id)}?$select={tables.RECORD_KEYS[record.table]}"
    body = {write.location.name: write.to is Reading.OUT for write in writes}
    return Operation("PATCH", path, body, _ECHO, if_match=writes[0].observed.version)


def _operation(facts: Facts, write: Write) -> Operation:
    location = write.location
    subject = location.subject
    if isinstance(subject, ContactPoint):
        return _row_operation(facts, write, subject)
    joining = (write.to is Reading.OUT) == (location.kind is Kind.OPT_OUT_LIST)
    if joining:
        path = f"{key('lists', location.name)}/Microsoft.Dynamics.CRM.AddMemberList"
        return Operation("POST", path, {"EntityId": subject.id})
    return Operation("DELETE", key("listmembers", write.observed.version or ""))


def _row_operation(facts: Facts, write: Write, point: ContactPoint) -> Operation:
    says = {
        tables.CONSENT_VALUE: tables.VALUES[write.to],
        tables.CONSENT_SOURCE: tables.SOURCE_INTERNAL,
        tables.CONSENT_CAUSE: tables.NO_CAUSE,
        tables.CONSENT_REASON: f"{MARKER}: {write.rule}",
    }
    if row_id := write.location.row_id:
        path = f"{key(tables.ROW_SET, row_id)}?$select={tables.ROW_KEY}"
        return Operation("PATCH", path, says, _ECHO, if_match=write.observed.version)
    path = f"{key(tables.ROW_SET, new_row_id(write.location))}?$select={tables.ROW_KEY}"
    body = says | _identity(facts, point, Scope.parse(write.location.name))
    return Operation("PATCH", path, body, {**_ECHO, "If-None-Match": "*"})


def new_row_id(location: Location) -> uuid.UUID:
    """Give the id of the consent row that we create for a contact point and scope."""
    point = location.subject
    text = f"{point.channel}\n{point.value}" if isinstance(point, ContactPoint) else ""
    return uuid.uuid5(_NAMESPACE, f"{text}\n{location.name}")


def _identity(facts: Facts, point: ContactPoint, scope: Scope) -> dict[str, Any]:
    """What a new row is about. It belongs to the purpose's owner, as the rows that the product writes itself."""
    of_topic = scope.kind == "topic"
    purpose_id = facts.topics[scope.id].purpose_id if of_topic else scope.id
    identity: dict[str, Any] = {
        tables.POINT_VALUE: point.value,
        tables.POINT_TYPE: tables.CHANNELS[point.channel],
        tables.CONSENT_TYPE: tables.OF_TOPIC if of_topic else tables.OF_PURPOSE,
        "msdynmkt_purposeId@odata.bind": bind("msdynmkt_purposes", purpose_id),
    }
    if of_topic:
        identity["msdynmkt_topicId@odata.bind"] = bind("msdynmkt_topics", scope.id)
    if owner := facts.purposes[purpose_id].owner:
        identity["ownerid@odata.bind"] = owner
    return identity


def _result(write: Write, response: Response, at: datetime) -> Result:
    error = response.error
    if error is None:
        version = response.etag
        if write.location.kind in {Kind.LIST, Kind.OPT_OUT_LIST}:
            version = response.body["Id"] if isinstance(response.body, dict) and "Id" in response.body else None
        row_id = str(new_row_id(write.location)) if write.location.kind is Kind.ROW else None
        return Result(write, Outcome.DONE, at, version, write.location.row_id or row_id)
    return Result(write, outcome_of(error), at, error=error)


def outcome_of(error: DataverseError) -> Outcome:
    """Say what an error means for a write: what is gone was changed too, and has to be read again."""
    return Outcome.CHANGED if isinstance(error, (ConcurrencyConflict, NotFound)) else Outcome.FAILED
