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
ROW_RIGHTS = ("Create", "Read", "Write", "Delete")
LINKED_RIGHTS = (*ROW_RIGHTS, "Append", "AppendTo")
OWNED_RIGHTS = (*LINKED_RIGHTS, "Assign", "Share")
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


def secured(name: str, rights: tuple[str, ...] = OWNED_RIGHTS) -> dict[str, str]:
    """The privileges of a table, by access right; `name` is what they end in."""
    return {right: f"prv{right}{name}" for right in rights}


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
    privileges: dict[str, str] | None = None,
) -> Table:
    """Make a table: its key, `columns`, state, stamps and (if user-owned) owner columns.

    Without `privileges` they end in the table's name, as those of custom tables do.
    """
    if privileges is None:
        privileges = secured(name, OWNED_RIGHTS if ownership == "user" else LINKED_RIGHTS)
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
        privileges=privileges,
    )


def intersect(
    name: str, *sides: str, code: int, key: str = "", set_name: str = "", more: tuple[Column, ...] = ()
) -> Table:
    """Make the table of an N:N relationship: read by FetchXML or as a set, written by `$ref` or by actions."""
    key_column = Column(key or f"{name}id", "guid")
    columns = [key_column, *(Column(side, "guid", indexed=True) for side in sides), *more]
    return Table(
        name=name,
        set_name=set_name or f"{name}set",
        id=key_column.name,
        title=None,
        code=code,
        columns={column.name: column for column in [*columns, Column("versionnumber", "bigint")]},
        messages=frozenset({"RetrieveMultiple"}),
        ownership="none",
    )
