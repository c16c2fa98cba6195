"""Marketing lists and their members (dataverse.md 5.3; customer-engagement reference list, listmember)."""

from __future__ import annotations

from .common import ALL_MESSAGES, EVENTS, LINK_MESSAGES, secured, table
from .model import Column, ManyToMany, Table, choice, lookup, memo, moment, number, read_only, state, text, yes_no

MEMBER_TABLES = {1: "account", 2: "contact", 4: "lead"}
LIST_ACTIONS = frozenset({"AddListMembersList", "AddMemberList", "RemoveListMembersList", "RemoveMemberList"})
# Steps may be registered on these, but as the emulator refuses the actions themselves they never happen.
_OTHER_ACTIONS = frozenset({"AddMembersBatchList", "CopyDynamicListToStatic"})


def _list() -> Table:
    columns = [
        text("listname", 128, required=True),
        choice("createdfromcode", {1: "Account", 2: "Contact", 4: "Lead"}, required=True, on_update=False),
        yes_no("type", ("Static", "Dynamic")),
        memo("query", 1073741823),
        yes_no("lockstatus"),
        yes_no("donotsendonoptout", default=True),
        yes_no("ignoreinactivelistmembers", default=True),
        yes_no("msdyncrm_issubscription"),
        read_only(number("membercount", default=0)),
        read_only(number("membertype")),
        text("purpose", 512),
        text("source", 128),
        Column("cost", "money"),
        memo("description"),
        moment("lastusedon"),
    ]
    return table(
        *("list", columns),
        title="listname",
        code=4300,
        states=state(("Active", {0: "Active"}), ("Inactive", {1: "Inactive"})),
        messages=ALL_MESSAGES | LIST_ACTIONS,
        events=EVENTS | LIST_ACTIONS | _OTHER_ACTIONS,
        change_tracking=True,
        privileges=secured("List"),
    )


def _listmember() -> Table:
    columns = [
        lookup("listid", "list", on_delete="cascade", indexed=True, navigable=False),
        lookup(
            "entityid",
            {name: f"entityid_{name}" for name in MEMBER_TABLES.values()},
            on_delete="cascade",
            indexed=True,
            navigable=False,
        ),
        number("entitytype"),
        text("name", on_create=False, on_update=False),
    ]
    return table(
        *("listmember", columns),
        title="name",
        code=4301,
        ownership="none",
        states=[],
        messages=LINK_MESSAGES | {"Create", "Delete", "RetrieveMultiple"},
        events=frozenset({"Create", "Delete", "Associate", "Disassociate"}),
        # It has none of its own; which of the list's it needs is not documented.
        privileges={"Read": "prvReadList", "Create": "prvWriteList", "Delete": "prvWriteList"},
    )


def tables() -> list[Table]:
    """The tables of this module."""
    return [_list(), _listmember()]


def many_to_many() -> list[ManyToMany]:
    """`listcontact_association` and its siblings: a view on listmember."""
    return [
        ManyToMany(
            name=f"list{name}_association",
            left="list",
            right=name,
            table="listmember",
            left_column="listid",
            right_column="entityid",
            view=True,
        )
        for name in MEMBER_TABLES.values()
    ]
