"""Actions and functions: WhoAmI, Merge, list members, bulk messages, associations (dataverse.md 2.6 and 2.9)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from . import bulk_delete, role_actions, schema, seed
from .errors import DataverseError, bad_request, invalid, no_message, no_row, no_segment, not_modelled
from .execution import reference
from .merge import merge
from .payload import guid, read, resolve_key
from .pipeline import Event
from .schema.common import BULK_MESSAGES
from .schema.lists import MEMBER_TABLES
from .schema.security import ROLE_PRIVILEGES, USER_ROLES
from .unmodelled import OPERATIONS
from .web import Response, answer, nothing

if TYPE_CHECKING:
    from .context import Context
    from .paths import Segment
    from .records import Records
    from .schema import Navigation, Table
    from .store import Row
    from .web import Request

_PREFIX = "Microsoft.Dynamics.CRM."
_MEMBER_COLUMNS = {f"{name}id": name for name in MEMBER_TABLES.values()}
UNBOUND = frozenset({"Merge", "AddListMembersList", "RemoveListMembersList", "BulkDelete"})


class Link(NamedTuple):
    """One row, a collection of it, and the id of the row at the other end."""

    table: Table
    row: Row
    nav: Navigation
    other_id: str


class Actions:
    """Runs actions for a caller, each in one transaction."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._store = records.store
        self._lists = schema.BY_NAME["list"]
        self._members = schema.BY_NAME["listmember"]

    def who_am_i(self, request: Request, context: Context) -> Response:
        """GET WhoAmI."""
        return answer(
            {
                "@odata.context": f"{request.root}$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
                "BusinessUnitId": seed.BUSINESS_UNIT,
                "UserId": context.user,
                "OrganizationId": seed.ORGANIZATION,
            }
        )

    def unbound(self, request: Request, context: Context, name: str) -> Response:
        """POST on an action of the service root."""
        if name == "BulkDelete":
            return bulk_delete.run(self._records, request, context)
        body = request.json()
        with self._records.unit(context):
            if name == "Merge":
                merge(self._records, context, body)
            else:
                list_id = _member(body.get("List"), self._lists)
                given = body.get("Members")
                members = [_any_member(entry) for entry in given] if isinstance(given, list) else []
                adding = name == "AddListMembersList"
                self._change_members(context, list_id, members, adding=adding)
                ids = [row_id for _, row_id in members]
                self._announce(context, list_id, name, {"ListId": list_id, "MemberIds": ids})
        return nothing()

    def on_set(self, request: Request, context: Context, table: Table, name: str) -> Response:
        """POST on an action bound to a set: CreateMultiple, UpdateMultiple, UpsertMultiple."""
        message = name.removeprefix(_PREFIX)
        if message in OPERATIONS:
            raise not_modelled(f"the action {message}")
        if message not in BULK_MESSAGES:
            raise no_segment(name)
        if message not in table.messages:
            raise no_message(table.name, message)
        targets = request.json().get("Targets")
        if not isinstance(targets, list) or not targets:
            raise bad_request("'Targets' must be a list of rows.", "0x80048d19")
        for target in targets:
            kind = target.get("@odata.type") if isinstance(target, dict) else None
            if str(kind).removeprefix("#") != f"{_PREFIX}{table.name}":
                raise bad_request(f"Each target needs @odata.type '{_PREFIX}{table.name}'.", "0x80048d19")
        with self._records.unit(context):
            if message == "CreateMultiple":
                ids = [self._create(context, table, target) for target in targets]
                kind = f"{request.root}$metadata#{_PREFIX}CreateMultipleResponse"
                return answer({"@odata.context": kind, "Ids": ids})
            if message == "UpdateMultiple":
                self._update_all(context, table, targets)
            else:
                self._upsert_all(context, table, targets)
        return nothing()

    def on_row(self, request: Request, context: Context, table: Table, row_id: str, name: str) -> Response:
        """POST on an action bound to a row: AddMemberList, RemoveMemberList."""
        action = name.removeprefix(_PREFIX)
        if action in OPERATIONS:
            raise not_modelled(f"the action {action}")
        if table.name == "role" and action in role_actions.ROLE_ACTIONS:
            return role_actions.change(self._records, context, row_id, action, request.json())
        if table.name != "list" or action not in {"AddMemberList", "RemoveMemberList"}:
            raise no_segment(name)
        body = request.json()
        adding = action == "AddMemberList"
        # RemoveMemberList: the parameter is disputed (dataverse.md 2.9); EntityId and ListMember are both taken.
        odd = body.get("ListMember")
        odd_ids = [value for key, value in odd.items() if key.endswith("id")] if isinstance(odd, dict) else []
        given = body.get("EntityId") or next(iter(odd_ids), None)
        if given is None:
            raise bad_request("Parameter 'EntityId' is missing.", "0x80048d19")
        entity_id = guid(given)
        with self._records.unit(context):
            row = self._records.require(self._lists, row_id)
            kind = MEMBER_TABLES[row["createdfromcode"]]
            ids = self._change_members(context, row_id, [(kind, entity_id)], adding=adding)
            self._announce(context, row_id, action, {"ListId": row_id, "EntityId": entity_id})
        if not adding:
            return nothing()
        return answer({"@odata.context": f"{request.root}$metadata#{_PREFIX}AddMemberListResponse", "Id": ids[0]})

    def function(self, request: Request, context: Context, table: Table, row_id: str, call: Segment) -> Response:
        """GET of a function bound to a row."""
        name = call.name.removeprefix(_PREFIX)
        if table.name == "systemuser" and name in role_actions.USER_FUNCTIONS:
            return role_actions.of_user(self._records, request, context, row_id, (name, call.key or ""))
        if name in OPERATIONS:
            raise not_modelled(f"the function {name}")
        raise no_segment(call.name)

    def associate(self, context: Context, link: Link, *, adding: bool) -> None:
        """Link or unlink two rows over a collection; a list's members go through the list actions."""
        table, row, nav, other_id = link
        if nav.through == self._members.name:
            list_id, member = (row[table.id], (nav.target, other_id))
            if table is not self._lists:
                list_id, member = other_id, (table.name, row[table.id])
            self._change_members(context, list_id, [member], adding=adding)
        elif nav.through:
            self._intersect(context, link, adding=adding)
        else:
            target = schema.BY_NAME[nav.target]
            column = target.columns[nav.remote]
            fields = {column.name: row[table.id] if adding else None}
            if column.polymorphic:
                fields[column.type_name] = table.name if adding else None
            self._records.update(context, target, other_id, fields)

    def _intersect(self, context: Context, link: Link, *, adding: bool) -> None:
        table, row, nav, other_id = link
        through = schema.BY_NAME[nav.through]
        if through.name == ROLE_PRIVILEGES:
            raise no_message(through.name, "Associate" if adding else "Disassociate")
        if through.name == USER_ROLES:
            context.rights.require("Assign", schema.BY_NAME["role"])
        else:
            context.rights.require("Write", table, row)
            context.rights.require("Append", table, row)
            context.rights.require("AppendTo", schema.BY_NAME[nav.target])
        pair = {nav.near: row[table.id], nav.far: other_id}
        found = self._store.find(through, **pair)
        if adding and found:
            raise DataverseError(412, "0x80040237", "A record with matching key values already exists.")
        if adding:
            self._store.insert(through, {through.id: str(uuid.uuid4()), **pair})
        for old in () if adding else found:
            self._store.delete(through, old[through.id])
        self._records.security.forget(through.name)
        parameters = {
            "Target": reference(table.name, row[table.id]),
            "Relationship": {"PrimaryEntityRole": None, "SchemaName": nav.name},
            "RelatedEntities": [reference(nav.target, other_id, typed=False)],
        }
        message = "Associate" if adding else "Disassociate"
        event = Event(message, table, row[table.id], {}, {}, parameters=parameters)
        self._records.pipeline.emit(context, event)

    def _create(self, context: Context, table: Table, target: dict[str, Any]) -> str:
        return self._records.create(context, table, read(self._store, table, target, creating=True))

    def _update_all(self, context: Context, table: Table, targets: list[dict[str, Any]]) -> None:
        ids = [guid(target.get(table.id)) for target in targets]
        missing = [row_id for row_id in ids if self._store.get(table, row_id) is None]
        if missing:
            text = f"{table.name} With Ids = {', '.join(missing)} Do Not Exist"
            raise DataverseError(404, "0x80040217", text)
        for row_id, target in zip(ids, targets, strict=True):
            self._records.update(context, table, row_id, read(self._store, table, target, creating=False))

    def _upsert_all(self, context: Context, table: Table, targets: list[dict[str, Any]]) -> None:
        seen: set[str] = set()
        for target in targets:
            key = str(target.get("@odata.id")).partition("(")[2].rstrip(")") or guid(target.get(table.id))
            if key.casefold() in seen:
                raise invalid("The same key appears twice in Targets. Send each row once.", "0x80040237")
            seen.add(key.casefold())
            row_id, values = resolve_key(self._store, table, key)
            if row_id and self._store.get(table, row_id):
                self._records.update(context, table, row_id, read(self._store, table, target, creating=False))
            else:
                fields = values | read(self._store, table, target, creating=True)
                self._records.create(context, table, fields | ({table.id: row_id} if row_id else {}))

    def _change_members(
        self, context: Context, list_id: str, members: list[tuple[str, str]], *, adding: bool
    ) -> list[str]:
        """Add or remove members and return the listmember ids; adding a member again keeps the one there is."""
        context.rights.require("Read", self._lists)
        row = self._records.require(self._lists, list_id)
        context.rights.require("Write", self._lists, row)
        context.rights.require("AppendTo", self._lists, row)
        if row["type"] or row["lockstatus"] or row["statecode"]:
            raise invalid("Members can only be changed in a list that is static, unlocked and active.")
        if not members:
            raise invalid("No members are given.")
        ids = []
        for kind, member_id in members:
            if kind != MEMBER_TABLES[row["createdfromcode"]]:
                raise DataverseError(400, "0x80040301", f"Unsupported list member type: {kind}.")
            context.rights.require("Read", schema.BY_NAME[kind])
            if adding:
                context.rights.require("Append", schema.BY_NAME[kind])
            if self._store.get(schema.BY_NAME[kind], member_id) is None:
                raise no_row(kind, member_id)
            found = self._store.find(self._members, listid=list_id, entityid=member_id)
            if adding:
                fields = {"listid": list_id, "entityid": member_id, "entityid.type": kind}
                ids.append(found[0]["listmemberid"] if found else self._records.create(context, self._members, fields))
            elif found:
                self._records.delete(context, self._members, found[0]["listmemberid"])
            else:
                raise DataverseError(400, "0x80048458", "Specified Item not a member of the specified List.")
        self._records.count_members(list_id)
        return ids

    def _announce(self, context: Context, list_id: str, message: str, parameters: dict[str, Any]) -> None:
        """The action's own message on the list; it carries parameters and no images (dataverse.md 0.7)."""
        event = Event(message, self._lists, list_id, {}, {}, parameters=parameters)
        self._records.pipeline.emit(context, event)


def _member(value: Any, table: Table) -> str:
    """The id in an entity-typed parameter such as `List`."""
    if not isinstance(value, dict) or table.id not in value:
        raise bad_request(f"A parameter of type {table.name} with its '{table.id}' is needed.", "0x80048d19")
    return guid(value[table.id])


def _any_member(value: Any) -> tuple[str, str]:
    """Table and id of a member in `Members`; the type comes from @odata.type, which is mandatory."""
    name = str(value.get("@odata.type", "")).removeprefix("#").removeprefix(_PREFIX) if isinstance(value, dict) else ""
    if name not in MEMBER_TABLES.values():
        raise bad_request("Each member needs @odata.type (contact, lead or account) and its id.", "0x80048d19")
    return name, _member(value, schema.BY_NAME[name])
