r"""The body of a webhook call: RemoteExecutionContext as Dataverse serialises it (dataverse.md 1.6).

Top-level keys are alphabetical, collections are arrays of key and value, values that are declared as `object` carry
`__type`, dates are `\/Date(milliseconds)\/`, and every slash is escaped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import schema
from .clock import seconds_of
from .seed import BUSINESS_UNIT, ORGANIZATION, ORGANIZATION_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .context import Context
    from .pipeline import Event, Step
    from .schema import Column, Table
    from .store import Row, Store

_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_STEP_NAME = "AsynchronousStepPrimaryName"
SIZE_LIMIT = 256 * 1024
_REMOVED = ("InputParameters", "ParentContext", "PostEntityImages", "PreEntityImages")


def encode(body: dict[str, Any]) -> tuple[bytes, bool]:
    """Body bytes, and whether it was over 256 KB and so lost its parameters, images and parent context."""
    data = _dump(body)
    if len(data) <= SIZE_LIMIT:
        return data, False
    return _dump({key: value for key, value in body.items() if key not in _REMOVED}), True


def _dump(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).replace("/", "\\/").encode()


def reference(table: str, row_id: str, *, typed: bool = True) -> dict[str, Any]:
    """An EntityReference; `typed` where the declared type is object."""
    kind = {"__type": f"EntityReference:{_CONTRACTS}"} if typed else {}
    return kind | {"Id": row_id, "KeyAttributes": [], "LogicalName": table, "Name": None, "RowVersion": None}


def entity(table: Table, row_id: str, fields: Row, *, typed: bool = True) -> dict[str, Any]:
    """An Entity with these fields as its attributes."""
    kind = {"__type": f"Entity:{_CONTRACTS}"} if typed else {}
    attributes = [
        {"key": name, "value": _value(table.columns[name], value, fields)}
        for name, value in fields.items()
        if name in table.columns
    ]
    return kind | {
        "Attributes": attributes,
        "EntityState": None,
        "FormattedValues": [],
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table.name,
        "RelatedEntities": [],
        "RowVersion": None,
    }


def _value(column: Column, value: Any, fields: Row) -> Any:
    if value is None:
        return None
    match column.kind:
        case "picklist" | "state" | "status":
            value = {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
        case "money":
            value = {"__type": f"Money:{_CONTRACTS}", "Value": value}
        case "lookup":
            target = fields.get(column.type_name) if column.polymorphic else next(iter(column.navs))
            value = reference(target or "", value)
        case "datetime":
            value = f"/Date({seconds_of(value) * 1000})/"
        case "boolean":
            value = bool(value)
    return value


def _pairs(items: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in items.items()]


def body_of(store: Store, context: Context, event: Event, step: Step, job_id: str) -> dict[str, Any]:
    """The context that `step` gets for `event`. Asynchronous steps also get the primary name as an extra image."""
    before, after = _images(event, step)
    target = {"Target": entity(event.table, event.id, event.target)}
    sent = {"Target": entity(event.table, event.id, event.sent), "SuppressDuplicateDetection": False}
    inputs = target if event.parameters is None else event.parameters
    shared = {"tag": context.tag} if context.tag is not None else {}
    changed = [
        {
            "__type": "KeyValuePairOfstringstring:#System.Collections.Generic",
            "key": event.table.name,
            "value": event.message,
        }
    ]

    def make(stage: int, inputs: dict[str, Any], shared: dict[str, Any], parent: Any, images: Any) -> dict[str, Any]:
        return {
            "BusinessUnitId": BUSINESS_UNIT,
            "CorrelationId": context.correlation_id,
            "Depth": context.depth,
            "InitiatingUserId": context.user,
            "InputParameters": _pairs(inputs),
            "IsExecutingOffline": False,
            "IsInTransaction": not step.row["mode"],
            "IsOfflinePlayback": False,
            "IsolationMode": 1,
            "MessageName": event.message,
            "Mode": step.row["mode"],
            "OperationCreatedOn": f"/Date({int(store.clock.time() * 1000)}+0000)/",
            "OperationId": job_id,
            "OrganizationId": ORGANIZATION,
            "OrganizationName": ORGANIZATION_NAME,
            "OutputParameters": _pairs(event.output or {}) if stage > 30 else [],  # noqa: PLR2004  - after the main operation
            "OwningExtension": reference(
                "sdkmessageprocessingstep", step.row["sdkmessageprocessingstepid"], typed=False
            ),
            "ParentContext": parent,
            "PostEntityImages": images[1],
            "PreEntityImages": images[0],
            "PrimaryEntityId": event.id,
            "PrimaryEntityName": event.table.name,
            "RequestId": context.request_id,
            "SecondaryEntityName": "none",
            "SharedVariables": _pairs(shared),
            "Stage": stage,
            "UserId": context.user,
        }

    parent_inputs = sent if event.parameters is None else event.parameters
    parent = make(30, parent_inputs, {**shared, "ChangedEntityTypes": changed}, None, ([], []))
    return make(step.row["stage"], inputs, shared, parent, (before, after))


def _images(event: Event, step: Step) -> tuple[list[Any], list[Any]]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for image in step.images:
        alias = image["entityalias"] or image["name"] or ""
        wanted = list(filter(None, (image["attributes"] or "").replace(" ", "").split(",")))
        if image["imagetype"] in (0, 2) and event.before is not None:
            before[alias] = _image(event.table, event.before, wanted)
        if image["imagetype"] in (1, 2) and event.after is not None:
            after[alias] = _image(event.table, event.after, wanted)
    if step.row["mode"] and event.table.title:
        side, row = (before, event.before) if event.after is None else (after, event.after)
        if row is not None:
            side[_STEP_NAME] = _image(event.table, row, [event.table.title])
    return _pairs(before), _pairs(after)


def _image(table: Table, row: Row, wanted: Iterable[str]) -> dict[str, Any]:
    """The columns of an image: those asked for (all if none) that hold a value, and always the id."""
    names = [*wanted, table.id] if wanted else list(table.columns)
    fields = {name: row[name] for name in dict.fromkeys(names) if row.get(name) is not None}
    types = {
        column.type_name: row[column.type_name]
        for column in schema.BY_NAME[table.name].columns.values()
        if column.polymorphic and column.name in fields
    }
    return entity(table, row[table.id], fields | types, typed=False)
