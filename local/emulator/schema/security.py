"""Roles, privileges and what links them to users (reference of role, privilege, roleprivileges, systemuserroles)."""

from __future__ import annotations

from .common import LINKED_RIGHTS, ROW_MESSAGES, intersect, secured, table
from .model import Column, ManyToMany, Table, lookup, number, text, yes_no

USER_ROLES, ROLE_PRIVILEGES = "systemuserroles", "roleprivileges"
# The value of each access right in `privilege.accessright`.
ACCESS_RIGHTS = {
    "Read": 1,
    "Write": 2,
    "Append": 4,
    "AppendTo": 16,
    "Create": 32,
    "Delete": 65536,
    "Share": 262144,
    "Assign": 524288,
}


def tables() -> list[Table]:
    """The tables of this module."""
    roles = [
        text("name", required=True),
        lookup("businessunitid", "businessunit", collection="business_unit_roles", required=True, on_delete="none"),
    ]
    privileges = [
        text("name"),
        number("accessright"),
        *(yes_no(f"canbe{depth}") for depth in ("basic", "local", "deep", "global")),
    ]
    return [
        table(
            *("role", roles),
            title="name",
            code=1036,
            ownership="organization",
            states=[],
            messages=ROW_MESSAGES,
            privileges=secured("Role", (*LINKED_RIGHTS, "Assign")),
        ),
        table(
            *("privilege", privileges),
            title="name",
            code=1023,
            ownership="none",
            states=[],
            messages=frozenset({"Retrieve", "RetrieveMultiple"}),
            privileges={},
        ),
        intersect(
            *(ROLE_PRIVILEGES, "roleid", "privilegeid"),
            code=12,
            key="roleprivilegeid",
            set_name="roleprivilegescollection",
            more=(Column("privilegedepthmask", "int"),),
        ),
        intersect(
            *(USER_ROLES, "systemuserid", "roleid"),
            code=14,
            key="systemuserroleid",
            set_name="systemuserrolescollection",
        ),
    ]


def many_to_many() -> list[ManyToMany]:
    """Which roles a user has, and which privileges a role holds."""
    return [
        ManyToMany("systemuserroles_association", "systemuser", "role", USER_ROLES, "systemuserid", "roleid"),
        ManyToMany("roleprivileges_association", "role", "privilege", ROLE_PRIVILEGES, "roleid", "privilegeid"),
    ]
