"""What the audit log records of a change: who, when, and the old and new value of each column.

Nothing is recorded unless auditing is on for the environment (organization.isauditenabled) and for the table.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from . import schema
from .schema.audit import ACTIVATE, CREATE, DEACTIVATE, DELETE, UPDATE

if TYPE_CHECKING:
    from .context import Context
    from .schema import Column, Table
    from .store import Row, Store

_STAMPS = frozenset(
    {"createdon", "createdby", "createdonbehalfby", "modifiedon", "modifiedby", "modifiedonbehalfby", "versionnumber"}
)


def record(store: Store, context: Context, table: Table, before: Row | None, after: Row | None) -> None:
    """Add a row to the log if the change is audited and changed anything; None before it was there, or after."""
    if table.name not in store.audited or not _is_on(store):
        return
    changed = [
        {"logicalName": column.name, "oldValue": old, "newValue": new}
        for column in table.columns.values()
        if column.name not in _STAMPS
        if (old := _text(column, before)) != (new := _text(column, after))
    ]
    if not changed:
        return
    row = after or before or {}
    operation = UPDATE if before and after else CREATE if after else DELETE
    log = schema.BY_NAME["audit"]
    store.insert(
        log,
        {
            "auditid": str(uuid.uuid4()),
            "operation": operation,
            "action": _action(operation, before, after),
            "createdon": store.clock.stamp(),
            "objectid": row[table.id],
            log.columns["objectid"].type_name: table.name,
            "objecttypecode": table.name,
            "userid": context.user,
            "callinguserid": context.on_behalf_by,
            "changedata": json.dumps({"changedAttributes": changed}, separators=(",", ":"), ensure_ascii=False),
        },
    )


def _is_on(store: Store) -> bool:
    return bool(store.find(schema.BY_NAME["organization"])[0]["isauditenabled"])


def _action(operation: int, before: Row | None, after: Row | None) -> int:
    old, new = (before or {}).get("statecode"), (after or {}).get("statecode")
    if operation != UPDATE or old == new:
        return operation
    return DEACTIVATE if new else ACTIVATE


def _text(column: Column, row: Row | None) -> str | None:
    """A value as the log writes it: lookups with their table, options by number."""
    value: Any = row.get(column.name) if row else None
    if value is None:
        return None
    match column.kind:
        case "boolean":
            return str(bool(value))
        case "lookup":
            target = row.get(column.type_name) if row and column.polymorphic else next(iter(column.navs))
            return f"{target},{value}"
        case _:
            return str(value)
