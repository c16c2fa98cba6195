"""EntityDefinitions and RelationshipDefinitions: what clients ask about tables, columns, keys and relationships.

Source: Microsoft's pages "Query table definitions using the Web API" and "Retrieve table definitions by name or
MetadataId"; what is asked for in fact is in dataverse.md section 3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from odata_query import ast

from . import definitions, schema
from .definitions import PREFIX
from .errors import DataverseError, bad_request, no_segment, not_modelled
from .odata import parse
from .query import split
from .web import Response, answer, nothing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .paths import Segment
    from .schema import Table
    from .security import Rights
    from .store import Store
    from .web import Request

SETS = frozenset({"EntityDefinitions", "RelationshipDefinitions", "GlobalOptionSetDefinitions", "EntityMetadata"})
_NAMED = re.compile(r"^(?:LogicalName|SchemaName|Name)\s*=\s*'([^']+)'$")
_SCHEMA_NAME = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)
_ENUM = re.compile(r"Microsoft\.Dynamics\.CRM\.\w+'")
_EXPANDED = re.compile(r"^\s*(\w+)\s*(?:\((.*)\))?\s*$", re.DOTALL)
_COLLECTIONS = frozenset({"Attributes", "Keys", "OneToManyRelationships", "ManyToOneRelationships"})
_COLLECTIONS |= {"ManyToManyRelationships"}
_OPTION_SETS = frozenset({"OptionSet", "GlobalOptionSet"})
_ALWAYS = frozenset({"MetadataId", "@odata.type"})


def handle(store: Store, rights: Rights, request: Request, path: list[Segment]) -> Response:
    """Answer a metadata request. Only alternate keys can be written."""
    rights.require_privilege("prvReadEntity" if request.method == "GET" else "prvWriteEntity")
    first = path[0]
    if first.name == "RelationshipDefinitions":
        _reading(request)
        return _below(store, request, definitions.relationships(), path)
    if first.name != "EntityDefinitions":
        raise not_modelled(f"{first.name}; use EntityDefinitions")
    if first.key is None:
        _reading(request)
        return _many(store, request, [definitions.entity(store, table) for table in schema.BY_NAME.values()], first)
    table = _table(first.key)
    if len(path) == 1:
        _reading(request)
        return _one(store, request, definitions.entity(store, table))
    name = path[1].name
    if name not in _COLLECTIONS:
        return _property(request, definitions.entity(store, table), path[1:])
    if name == "Keys" and len(path) == 2 and request.method in {"POST", "DELETE"}:  # noqa: PLR2004  - nothing below
        return _write_key(store, request, table, path)
    _reading(request)
    return _below(store, request, definitions.collection(store, table, name), path[1:])


def _below(store: Store, request: Request, found: list[dict[str, Any]], path: list[Segment]) -> Response:
    """A collection, one member of it, or only the members of a type (a cast in the path)."""
    kinds = [segment.name for segment in path[1:] if segment.name.startswith(PREFIX)]
    for kind in kinds:
        found = [row for row in found if row.get("@odata.type") == f"#{kind}"]
    if path[0].key is None:
        if len(path) > 1 + len(kinds):
            raise no_segment(path[-1].name)
        return _many(store, request, found, path[0])
    wanted = _key_name(path[0].key)
    row = next((row for row in found if wanted in (row.get("LogicalName"), row["SchemaName"], row["MetadataId"])), None)
    if row is None:
        kind = "an attribute" if path[0].name == "Attributes" else "a row of " + path[0].name
        raise DataverseError(404, "0x80060888", f"Could not find {kind} with specified name: {wanted}")
    if len(path) > 1 + len(kinds):
        return _property(request, row, path[1 + len(kinds) :])
    return _one(store, request, row)


def _reading(request: Request) -> None:
    if request.method != "GET":
        raise not_modelled("writing metadata, except alternate keys")


def _key_name(key: str) -> str:
    match = _NAMED.match(key)
    return match[1] if match else key.strip("'").lower()


def _table(key: str) -> Table:
    wanted = _key_name(key)
    for table in schema.BY_NAME.values():
        if wanted in (table.name, definitions.entity_id(table)):
            return table
    raise DataverseError(404, "0x80060888", f"Could not find an entity with specified name: {wanted}")


def _property(request: Request, row: dict[str, Any], path: list[Segment]) -> Response:
    """GET of one property: EntityDefinitions(...)/ObjectTypeCode, Attributes(...)/.../OptionSet."""
    _reading(request)
    name = path[0].name
    if len(path) > 1 or name not in row:
        raise no_segment(name)
    value = row[name]
    context = {"@odata.context": f"{request.root}$metadata#EntityDefinitions/{name}"}
    return answer(context | (value if isinstance(value, dict) else {"value": value}))


def _write_key(store: Store, request: Request, table: Table, path: list[Segment]) -> Response:
    """POST or DELETE of an EntityKeyMetadata: active at once (a real index is built in the background)."""
    if request.method == "DELETE":
        wanted = _key_name(path[1].key or "")
        for name in store.keys.get(table.name, {}):
            if wanted in (name.lower(), name, definitions.key_id(table, name)):
                store.drop_key(table, name)
                return nothing()
        raise DataverseError(404, "0x80060888", f"Could not find a key with specified name: {wanted}")
    body = request.json()
    given, columns = body.get("SchemaName"), body.get("KeyAttributes")
    known = isinstance(columns, list) and all(isinstance(name, str) and name in table.columns for name in columns)
    if not isinstance(given, str) or not _SCHEMA_NAME.fullmatch(given) or not columns or not known:
        raise bad_request("A key needs SchemaName and KeyAttributes that are columns of the table.", "0x80040203")
    store.add_key(table, given, tuple(columns))
    return nothing({"OData-EntityId": f"{request.root}{request.path}({definitions.key_id(table, given)})"})


def _many(store: Store, request: Request, rows: list[dict[str, Any]], first: Segment) -> Response:
    value = _chosen(store, rows, request.query, first.name)
    return answer({"@odata.context": f"{request.root}$metadata#{first.name}", "value": value})


def _one(store: Store, request: Request, row: dict[str, Any]) -> Response:
    (found,) = _chosen(store, [row], {**request.query, "$filter": ""}, "EntityDefinitions")
    return answer({"@odata.context": f"{request.root}$metadata#EntityDefinitions/$entity", **found})


def _chosen(store: Store, rows: list[dict[str, Any]], options: dict[str, str], what: str) -> list[dict[str, Any]]:
    """Rows with `$filter`, `$select` and `$expand` applied; an option set only comes when it is expanded.

    Raises 400 for a property that none of them has, or that only exists by `$expand`.
    """
    known = {name for row in rows for name in row}
    selected = [name.strip() for name in options.get("$select", "").split(",") if name.strip()]
    text = options.get("$filter")
    tree = parse(_ENUM.sub("'", text)) if text else None
    for name in (*selected, *_names(tree)) if rows else ():
        if name not in known or name in _OPTION_SETS:
            raise bad_request(f"Could not find a property named '{name}' on a type of {what}.")
    expanded = list(_expansions(options.get("$expand", "")))
    return [_shaped(store, row, selected, expanded) for row in rows if tree is None or _holds(tree, row)]


def _expansions(text: str) -> Iterable[tuple[str, dict[str, str]]]:
    for part in split(text):
        match = _EXPANDED.match(part)
        if not match:
            raise bad_request(f"Syntax error in $expand: '{part}'.")
        inner = (item.partition("=") for item in split(match[2] or "", ";"))
        yield match[1], {name.strip(): value for name, _, value in inner}


def _shaped(
    store: Store, row: dict[str, Any], selected: list[str], expanded: list[tuple[str, dict[str, str]]]
) -> dict[str, Any]:
    found = {
        name: value
        for name, value in row.items()
        if name not in _OPTION_SETS and (not selected or name in selected or name in _ALWAYS)
    }
    for name, options in expanded:
        if name in _OPTION_SETS:
            found[name] = row.get("OptionSet") if name == "OptionSet" else None
        elif name in _COLLECTIONS and "EntitySetName" in row:
            members = definitions.collection(store, schema.BY_NAME[row["LogicalName"]], name)
            found[name] = _chosen(store, members, options, name)
        else:
            raise bad_request(f"Could not find a property named '{name}' to expand.")
    return found


def _names(node: Any) -> Iterable[str]:
    """The properties that a filter names."""
    match node:
        case ast.BoolOp() | ast.Compare():
            yield from _names(node.left)
            yield from _names(node.right)
        case ast.UnaryOp():
            yield from _names(node.operand)
        case ast.Attribute():
            yield from _names(node.owner)
        case ast.Identifier():
            yield node.name


def _holds(node: Any, row: dict[str, Any]) -> bool:
    match node:
        case ast.BoolOp():
            left = _holds(node.left, row)
            return (
                (left and _holds(node.right, row))
                if isinstance(node.op, ast.And)
                else (left or _holds(node.right, row))
            )
        case ast.UnaryOp() if isinstance(node.op, ast.Not):
            return not _holds(node.operand, row)
        case ast.Compare() if isinstance(node.comparator, ast.Eq | ast.NotEq):
            same = bool(_read(node.left, row) == _read(node.right, row))
            return same == isinstance(node.comparator, ast.Eq)
    raise not_modelled("this metadata filter; use eq, ne, and, or, not")


def _read(node: Any, row: dict[str, Any]) -> Any:
    match node:
        case ast.Identifier():
            return row.get(node.name)
        case ast.Attribute():
            owner = _read(node.owner, row)
            return owner.get(node.attr) if isinstance(owner, dict) else None
        case ast.GUID():
            return node.val.lower()
        case ast.Boolean() | ast.String() | ast.Integer() | ast.Null():
            return node.py_val
    raise not_modelled("this metadata filter")
