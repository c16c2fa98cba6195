"""Columns that Dataverse computes from others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .schema.lists import MEMBER_TABLES

if TYPE_CHECKING:
    from .schema import Table

_NAME_PARTS = frozenset({"firstname", "middlename", "lastname"})


def compute(table: Table, row: dict[str, Any], changes: dict[str, Any]) -> None:
    """Put into `changes` what follows from it; `row` is the whole row as it will be."""
    if table.name in {"contact", "lead"} and not _NAME_PARTS.isdisjoint(changes):
        parts = (row.get("firstname"), row.get("middlename"), row.get("lastname"))
        full = " ".join(part for part in parts if part) or None
        changes["fullname"] = changes["yomifullname"] = full
    elif table.name == "list" and "createdfromcode" in changes:
        changes["membertype"] = changes["createdfromcode"]
    elif table.name == "listmember" and changes.get("entityid.type"):
        code = next(code for code, name in MEMBER_TABLES.items() if name == changes["entityid.type"])
        changes["entitytype"] = code
    elif table.name == "serviceendpoint" and "authvalue" in changes:
        changes["isauthvalueset"] = bool(changes["authvalue"])
    elif table.name == "sdkmessageprocessingstep" and "eventhandler.type" in changes:
        changes["eventhandlertypecode"] = changes["eventhandler.type"]
