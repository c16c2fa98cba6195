"""EntityDefinitions: what clients ask about tables, columns, keys and relationships (dataverse.md section 3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from odata_query import ast

from . import schema
from .errors import DataverseError, bad_request, no_segment, not_modelled
from .odata import parse
from .seed import PRIVILEGES, fixed_id, privilege_id
from .web import Response, answer, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from .paths import Segment
    from .schema import Column, Table
    from .security import Rights
    from .store import Store
    from .web import Request

SETS = frozenset({"EntityDefinitions", "RelationshipDefinitions", "GlobalOptionSetDefinitions", "EntityMetadata"})
_PREFIX = "Microsoft.Dynamics.CRM."
_NAMED = re.compile(r"^LogicalName='([^']+)'$")
_ENUM = re.compile(r"Microsoft\.Dynamics\.CRM\.\w+'")
_COLLECTIONS = frozenset({"Attributes", "Keys", "OneToManyRelationships", "ManyToOneRelationships"})
_COLLECTIONS |= {"ManyToManyRelationships"}
_INTERSECTS = {relation.table for relation in schema.MANY.values() if not relation.view}
_TYPES = {
    "string": "String",
    "memo": "Memo",
    "boolean": "Boolean",
    "int": "Integer",
    "bigint": "BigInt",
    "decimal": "Decimal",
    "money": "Money",
    "datetime": "DateTime",
    "guid": "Uniqueidentifier",
    "picklist": "Picklist",
    "state": "State",
    "status": "Status",
    "lookup": "Lookup",
}


def handle(store: Store, rights: Rights, request: Request, path: list[Segment]) -> Response:
    """Answer a metadata request. Only alternate keys can be written."""
    rights.require_privilege("prvReadEntity" if request.method == "GET" else "prvWriteEntity")
    if path[0].name != "EntityDefinitions":
        raise not_modelled(f"{path[0].name}; use EntityDefinitions")
    if path[0].key is None:
        _reading(request)
        return _many(request, [definition(store, table) for table in schema.BY_NAME.values()], store)
    table = _table(path[0].key)
    if len(path) == 1:
        _reading(request)
        return answer(_one(request, definition(store, table), store))
    return _below(store, request, table, path[1:])


def _below(store: Store, request: Request, table: Table, path: list[Segment]) -> Response:
    """A collection of a table, one member of it, or only the members of a type (a cast in the path)."""
    name, key = path[0]
    if name not in _COLLECTIONS:
        raise no_segment(name)
    if request.method == "POST" and name == "Keys":
        return _add_key(store, request, table)
    _reading(request)
    found = collection(store, table, name)
    for segment in path[1:]:
        if not segment.name.startswith(_PREFIX):
            raise not_modelled(f"the path {segment.name}; use $expand={segment.name}")
        found = [row for row in found if row.get("@odata.type") == f"#{segment.name}"]
    if key is None:
        return _many(request, found, store)
    wanted = _key_name(key)
    row = next((row for row in found if wanted in (row.get("LogicalName"), row["MetadataId"])), None)
    if row is None:
        raise DataverseError(404, "0x80060888", f"Could not find an attribute with specified name: {wanted}")
    return answer(_one(request, row, store))


def _reading(request: Request) -> None:
    if request.method != "GET":
        raise not_modelled("writing metadata, except POST of an alternate key")


def _key_name(key: str) -> str:
    match = _NAMED.match(key)
    return match[1] if match else key.strip("'").lower()


def _table(key: str) -> Table:
    wanted = _key_name(key)
    for table in schema.BY_NAME.values():
        if wanted in (table.name, fixed_id(f"entity {table.name}")):
            return table
    raise DataverseError(404, "0x80060888", f"Could not find an entity with specified name: {wanted}")


_AUDITED = frozenset({"contact", "lead", "account"})  # as a new environment has it; nothing is audited here


def label(text: str) -> dict[str, Any]:
    """A Label with one English text."""
    local = {"Label": text, "LanguageCode": 1033, "IsManaged": True, "MetadataId": None, "HasChanged": None}
    return {"LocalizedLabels": [local], "UserLocalizedLabel": local}


def _managed(name: str, *, value: Any) -> dict[str, Any]:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}


def definition(store: Store, table: Table) -> dict[str, Any]:
    """The EntityMetadata of a table, without its collections."""
    ownership = {"user": "UserOwned", "organization": "OrganizationOwned", "none": "None"}[table.ownership]
    tracked = table.name in store.tracked
    return {
        "MetadataId": fixed_id(f"entity {table.name}"),
        "LogicalName": table.name,
        "SchemaName": table.name,
        "EntitySetName": table.set_name,
        "LogicalCollectionName": table.set_name,
        "CollectionSchemaName": table.set_name,
        "PrimaryIdAttribute": table.id,
        "PrimaryNameAttribute": table.title,
        "PrimaryImageAttribute": None,
        "ObjectTypeCode": table.code,
        "OwnershipType": ownership,
        "TableType": "Standard",
        "IsActivity": table.name == "email",
        "IsCustomEntity": table.name.startswith("msdynmkt_"),
        "IsIntersect": table.name in _INTERSECTS,
        "ChangeTrackingEnabled": tracked,
        "CanChangeTrackingBeEnabled": _managed("canchangetrackingbeenabled", value=tracked or table.change_tracking),
        "IsAuditEnabled": _managed("canmodifyauditsettings", value=table.name in _AUDITED),
        "DisplayName": label(table.name),
        "DisplayCollectionName": label(table.set_name),
        "Description": label(""),
        "Privileges": [_privilege(right, name) for right, name in table.privileges.items()],
    }


def _privilege(right: str, name: str) -> dict[str, Any]:
    """A SecurityPrivilegeMetadata."""
    narrow = PRIVILEGES[name]["narrow"]
    return {
        "CanBeBasic": narrow,
        "CanBeDeep": narrow,
        "CanBeGlobal": True,
        "CanBeLocal": narrow,
        "CanBeEntityReference": False,
        "CanBeParentEntityReference": False,
        "CanBeRecordFilter": False,
        "Name": name,
        "PrivilegeId": privilege_id(name),
        "PrivilegeType": right,
    }


def collection(store: Store, table: Table, name: str) -> list[dict[str, Any]]:
    """Attributes, keys or relationships of a table."""
    makers: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "Attributes": lambda: [_attribute(table, column) for column in table.columns.values()],
        "Keys": lambda: [_key(table, *pair) for pair in store.keys.get(table.name, {}).items()],
        "OneToManyRelationships": lambda: _lookups(schema.referencing(table.name), table.name),
        "ManyToOneRelationships": lambda: _lookups([(table, column) for column in table.columns.values()], None),
        "ManyToManyRelationships": lambda: [
            {
                "@odata.type": f"#{_PREFIX}ManyToManyRelationshipMetadata",
                "MetadataId": fixed_id(f"relationship {relation.name}"),
                "SchemaName": relation.name,
                "IntersectEntityName": relation.table,
                "Entity1LogicalName": relation.left,
                "Entity1IntersectAttribute": relation.left_column,
                "Entity1NavigationPropertyName": relation.name,
                "Entity2LogicalName": relation.right,
                "Entity2IntersectAttribute": relation.right_column,
                "Entity2NavigationPropertyName": relation.name,
            }
            for relation in schema.MANY.values()
            if table.name in (relation.left, relation.right)
        ],
    }
    return makers[name]()


def _attribute(table: Table, column: Column) -> dict[str, Any]:
    kind = _TYPES[column.kind]
    found: dict[str, Any] = {
        "@odata.type": f"#{_PREFIX}{kind}AttributeMetadata",
        "MetadataId": fixed_id(f"attribute {table.name} {column.name}"),
        "EntityLogicalName": table.name,
        "LogicalName": column.name,
        "SchemaName": column.name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "AttributeOf": None,
        "IsPrimaryId": column.name == table.id,
        "IsPrimaryName": column.name == table.title,
        "IsValidForRead": column.readable,
        "IsValidForCreate": column.on_create,
        "IsValidForUpdate": column.on_update,
        "RequiredLevel": _managed("canmodifyrequirementlevelsettings", value=_level(column)),
        "DisplayName": label(column.name),
        "Description": label(""),
    }
    if column.length:
        found["MaxLength"] = column.length
    if column.navs:
        found["Targets"] = list(column.navs)
    if column.options:
        found["DefaultFormValue"] = -1 if column.default is None else column.default
        found["OptionSet"] = {
            "MetadataId": fixed_id(f"options {table.name} {column.name}"),
            "Name": f"{table.name}_{column.name}",
            "IsGlobal": False,
            "OptionSetType": kind,
            "Options": [{"Value": value, "Label": label(text)} for value, text in column.options.items()],
        }
    return found


def _level(column: Column) -> str:
    return "SystemRequired" if column.required else "None"


def _key(table: Table, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    return {
        "MetadataId": fixed_id(f"key {table.name} {name}"),
        "LogicalName": name.lower(),
        "SchemaName": name,
        "EntityLogicalName": table.name,
        "KeyAttributes": list(columns),
        "EntityKeyIndexStatus": "Active",
    }


def _lookups(pairs: list[tuple[Table, Column]], referenced: str | None) -> list[dict[str, Any]]:
    """One relationship for each lookup and target (only `referenced`, if given)."""
    found = []
    for table, column in pairs:
        for target, nav in column.navs.items():
            if target not in schema.BY_NAME or referenced not in (None, target) or not column.navigable:
                continue
            name = (column.collection or f"{table.name}_{column.name}_{target}").format(target=target)
            found.append(
                {
                    "@odata.type": f"#{_PREFIX}OneToManyRelationshipMetadata",
                    "MetadataId": fixed_id(f"relationship {name}"),
                    "SchemaName": name,
                    "ReferencedEntity": target,
                    "ReferencedAttribute": schema.BY_NAME[target].id,
                    "ReferencedEntityNavigationPropertyName": name,
                    "ReferencingEntity": table.name,
                    "ReferencingAttribute": column.name,
                    "ReferencingEntityNavigationPropertyName": nav,
                }
            )
    return found


def _add_key(store: Store, request: Request, table: Table) -> Response:
    """POST of an EntityKeyMetadata: active at once (a real index is built in the background)."""
    body = request.json()
    columns = tuple(body.get("KeyAttributes") or ())
    name = body.get("SchemaName")
    unknown = [column for column in columns if column not in table.columns]
    if not name or not columns or unknown:
        raise bad_request("A key needs SchemaName and KeyAttributes that are columns of the table.", "0x80040203")
    store.add_key(table, name, columns)
    owner = f"{request.root}EntityDefinitions({fixed_id(f'entity {table.name}')})"
    return nothing({"OData-EntityId": f"{owner}/Keys({fixed_id(f'key {table.name} {name}')})"})


def _many(request: Request, rows: list[dict[str, Any]], store: Store) -> Response:
    text = request.query.get("$filter")
    if text:
        tree = parse(_ENUM.sub("'", text))
        rows = [row for row in rows if _holds(tree, row)]
    value = [_one(request, row, store) for row in rows]
    return answer({"@odata.context": f"{request.root}$metadata#EntityDefinitions", "value": value})


def _one(request: Request, row: dict[str, Any], store: Store) -> dict[str, Any]:
    """A row with `$select` and `$expand` applied; an option set only comes when it is expanded."""
    selected = [name.strip() for name in request.query.get("$select", "").split(",") if name.strip()]
    expanded = {part.partition("(")[0].strip() for part in re.split(r",(?![^(]*\))", request.query.get("$expand", ""))}
    found = {
        name: value
        for name, value in row.items()
        if name != "OptionSet" and (not selected or name in selected or name in {"MetadataId", "@odata.type"})
    }
    for name in expanded & {"OptionSet", "GlobalOptionSet"}:
        found[name] = row.get("OptionSet") if name == "OptionSet" else None
    for name in expanded & _COLLECTIONS:
        found[name] = collection(store, schema.BY_NAME[row["LogicalName"]], name)
    return found


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
        case ast.Boolean() | ast.String() | ast.Integer() | ast.Null():
            return node.py_val
    raise not_modelled("this metadata filter")
