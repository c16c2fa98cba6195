"""Columns and messages that most tables share."""

from __future__ import annotations

from typing import Literal

from .model import Column, Table, lookup, moment, number, read_only, state

ROW_MESSAGES = frozenset({"Create", "Update", "Delete", "Retrieve", "RetrieveMultiple", "Upsert"})
BULK_MESSAGES = frozenset({"CreateMultiple", "UpdateMultiple", "UpsertMultiple"})
LINK_MESSAGES = frozenset({"Associate", "Disassociate"})
ALL_MESSAGES = ROW_MESSAGES | BULK_MESSAGES | LINK_MESSAGES | {"Assign", "SetState"}
EVENTS = frozenset({"Create", "Update", "Delete", "Associate", "Disassociate"})

Ownership = Literal["user", "organization", "none"]
ACTIVE = ("Active", {1: "Active"})
INACTIVE = ("Inactive", {2: "Inactive"})


def _user(name: str) -> Column:
    return read_only(lookup(name, "systemuser", on_delete="none"))


def stamps() -> list[Column]:
    """Who and when, and the row version: the system fills these."""
    return [
        read_only(moment("createdon")),
        _user("createdby"),
        _user("createdonbehalfby"),
        read_only(moment("modifiedon")),
        _user("modifiedby"),
        _user("modifiedonbehalfby"),
        Column("versionnumber", "bigint", on_create=False, on_update=False, indexed=True),
        moment("overriddencreatedon", on_update=False),
        number("importsequencenumber", on_update=False),
    ]


def owner() -> list[Column]:
    """Columns of a user-owned row. Teams are not modelled."""
    return [
        lookup("ownerid", {"systemuser": "ownerid"}, on_delete="none"),
        _user("owninguser"),
        read_only(lookup("owningbusinessunit", "businessunit", on_delete="none")),
    ]


def table(  # noqa: PLR0913  - one argument for each property of a table
    name: str,
    columns: list[Column],
    *,
    title: str | None,
    code: int,
    set_name: str = "",
    key: str = "",
    ownership: Ownership = "user",
    states: list[Column] | None = None,
    messages: frozenset[str] = ALL_MESSAGES,
    events: frozenset[str] = EVENTS,
    change_tracking: bool = False,
) -> Table:
    """Make a table: its key, `columns`, state, stamps and (if user-owned) owner columns."""
    key_column = Column(key or f"{name}id", "guid", on_update=False)
    parts = [key_column, *columns, *(state(ACTIVE, INACTIVE) if states is None else states), *stamps()]
    if ownership == "user":
        parts += owner()
    return Table(
        name=name,
        set_name=set_name or f"{name}s",
        id=key_column.name,
        title=title,
        code=code,
        columns={column.name: column for column in parts},
        messages=messages,
        ownership=ownership,
        change_tracking=change_tracking,
        events=events,
    )
