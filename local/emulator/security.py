"""Who may do what: users, their roles, and how deep each privilege reaches.

Read once for each user, and again after a change. One business unit: Local, Deep and Global reach the same rows; Basic
reaches those the user owns.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from . import schema, seed
from .errors import DataverseError, forbidden
from .schema.security import ROLE_PRIVILEGES, USER_ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .schema import Table
    from .store import Row, Store

ACT_ON_BEHALF = "prvActOnBehalfOfAnotherUser"
BYPASS_LOGIC = "prvBypassCustomBusinessLogic"
# What every new role holds before anybody adds to it.
_FIRST = ("prvReadSdkMessage", "prvReadSdkMessageProcessingStep", "prvReadSdkMessageProcessingStepImage")
_SOURCES = frozenset({"systemuser", "role", ROLE_PRIVILEGES, USER_ROLES})


class Depth(IntEnum):
    """How far a privilege reaches, as `roleprivileges.privilegedepthmask` stores it."""

    Basic = 1
    Local = 2
    Deep = 4
    Global = 8


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do: the depth of each privilege by its name. `roles` is their number, for messages."""

    user: str
    depths: Mapping[str, Depth] = field(default_factory=dict)
    roles: int = 0

    def within(self, other: Rights) -> Rights:
        """Give what both may do: under impersonation, what the impersonated user and the sender share."""
        shared = {name: min(depth, other.depths[name]) for name, depth in self.depths.items() if name in other.depths}
        return Rights(self.user, shared, min(self.roles, other.roles))

    def require(self, right: str, table: Table, row: Row | None = None) -> None:
        """Raise 403 without this access right on the table, or where it does not reach `row`."""
        name = table.privileges.get(right)
        if name is None:
            return
        depth = self.depths.get(name)
        if depth is None:
            raise self._denied(name, table)
        if row is not None and depth is Depth.Basic and row.get("owninguser") not in {None, self.user}:
            raise forbidden(
                f"SecLib::AccessCheckEx failed. Returned hr = -2147187962, ObjectID: {row[table.id]}, "
                f"OwnerId: {row['owninguser']}, OwnerIdType: 8 and CallingUser: {self.user}. "
                f"ObjectTypeCode: {table.code}, objectBusinessUnitId: {seed.BUSINESS_UNIT}, AccessRights: {right}Access"
            )

    def require_everywhere(self, right: str, table: Table) -> None:
        """Raise 403 unless this access right reaches the whole organization."""
        name = table.privileges.get(right)
        if name is not None and self.depths.get(name) is not Depth.Global:
            raise self._denied(name, table)

    def require_privilege(self, name: str) -> None:
        """Raise 403 without a privilege that belongs to no table."""
        if name not in self.depths:
            raise forbidden(
                f"SecLib::CheckPrivilege failed. User: {self.user}, PrivilegeName: {name}, "
                f"PrivilegeId: {seed.privilege_id(name)}, Required Depth: Basic, BusinessUnitId: {seed.BUSINESS_UNIT}, "
                f"MetadataCache Privileges Count: {len(seed.PRIVILEGES)}, User Privileges Count: {len(self.depths)}"
            )

    def owned_only(self, table: Table) -> bool:
        """Whether the user reads only their own rows of a table (which `require` let them read)."""
        return self.depths.get(table.privileges.get("Read", "")) is Depth.Basic

    def _denied(self, name: str, table: Table) -> DataverseError:
        if not self.roles:
            return forbidden(
                f"RetrievePrivilegeForUser: The user with id {self.user} has not been assigned any roles. "
                f"They need a role with the {name} privilege."
            )
        return forbidden(
            f"Principal user (Id={self.user}, type=8, roleCount={self.roles}, privilegeCount={len(self.depths)}, "
            f"accessMode='0 Read-Write', MetadataCachePrivilegesCount={len(seed.PRIVILEGES)}, "
            f"businessUnitId={seed.BUSINESS_UNIT}), is missing {name} privilege (Id={seed.privilege_id(name)}) on "
            f"OTC={table.code} for entity '{table.name}' (LocalizedName='{table.name}'). context.Caller={self.user}. "
            "Consider adding missed privilege to one of the principal (user/team) roles."
        )


class Security:
    """Knows users and their rights. All but `user_of` want the store's lock to be held."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rights: dict[str, Rights] = {}
        self._users: dict[str, str] = {}

    def forget(self, table: str) -> None:
        """Note a write to `table`: a change of users or roles counts from now on."""
        if table in _SOURCES:
            self.forget_all()

    def forget_all(self) -> None:
        """Read everything again: a transaction was undone."""
        self._rights.clear()
        self._users.clear()

    def user_of(self, token: str) -> str:
        """The id of the user a token stands for: by domain name or application id, else the application user.

        Raises 403 if that user does not exist or is disabled.
        """
        known = self._users.get(token)
        if known is None:
            with self._store.lock:
                known = self._users[token] = self._find(token)
        return known

    def _find(self, token: str) -> str:
        users = schema.BY_NAME["systemuser"]
        found = self._store.find(users, domainname=token) or self._store.find(users, applicationid=token.lower())
        row = found[0] if found else self._store.get(users, seed.APP_USER)
        if row is None:
            raise DataverseError(403, "0x80072560", "The user is not a member of the organization.")
        if row["isdisabled"]:
            raise DataverseError(
                403,
                "0x80040225",
                f"The specified user(Id = {row['systemuserid']}) is disabled. Consider enabling this user.",
            )
        return str(row["systemuserid"])

    def rights(self, user: str) -> Rights:
        """What a user may do: all that the user's roles hold, each as deep as the most generous one says."""
        if user not in self._rights:
            sql = (
                'SELECT p.name, max(r.privilegedepthmask) FROM "systemuserroles" u'
                ' JOIN "roleprivileges" r ON r.roleid = u.roleid JOIN "privilege" p ON p.privilegeid = r.privilegeid'
                " WHERE u.systemuserid = ? GROUP BY p.name"
            )
            depths = {name: Depth(mask) for name, mask in self._store.select(sql, [user])}
            roles = len(self._store.find(schema.BY_NAME[USER_ROLES], systemuserid=user))
            self._rights[user] = Rights(user, depths, roles)
        return self._rights[user]

    def privileges_of(self, role_id: str) -> dict[str, Depth]:
        """The privileges of a role, by id."""
        found = self._store.find(schema.BY_NAME[ROLE_PRIVILEGES], roleid=role_id)
        return {row["privilegeid"]: Depth(row["privilegedepthmask"]) for row in found}

    def start_role(self, role_id: str) -> None:
        """Give a new role what every role holds."""
        self.put_privileges(role_id, {seed.privilege_id(name): Depth.Global for name in _FIRST})

    def put_privileges(self, role_id: str, wanted: Mapping[str, Depth]) -> None:
        """Make `wanted`, by id, all the privileges of a role."""
        table = schema.BY_NAME[ROLE_PRIVILEGES]
        for row in self._store.find(table, roleid=role_id):
            self._store.delete(table, row[table.id])
        for privilege_id, depth in wanted.items():
            ids = {"roleprivilegeid": str(uuid.uuid4()), "roleid": role_id, "privilegeid": privilege_id}
            self._store.insert(table, {**ids, "privilegedepthmask": int(depth)})
        self.forget_all()
