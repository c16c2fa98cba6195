"""Users of an environment and what they may do.

Source: the Web API reference of `systemuser`, `RetrieveUserPrivileges` and `RolePrivilege`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import ProtocolError
from consent_sync.dataverse.odata import eq, guid, key

_COLUMNS = ("systemuserid", "fullname", "applicationid", "isdisabled", "_businessunitid_value")
EVERYWHERE = "Global"
"""The depth of a privilege that reaches every row of the organization."""


@dataclass(frozen=True, slots=True)
class User:
    """One user; `application_id` is the Entra application behind it, None for a person."""

    id: str
    name: str
    application_id: str | None
    enabled: bool
    business_unit: str


def user(client: DataverseClient, user_id: str) -> User:
    """Read a user. Raises DataverseError."""
    return _user(client.get(key("systemusers", user_id), {"$select": ",".join(_COLUMNS)}))


def application_user(client: DataverseClient, application_id: str) -> User | None:
    """Find the user of an Entra application or managed identity by its client id. Raises DataverseError."""
    condition = eq("applicationid", guid(application_id))
    rows = client.list_rows("systemusers", select=_COLUMNS, filter=condition, order_by=("createdon",))
    return next(map(_user, rows), None)


def privileges_of(client: DataverseClient, user_id: str) -> Mapping[str, str]:
    """Give the depth of each privilege that a user has by any of its roles, by its name in lower case."""
    path = f"{key('systemusers', user_id)}/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    body = client.get(path)
    try:
        return {row["PrivilegeName"].lower(): str(row["Depth"]) for row in body["RolePrivileges"]}
    except (TypeError, KeyError, AttributeError):
        raise ProtocolError("the answer names no privileges", operation="GET RetrieveUserPrivileges") from None


def _user(row: Mapping[str, Any]) -> User:
    return User(
        id=row["systemuserid"],
        name=row["fullname"] or "",
        application_id=row["applicationid"],
        enabled=not row["isdisabled"],
        business_unit=row["_businessunitid_value"],
    )
