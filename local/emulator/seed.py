"""What every organization holds before anybody writes: itself, its users, messages and message filters."""

from __future__ import annotations

import functools
import uuid
from typing import TYPE_CHECKING, Any

from . import schema
from .schema.security import ACCESS_RIGHTS, ROLE_PRIVILEGES, USER_ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMESPACE = uuid.UUID("5f0bd6a6-9d3c-4a43-9f1c-0a4f6a0c5d11")
# Two message ids are the same in every organization (dataverse.md 1.2).
_KNOWN_MESSAGES = {
    "Create": "9ebdbb1b-ea3e-db11-86a7-000a3a5473e8",
    "Update": "20bebb1b-ea3e-db11-86a7-000a3a5473e8",
}


@functools.cache
def fixed_id(name: str) -> str:
    """A guid that is the same for the same name in every run."""
    return str(uuid.uuid5(_NAMESPACE, name))


ORGANIZATION = fixed_id("organization")
ORGANIZATION_NAME = "emulator"
BUSINESS_UNIT = fixed_id("businessunit")
ADMIN_USER = fixed_id("systemuser admin")
APP_USER = fixed_id("systemuser app")
STAFF_USER = fixed_id("systemuser staff")
ADMIN_ROLE = fixed_id("role admin")
APP_ROLE = fixed_id("role app")
STAFF_ROLE = fixed_id("role staff")
_BY_DEPTH = frozenset({"systemuser", "businessunit", "role"})  # not owned by users, and yet limited to business units

# Privileges that belong to no table: those every role here holds, and those that have to be given.
COMMON = (
    *("prvMerge", "prvBulkDelete", "prvReadEntity", "prvReadAttribute", "prvReadRelationship", "prvReadOptionSet"),
    "prvWriteEntity",
)
SPECIAL = ("prvActOnBehalfOfAnotherUser", "prvBypassCustomBusinessLogic", "prvBypassCustomPlugins")
_GLOBAL = 8


def _privileges() -> dict[str, dict[str, Any]]:
    """Every privilege by name: its right, and whether it can be limited to less than the organization."""
    found: dict[str, dict[str, Any]] = {}
    for table in schema.BY_NAME.values():
        narrow = table.ownership == "user" or table.name in _BY_DEPTH
        for name in table.privileges.values():
            right = next(right for right in ("AppendTo", *ACCESS_RIGHTS) if name.startswith(f"prv{right}"))
            found[name] = {"accessright": ACCESS_RIGHTS[right], "narrow": narrow}
    return found | {name: {"accessright": 0, "narrow": False} for name in (*COMMON, *SPECIAL)}


PRIVILEGES = _privileges()
ORDINARY = tuple(name for name in PRIVILEGES if name not in SPECIAL)


def privilege_id(name: str) -> str:
    """The privilegeid of a privilege."""
    return fixed_id(f"privilege {name}")


def _security() -> Iterator[tuple[str, dict[str, Any]]]:
    """Privileges, three roles, and who has them."""
    for name, about in PRIVILEGES.items():
        depths = {f"canbe{depth}": about["narrow"] for depth in ("basic", "local", "deep")}
        row = {"privilegeid": privilege_id(name), "name": name, "accessright": about["accessright"]}
        yield "privilege", {**row, **depths, "canbeglobal": True}
    for role, name, user, held in (
        (ADMIN_ROLE, "System Administrator", ADMIN_USER, tuple(PRIVILEGES)),
        (APP_ROLE, "Application", APP_USER, (*ORDINARY, SPECIAL[0])),
        (STAFF_ROLE, "Staff", STAFF_USER, ORDINARY),
    ):
        yield "role", {"roleid": role, "name": name, "_businessunitid_value": BUSINESS_UNIT}
        yield USER_ROLES, {"systemuserid": user, "roleid": role}
        for privilege in held:
            ids = {"roleid": role, "privilegeid": privilege_id(privilege)}
            yield ROLE_PRIVILEGES, {**ids, "privilegedepthmask": _GLOBAL}


def message_id(name: str) -> str:
    """The sdkmessageid of a message."""
    return _KNOWN_MESSAGES.get(name) or fixed_id(f"sdkmessage {name}")


def rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """System rows, in the form `Store.load` takes."""
    yield "organization", {"organizationid": ORGANIZATION, "name": ORGANIZATION_NAME}
    yield "businessunit", {"businessunitid": BUSINESS_UNIT, "name": ORGANIZATION_NAME}
    for user, name, domain_name in (
        (ADMIN_USER, "System Administrator", "admin@emulator.example"),
        (APP_USER, "Application User", "app@emulator.example"),
        (STAFF_USER, "Staff Member", "staff@emulator.example"),
    ):
        yield (
            "systemuser",
            {
                "systemuserid": user,
                "fullname": name,
                "domainname": domain_name,
                "applicationid": fixed_id("application") if user == APP_USER else None,
                "azureactivedirectoryobjectid": fixed_id(f"object {user}"),
                "_businessunitid_value": BUSINESS_UNIT,
            },
        )
    yield from _security()
    tables = schema.BY_NAME.values()
    for name in sorted({message for table in tables for message in table.messages | table.events}):
        yield "sdkmessage", {"sdkmessageid": message_id(name), "name": name}
    for table in tables:
        for name in sorted(table.messages | table.events):
            yield (
                "sdkmessagefilter",
                {
                    "sdkmessagefilterid": fixed_id(f"sdkmessagefilter {name} {table.name}"),
                    "primaryobjecttypecode": table.name,
                    "iscustomprocessingstepallowed": name in table.events,
                    "_sdkmessageid_value": message_id(name),
                },
            )
