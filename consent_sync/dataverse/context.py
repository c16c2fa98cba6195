"""What a Dataverse event says: the RemoteExecutionContext that webhooks and Service Bus deliver, read leniently.

Source: Microsoft's page "Use webhooks". Nothing in it is trusted beyond "look at this row": no signature exists. Events
over 256 KB come without parameters and images (`truncated`); events may come twice, late, in any order or not at all.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from consent_sync.dataverse.values import columns, id_of, moment, pairs, row_id
from consent_sync.errors import ConsentSyncError


class BadEvent(ConsentSyncError):
    """The body of a call is no Dataverse event. Nothing to do unless it repeats: then check who calls the webhook."""


class _Body(BaseModel):
    """The members that are used, under their names on the wire; unknown ones are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    message_name: str = Field(alias="MessageName", min_length=1)
    primary_entity_name: str = Field(alias="PrimaryEntityName", min_length=1)
    organization_id: Annotated[str, BeforeValidator(row_id)] = Field(alias="OrganizationId")
    primary_entity_id: Any = Field(None, alias="PrimaryEntityId")
    operation_id: Any = Field(None, alias="OperationId")
    correlation_id: Any = Field(None, alias="CorrelationId")
    initiating_user_id: Any = Field(None, alias="InitiatingUserId")
    depth: Any = Field(1, alias="Depth")
    operation_created_on: Any = Field(None, alias="OperationCreatedOn")
    input_parameters: Any = Field(None, alias="InputParameters")
    pre_entity_images: Any = Field(None, alias="PreEntityImages")
    post_entity_images: Any = Field(None, alias="PostEntityImages")
    shared_variables: Any = Field(None, alias="SharedVariables")
    parent_context: Any = Field(None, alias="ParentContext")


class EventContext(BaseModel):
    """One event in plain values. All ids are lower-case GUIDs, None for the zero GUID; times are UTC.

    `target` and the images (by alias) hold columns: a cleared column is None, an untouched one is absent. `list_id` and
    `member_ids` are set for list messages, `subordinate_id` for Merge. `tags` are the `?tag=` marks of the writer.
    """

    model_config = ConfigDict(frozen=True)

    message: str
    table: str
    organization_id: str
    record_id: str | None = None
    operation_id: str | None = None
    correlation_id: str | None = None
    initiating_user_id: str | None = None
    depth: int = 1
    occurred_at: datetime | None = None
    tags: frozenset[str] = frozenset()
    target: dict[str, Any] = {}
    pre_images: dict[str, dict[str, Any]] = {}
    post_images: dict[str, dict[str, Any]] = {}
    list_id: str | None = None
    member_ids: tuple[str, ...] = ()
    subordinate_id: str | None = None
    truncated: bool = False


def parse(body: bytes) -> EventContext:
    """Read the body of an event; raises BadEvent, whose message says what is wrong and quotes nothing."""
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        raise BadEvent("the body is not JSON") from None
    if not isinstance(raw, dict):
        raise BadEvent("the body is not a JSON object")
    try:
        event = _Body.model_validate(raw)
        return _context(event)
    except ValidationError as error:
        names = ", ".join(sorted({str(part["loc"][0]) for part in error.errors(include_input=False)}))
        raise BadEvent(f"missing or unusable: {names}") from None
    except RecursionError:
        raise BadEvent("the body is nested too deeply") from None


def _context(event: _Body) -> EventContext:
    parameters = pairs(event.input_parameters)
    target = parameters.get("Target")
    table = event.primary_entity_name.lower()
    record = row_id(event.primary_entity_id) or id_of(target)
    images = (event.pre_entity_images, event.post_entity_images)
    return EventContext(
        message=event.message_name,
        table=table,
        organization_id=event.organization_id,
        record_id=record,
        operation_id=row_id(event.operation_id),
        correlation_id=row_id(event.correlation_id),
        initiating_user_id=row_id(event.initiating_user_id),
        depth=event.depth if isinstance(event.depth, int) else 1,
        occurred_at=moment(event.operation_created_on),
        tags=_tags(event),
        target=columns(target),
        pre_images=_images(event.pre_entity_images),
        post_images=_images(event.post_entity_images),
        list_id=_list(parameters) or (record if table == "list" else None),
        member_ids=_members(parameters),
        subordinate_id=id_of(parameters.get("SubordinateId")),
        truncated=not event.input_parameters or any(image is None for image in images),
    )


def _images(value: object) -> dict[str, dict[str, Any]]:
    return {alias: columns(row) for alias, row in pairs(value).items()}


def _tags(event: _Body) -> frozenset[str]:
    """Collect the tags of this operation, which the asynchronous context may leave with its parent, the core operation.

    The tag of a parent that did something else (a customer's plug-in reacting to our write) is not this event's.
    """
    same = (event.message_name, event.primary_entity_name, event.primary_entity_id)
    found = [event.shared_variables]
    parent = event.parent_context
    while isinstance(parent, dict):
        if (parent.get("MessageName"), parent.get("PrimaryEntityName"), parent.get("PrimaryEntityId")) != same:
            break
        found.append(parent.get("SharedVariables"))
        parent = parent.get("ParentContext")
    tags = (pairs(variables).get("tag") for variables in found)
    return frozenset(tag for tag in tags if isinstance(tag, str))


def _list(parameters: dict[str, Any]) -> str | None:
    return id_of(parameters.get("ListId")) or id_of(parameters.get("List"))


def _members(parameters: dict[str, Any]) -> tuple[str, ...]:
    """Read members in the documented shapes: one EntityId, MemberIds (GUIDs) or Members (rows)."""
    members = parameters.get("MemberIds") or parameters.get("Members") or []
    if isinstance(members, dict):  # an EntityCollection
        members = members.get("Entities") or []
    if not isinstance(members, list):
        members = []
    ids = [id_of(member) for member in [parameters.get("EntityId"), *members]]
    return tuple(found for found in ids if found is not None)
