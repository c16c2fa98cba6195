"""The Merge action (dataverse.md 2.9): the subordinate ends inactive, what belongs to it moves to the master."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import schema
from .errors import DataverseError, bad_request
from .execution import entity, reference
from .payload import guid, read
from .pipeline import Event

if TYPE_CHECKING:
    from .context import Context
    from .records import Records
    from .schema import Table
    from .store import Row

_MERGEABLE = frozenset({"account", "contact", "lead"})
_PREFIX = "Microsoft.Dynamics.CRM."
_PARENT = {"contact": "parentcustomerid", "account": "parentaccountid"}
# Lookups whose relationship does not cascade a merge: consent rows are not linked to people at all.
_CLOSED = {"account": 1, "contact": 1, "lead": 2}


def merge(records: Records, context: Context, body: dict[str, Any]) -> None:
    """Run Merge inside the caller's transaction. Raises 400 for rows that cannot be merged, 404 for a missing one."""
    table, target_id = _row(body.get("Target"), "Target")
    other_table, subordinate_id = _row(body.get("Subordinate"), "Subordinate")
    if other_table is not table:
        raise bad_request("Target and Subordinate must be of the same table.", "0x80048d19")
    context.rights.require_privilege("prvMerge")
    for right in ("Append", "AppendTo", "Read", "Share", "Write"):
        context.rights.require(right, table)
    if target_id == subordinate_id:
        raise _refused("0x80045305", "Merge cannot be performed on master and sub-entities that are identical.")
    master = records.require(table, target_id)
    subordinate = records.require(table, subordinate_id)
    if master["statecode"] or subordinate["statecode"]:
        raise _refused("0x80045304", "Merge warning: both rows must be active.")
    if body.get("PerformParentingChecks"):
        _check_parents(table, master, subordinate)
    content = body.get("UpdateContent") or {}
    fields = {
        name: value
        for name, value in read(records.store, table, content, creating=False).items()
        if value is not None and name != table.id
    }
    if fields:
        records.update(context, table, target_id, fields)
    _move(records, table, subordinate_id, target_id)
    closing = {"merged": True, "masterid": target_id, "statecode": _CLOSED[table.name]}
    records.update(context, table, subordinate_id, closing)
    parameters = {
        "Target": reference(table.name, target_id),
        "SubordinateId": subordinate_id,
        "UpdateContent": entity(table, target_id, fields),
        "PerformParentingChecks": bool(body.get("PerformParentingChecks")),
    }
    after = records.require(table, target_id)
    event = Event("Merge", table, target_id, {}, {}, before=master, after=after, parameters=parameters)
    records.pipeline.emit(context, event)


def _row(value: Any, name: str) -> tuple[Table, str]:
    kind = str(value.get("@odata.type", "")).removeprefix("#").removeprefix(_PREFIX) if isinstance(value, dict) else ""
    if kind not in _MERGEABLE:
        raise bad_request(f"'{name}' needs @odata.type (account, contact or lead) and its id.", "0x80048d19")
    table = schema.BY_NAME[kind]
    return table, guid(value.get(table.id))


def _check_parents(table: Table, master: Row, subordinate: Row) -> None:
    parent = _PARENT.get(table.name)
    if parent and master[parent] and subordinate[parent] and master[parent] != subordinate[parent]:
        raise _refused("0x80045316", "Merge cannot be performed on rows that have different parents.")


def _move(records: Records, table: Table, old: str, new: str) -> None:
    """Point every row that belongs to the subordinate at the master; a membership both have is kept once."""
    store = records.store
    for other, column in schema.referencing(table.name):
        if column.on_delete == "none":
            continue
        for row in store.find(other, **{column.name: old}):
            if other.name == "listmember" and store.find(other, listid=row["listid"], entityid=new):
                store.delete(other, row[other.id])
                records.count_members(row["listid"])
            elif row[other.id] != new:
                store.update(other, row[other.id], {column.name: new})


def _refused(code: str, text: str) -> DataverseError:
    return DataverseError(400, code, text)
