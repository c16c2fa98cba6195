"""From the path of a request to its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import metadata, role_actions, schema, sets
from .actions import UNBOUND
from .errors import DataverseError, bad_request, no_segment, not_modelled
from .paths import Segment, segments
from .rows import Rows, find
from .unmodelled import ENTITY_SETS, OPERATIONS
from .web import Response, answer

if TYPE_CHECKING:
    from .actions import Actions
    from .context import Context
    from .records import Records
    from .rows import Target
    from .schema import Table
    from .web import Request

_PREFIX = "Microsoft.Dynamics.CRM."


class Api:
    """The Web API below its service root, without batches."""

    def __init__(self, records: Records, actions: Actions) -> None:
        self._records = records
        self._store = records.store
        self._actions = actions
        self._rows = Rows(records, actions)

    def handle(self, request: Request, context: Context) -> Response:
        """Answer one request, alone with the store. Raises DataverseError for everything refused."""
        try:
            return self._handle(request, context)
        except RecursionError:
            raise bad_request("The request is nested too deeply.") from None

    def _handle(self, request: Request, context: Context) -> Response:
        with self._store.lock:
            path = segments(request.path)
            if not path:
                return _service_document(request)
            first = path[0]
            if first.name in metadata.SETS:
                return metadata.handle(self._store, context.rights, request, path)
            if first.name in schema.BY_SET:
                return self._on_table(request, context, schema.BY_SET[first.name], path)
            return self._operation(request, context, path)

    def _operation(self, request: Request, context: Context, path: list[Segment]) -> Response:
        name = path[0].name
        if name == "$metadata":
            raise not_modelled("the $metadata document; use EntityDefinitions")
        if len(path) == 1 and name == "WhoAmI" and not path[0].key:
            _allow(request, "GET")
            return self._actions.who_am_i(request, context)
        if len(path) == 1 and name == "RetrieveRolePrivilegesRole":
            _allow(request, "GET")
            return role_actions.of_role(self._records, request, context, path[0].key or "")
        if len(path) == 1 and name in UNBOUND:
            _allow(request, "POST")
            return self._actions.unbound(request, context, name)
        if name in OPERATIONS:
            raise not_modelled(f"the operation {name}")
        if name in ENTITY_SETS:
            raise not_modelled(f"the table behind {name}")
        raise no_segment(name)

    def _on_table(self, request: Request, context: Context, table: Table, path: list[Segment]) -> Response:
        key, rest = path[0].key, path[1:]
        if key is None:
            return self._on_set(request, context, table, rest)
        target = find(self._store, table, key)
        if not rest:
            match request.method:
                case "GET":
                    return self._rows.retrieve(request, context, target)
                case "PATCH":
                    return self._rows.change(request, context, target)
                case "DELETE":
                    return self._rows.remove(request, context, target)
            raise _method(request)
        return self._below_row(request, context, target, rest)

    def _on_set(self, request: Request, context: Context, table: Table, rest: list[Segment]) -> Response:
        if not rest:
            if request.method == "GET":
                return sets.read(self._store, context.rights, request, table)
            _allow(request, "GET", "POST")
            if table.name == "listmember":
                raise not_modelled("POST on listmembers; use AddMemberList or AddListMembersList")
            return self._rows.create(request, context, table)
        name = rest[0].name
        if name == "$count":
            _allow(request, "GET")
            return sets.count(self._store, context.rights, request, table)
        if name.startswith(_PREFIX):
            _allow(request, "POST")
            return self._actions.on_set(request, context, table, name)
        raise no_segment(name)

    def _below_row(self, request: Request, context: Context, target: Target, rest: list[Segment]) -> Response:
        name, last = rest[0].name, rest[-1].name if len(rest) > 1 else ""
        nav = target.table.navigations.get(name)
        if name.startswith(_PREFIX):
            _allow(request, "GET", "POST")
            if request.method == "GET":
                return self._actions.function(request, context, target.table, str(target.id), rest[0])
            return self._actions.on_row(request, context, target.table, str(target.id), name)
        if nav and last == "$ref":
            if request.method == "GET":
                raise not_modelled("reading $ref")
            return self._rows.link(request, context, target, nav, rest[0].key)
        if nav and rest[0].key is None and last in {"", "$count"}:
            _allow(request, "GET")
            return self._rows.related(request, context, target, nav, counting=last == "$count")
        if last == "$value":
            return self._rows.raw(context, target, name)
        if nav or last:
            raise not_modelled(f"the path below '{name}'")
        return self._rows.column(request, context, target, name)


def _service_document(request: Request) -> Response:
    sets_ = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(schema.BY_SET)]
    return answer({"@odata.context": f"{request.root}$metadata", "value": sets_})


def _method(request: Request) -> DataverseError:
    return DataverseError(405, "0x80060888", f"The HTTP method '{request.method}' is not supported here.")


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise _method(request)
