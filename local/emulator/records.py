"""Create, update and delete with everything that belongs to it: defaults, stamps, events, cascades, one transaction."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import auditing, rules, schema
from .computed import compute
from .errors import no_message, no_row, stale
from .execution import reference
from .pipeline import PRE, Event
from .security import Security

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .context import Context
    from .delivery import Delivery
    from .pipeline import Pipeline
    from .schema import Table
    from .store import Row, Store

_STATE = frozenset({"statecode", "statuscode"})


class Records:
    """Writes rows for a caller. Every method works inside `unit()`, which it opens itself when none is open."""

    def __init__(self, store: Store, pipeline: Pipeline, delivery: Delivery) -> None:
        self.store = store
        self.pipeline = pipeline
        self.security = Security(store)
        self._delivery = delivery

    @contextmanager
    def unit(self, context: Context) -> Iterator[None]:
        """One transaction. Asynchronous events leave only when the outermost unit has committed."""
        with self.store.lock:
            kept = len(context.jobs)
            outermost = not self.store.in_transaction
            try:
                with self.store.transaction():
                    yield
                    if outermost:
                        self._delivery.record(context.jobs)
            except BaseException:
                del context.jobs[kept:]
                self.pipeline.forget_all()
                self.security.forget_all()
                raise
            if outermost:
                self._delivery.submit(context.jobs)
                context.jobs.clear()

    def require(self, table: Table, row_id: str) -> Row:
        """The row. Raises 404 when it is not there."""
        row = self.store.get(table, row_id)
        if row is None:
            raise no_row(table.name, row_id)
        return row

    def create(self, context: Context, table: Table, fields: Row) -> str:
        """Add a row and return its id.

        Raises 400 when a required column is missing, 403 without a privilege, 412 for a taken id or key.
        """
        _supports(table, "Create")
        context.rights.require("Create", table)
        _require_links(context, table, fields)
        with self.unit(context):
            row: Row = table.defaults()
            sent = dict(fields)
            rules.settle_state(table, row, sent)
            row.update(sent)
            row_id: str = row.get(table.id) or str(uuid.uuid4())
            row[table.id] = sent[table.id] = row_id
            if "createdon" in table.columns:
                self._stamp_created(context, table, row)
            compute(table, row, row)
            rules.check(self.store, table, row, row, creating=True)
            target = {name: value for name, value in row.items() if value is not None or name in fields}
            event = Event("Create", table, row_id, sent, target, after=row, output={"id": row_id})
            self.pipeline.emit(context, event, PRE)
            self.store.insert(table, row)
            auditing.record(self.store, context, table, None, row)
            if table.name == "role":
                self.security.start_role(row_id)
            self._forget(table)
            self.pipeline.emit(context, event)
        return row_id

    def _forget(self, table: Table) -> None:
        """What was read of a table and kept is no longer true."""
        self.pipeline.forget(table.name)
        self.security.forget(table.name)

    def _stamp_created(self, context: Context, table: Table, row: Row) -> None:
        now = self.store.clock.stamp()
        row["createdon"] = row.get("overriddencreatedon") or now
        if row.get("overriddencreatedon"):
            row["overriddencreatedon"] = now
        row["createdby"] = row["modifiedby"] = context.user
        row["modifiedon"] = now
        row["createdonbehalfby"] = row["modifiedonbehalfby"] = context.on_behalf_by
        if table.ownership == "user":
            row["ownerid"] = row.get("ownerid") or context.user
            row["owninguser"] = row["ownerid"]
            row["owningbusinessunit"] = self.store.business_unit

    def update(self, context: Context, table: Table, row_id: str, fields: Row, if_match: str | None = None) -> None:
        """Change a row. State columns and others in one request are two updates, as Dataverse runs them.

        Raises 403 without a privilege, 404 for a missing row, 412 when `if_match` is not its present ETag.
        """
        _supports(table, "Update")
        context.rights.require("Write", table)
        with self.unit(context):
            row = self.require(table, row_id)
            context.rights.require("Write", table, row)
            _require_links(context, table, fields, row)
            check_etag(row, if_match)
            fields = {name: value for name, value in fields.items() if name != table.id}
            state = {name: value for name, value in fields.items() if name in _STATE}
            others = {name: value for name, value in fields.items() if name not in _STATE}
            for part in (others, state) if others and state else (fields,):
                self._update_part(context, table, self.require(table, row_id), part)

    def _update_part(self, context: Context, table: Table, before: Row, part: Row) -> None:
        row_id = before[table.id]
        changes = dict(part)
        rules.settle_state(table, before, changes)
        compute(table, before | changes, changes)
        if "ownerid" in changes:
            changes["owninguser"] = changes["ownerid"]
        changes |= {
            "modifiedon": self.store.clock.stamp(),
            "modifiedby": context.user,
            "modifiedonbehalfby": context.on_behalf_by,
        }
        after = before | changes
        rules.check(self.store, table, after, changes, creating=False)
        key = {table.id: row_id}
        event = Event("Update", table, row_id, part | key, part | key | changes, before, after)
        self.pipeline.emit(context, event, PRE)
        self.store.update(table, row_id, changes)
        auditing.record(self.store, context, table, before, after)
        self._forget(table)
        self.pipeline.emit(context, event)

    def delete(self, context: Context, table: Table, row_id: str, if_match: str | None = None) -> None:
        """Remove a row and, as each lookup says, what points at it. Raises 403, 404, 412 like `update`."""
        _supports(table, "Delete")
        context.rights.require("Delete", table)
        with self.unit(context):
            row = self.require(table, row_id)
            context.rights.require("Delete", table, row)
            check_etag(row, if_match)
            self._remove(context, table, row)

    def _remove(self, context: Context, table: Table, row: Row) -> None:
        row_id = row[table.id]
        event = Event("Delete", table, row_id, {}, {}, row, None, {"Target": reference(table.name, row_id)})
        self.pipeline.emit(context, event, PRE)
        self._release(context, table, row_id)
        self.store.delete(table, row_id)
        auditing.record(self.store, context, table, row, None)
        self._forget(table)
        if table.name == "listmember":
            self.count_members(row["listid"])
        self.pipeline.emit(context, event)

    def _release(self, context: Context, table: Table, row_id: str) -> None:
        for other, column in schema.referencing(table.name):
            if column.on_delete == "none":
                continue
            for row in self.store.find(other, **{column.name: row_id}):
                if column.on_delete == "cascade":
                    self._remove(context, other, row)
                else:
                    cleared = {column.name: None} | ({column.type_name: None} if column.polymorphic else {})
                    self.store.update(other, row[other.id], cleared)
        for relation in schema.MANY.values():
            sides = {relation.left: relation.left_column, relation.right: relation.right_column}
            if not relation.view and table.name in sides:
                through = schema.BY_NAME[relation.table]
                for row in self.store.find(through, **{sides[table.name]: row_id}):
                    self.store.delete(through, row[through.id])
                self._forget(through)

    def count_members(self, list_id: str) -> None:
        """Bring `membercount` of a list up to date; no event and no new version, as it is computed."""
        self.store.execute(
            "UPDATE list SET membercount = (SELECT count(*) FROM listmember WHERE listid = ?) WHERE listid = ?",
            (list_id, list_id),
        )


def check_etag(row: Row, if_match: str | None) -> None:
    """Raise 412 unless `if_match` (None, `*` or an ETag) fits the row."""
    if if_match and if_match != "*" and if_match != etag(row["versionnumber"]):
        raise stale()


def etag(version: int) -> str:
    """The ETag of a row version."""
    return f'W/"{version}"'


def _require_links(context: Context, table: Table, fields: Row, row: Row | None = None) -> None:
    """Raise 403 unless the caller may set these lookups (Append, and AppendTo there) and give the row away (Assign)."""
    for name, value in fields.items():
        column = table.columns.get(name)
        if column is None or column.kind != "lookup" or value is None:
            continue
        if name == "ownerid":
            if value != (row["ownerid"] if row else context.user):
                context.rights.require("Assign", table, row)
            continue
        context.rights.require("Append", table, row)
        target = fields[column.type_name] if column.polymorphic else next(iter(column.navs))
        if target in schema.BY_NAME and table.name != "listmember":  # the list actions check what joining needs
            context.rights.require("AppendTo", schema.BY_NAME[target])


def _supports(table: Table, message: str) -> None:
    if message not in table.messages:
        raise no_message(table.name, message)
