"""What EntityDefinitions tell about tables, columns, keys and relationships, as JSON objects.

Source: the Web API reference of EntityMetadata, AttributeMetadata and the types derived from it, EntityKeyMetadata and
the relationship types. Properties that nobody could tell apart here have the value that custom tables usually have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import schema
from .seed import PRIVILEGES, fixed_id, privilege_id

if TYPE_CHECKING:
    from .schema import Column, ManyToMany, Table
    from .store import Store

PREFIX = "Microsoft.Dynamics.CRM."
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
_PLAIN = {
    "HasActivities": False,
    "HasChanged": None,
    "HasNotes": False,
    "IsActivityParty": False,
    "IsBPFEntity": False,
    "IsChildEntity": False,
    "IsLogicalEntity": False,
    "IsManaged": True,
    "IsOptimisticConcurrencyEnabled": True,
    "IsPrivate": False,
    "IsValidForAdvancedFind": True,
}
_PLAIN_COLUMN = {
    "AutoNumberFormat": None,
    "ColumnNumber": None,
    "HasChanged": None,
    "InheritsFrom": None,
    "IsFilterable": False,
    "IsLogical": False,
    "IsManaged": True,
    "IsRetrievable": True,
    "IsSearchable": False,
    "IsSecured": False,
    "IsValidODataAttribute": True,
    "LinkedAttributeId": None,
    "SourceType": None,
}


def label(text: str) -> dict[str, Any]:
    """A Label with one English text."""
    local = {"Label": text, "LanguageCode": 1033, "IsManaged": True, "MetadataId": None, "HasChanged": None}
    return {"LocalizedLabels": [local], "UserLocalizedLabel": local}


def _managed(name: str, *, value: Any) -> dict[str, Any]:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}


def entity_id(table: Table) -> str:
    """The MetadataId of a table."""
    return fixed_id(f"entity {table.name}")


def key_id(table: Table, name: str) -> str:
    """The MetadataId of an alternate key."""
    return fixed_id(f"key {table.name} {name}")


def entity(store: Store, table: Table) -> dict[str, Any]:
    """The EntityMetadata of a table, without its collections."""
    ownership = {"user": "UserOwned", "organization": "OrganizationOwned", "none": "None"}[table.ownership]
    tracked = table.name in store.tracked
    return _PLAIN | {
        "MetadataId": entity_id(table),
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
        "IsCustomizable": _managed("iscustomizable", value=True),
        "IsIntersect": table.name in _INTERSECTS,
        "ChangeTrackingEnabled": tracked,
        "CanChangeTrackingBeEnabled": _managed("canchangetrackingbeenabled", value=tracked or table.change_tracking),
        "IsAuditEnabled": _managed("canmodifyauditsettings", value=table.name in store.audited),
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


def attribute(table: Table, column: Column) -> dict[str, Any]:
    """The AttributeMetadata of a column, with what its derived type adds."""
    kind = _TYPES[column.kind]
    found = _PLAIN_COLUMN | {
        "@odata.type": f"#{PREFIX}{kind}AttributeMetadata",
        "MetadataId": fixed_id(f"attribute {table.name} {column.name}"),
        "EntityLogicalName": table.name,
        "LogicalName": column.name,
        "SchemaName": column.name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "AttributeOf": None,
        "IsCustomAttribute": column.name.startswith("msd"),
        "IsPrimaryId": column.name == table.id,
        "IsPrimaryName": column.name == table.title,
        "IsValidForRead": column.readable,
        "IsValidForCreate": column.on_create,
        "IsValidForUpdate": column.on_update,
        "RequiredLevel": _managed(
            "canmodifyrequirementlevelsettings", value="SystemRequired" if column.required else "None"
        ),
        "DisplayName": label(column.name),
        "Description": label(""),
    }
    return found | _derived(table, column, kind)


def _derived(table: Table, column: Column, kind: str) -> dict[str, Any]:
    """What the derived type of a column adds: length, targets, options."""
    found: dict[str, Any] = {}
    if column.length:
        found |= {"MaxLength": column.length, "Format": "TextArea" if column.kind == "memo" else "Text"}
    if column.kind == "datetime":
        found |= {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}
    if column.kind == "int":
        found |= {"MinValue": -(2**31), "MaxValue": 2**31 - 1, "Format": "None"}
    if column.kind == "boolean":
        found["DefaultValue"] = bool(column.default)
        found["OptionSet"] = _options(table, column, "Boolean") | {
            f"{name}Option": {"Value": value, "Label": label(column.labels[value])}
            for value, name in enumerate(("False", "True"))
        }
    if column.navs:
        found["Targets"] = list(column.navs)
    if column.options:
        found["DefaultFormValue"] = -1 if column.default is None else column.default
        found["OptionSet"] = _options(table, column, kind) | {
            "Options": [
                {"Value": value, "Label": label(text)} | ({"State": column.states[value]} if column.states else {})
                for value, text in column.options.items()
            ]
        }
    return found


def _options(table: Table, column: Column, kind: str) -> dict[str, Any]:
    return {
        "MetadataId": fixed_id(f"options {table.name} {column.name}"),
        "Name": f"{table.name}_{column.name}",
        "IsGlobal": False,
        "OptionSetType": kind,
    }


def key(table: Table, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    """An EntityKeyMetadata."""
    return {
        "MetadataId": key_id(table, name),
        "LogicalName": name.lower(),
        "SchemaName": name,
        "EntityLogicalName": table.name,
        "KeyAttributes": list(columns),
        "EntityKeyIndexStatus": "Active",
        "DisplayName": label(name),
    }


def lookups(pairs: list[tuple[Table, Column]], referenced: str | None = None) -> list[dict[str, Any]]:
    """One OneToManyRelationshipMetadata for each lookup and target (only `referenced`, if given)."""
    found = []
    for table, column in pairs:
        for target, nav in column.navs.items():
            if target not in schema.BY_NAME or referenced not in (None, target) or not column.navigable:
                continue
            name = (column.collection or f"{table.name}_{column.name}_{target}").format(target=target)
            found.append(
                _relationship(name, "OneToMany")
                | {
                    "ReferencedEntity": target,
                    "ReferencedAttribute": schema.BY_NAME[target].id,
                    "ReferencedEntityNavigationPropertyName": name,
                    "ReferencingEntity": table.name,
                    "ReferencingAttribute": column.name,
                    "ReferencingEntityNavigationPropertyName": nav,
                    "CascadeConfiguration": {"Delete": _ON_DELETE[column.on_delete]},
                }
            )
    return found


_ON_DELETE = {"remove_link": "RemoveLink", "cascade": "Cascade", "none": "NoCascade"}


def _relationship(name: str, kind: str) -> dict[str, Any]:
    return {
        "@odata.type": f"#{PREFIX}{kind}RelationshipMetadata",
        "MetadataId": fixed_id(f"relationship {name}"),
        "SchemaName": name,
        "RelationshipType": f"{kind}Relationship",
        "IsCustomRelationship": name.startswith("msdynmkt_"),
        "IsManaged": True,
    }


def _many(relation: ManyToMany) -> dict[str, Any]:
    """A ManyToManyRelationshipMetadata."""
    return _relationship(relation.name, "ManyToMany") | {
        "IntersectEntityName": relation.table,
        "Entity1LogicalName": relation.left,
        "Entity1IntersectAttribute": relation.left_column,
        "Entity1NavigationPropertyName": relation.name,
        "Entity2LogicalName": relation.right,
        "Entity2IntersectAttribute": relation.right_column,
        "Entity2NavigationPropertyName": relation.name,
    }


def relationships() -> list[dict[str, Any]]:
    """Every relationship of every table."""
    pairs = [(table, column) for table in schema.BY_NAME.values() for column in table.columns.values()]
    return [*lookups(pairs), *(_many(relation) for relation in schema.MANY.values())]


def collection(store: Store, table: Table, name: str) -> list[dict[str, Any]]:
    """Attributes, keys or relationships of a table."""
    match name:
        case "Attributes":
            return [attribute(table, column) for column in table.columns.values()]
        case "Keys":
            return [key(table, *pair) for pair in store.keys.get(table.name, {}).items()]
        case "OneToManyRelationships":
            return lookups(schema.referencing(table.name), table.name)
        case "ManyToOneRelationships":
            return lookups([(table, column) for column in table.columns.values()])
        case _:
            return [
                _many(relation) for relation in schema.MANY.values() if table.name in (relation.left, relation.right)
            ]
