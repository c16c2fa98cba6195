"""Security roles: what they hold, who has them.

Source: the Web API reference of `role`, `privilege`, `AddPrivilegesRole`, `ReplacePrivilegesRole` and
`RetrieveRolePrivilegesRole`, and Microsoft's page "Configure user security in an environment". Needs an administrator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from consent_sync.dataverse.batch import API_PATH, Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import NotFound, ProtocolError
from consent_sync.dataverse.odata import all_of, any_of, bind, eq, guid, key
from consent_sync.dataverse.users import EVERYWHERE

_ROLES_OF_USER = "systemuserroles_association"


def root_business_unit(client: DataverseClient) -> str:
    """Give the id of the business unit that has no parent: a role made there is there for all."""
    rows = client.list_rows(
        "businessunits", select=("businessunitid",), filter=eq("_parentbusinessunitid_value", None), top=1
    )
    found = next(iter(rows), None)
    if found is None:
        raise ProtocolError("there is no business unit without a parent", operation="GET businessunits")
    return str(found["businessunitid"])


def find_role(client: DataverseClient, name: str, business_unit: str) -> str | None:
    """Give the id of the role of this name in a business unit, None if there is none."""
    condition = all_of(eq("name", name), eq("_businessunitid_value", guid(business_unit)))
    rows = client.list_rows("roles", select=("roleid",), filter=condition, top=1)
    return next((str(row["roleid"]) for row in rows), None)


def create_role(client: DataverseClient, name: str, business_unit: str) -> str:
    """Create a role, empty but for what Dataverse adds by itself, and give its id."""
    row = {"name": name, "businessunitid@odata.bind": bind("businessunits", business_unit)}
    return client.create("roles", row, tag=False)


def privileges_in(client: DataverseClient, role: str) -> Mapping[str, str]:
    """Give the depth of each privilege that a role holds, by its name in lower case."""
    body = client.get(f"RetrieveRolePrivilegesRole(RoleId={guid(role)})")
    try:
        return {row["PrivilegeName"].lower(): str(row["Depth"]) for row in body["RolePrivileges"]}
    except (TypeError, KeyError, AttributeError):
        raise ProtocolError("the answer names no privileges", operation="GET RetrieveRolePrivilegesRole") from None


def replace_privileges(client: DataverseClient, role: str, names: Iterable[str], business_unit: str) -> None:
    """Let a role hold exactly these privileges, for the whole organization. Raises NotFound for one that is unknown."""
    wanted = {name.lower() for name in names}
    rows = client.list_rows(
        "privileges", select=("privilegeid", "name"), filter=any_of(*(eq("name", name) for name in sorted(wanted)))
    )
    ids = {str(row["name"]).lower(): str(row["privilegeid"]) for row in rows}
    if lost := sorted(wanted - ids.keys()):
        raise NotFound(f"no such privilege here: {', '.join(lost)}", operation="GET privileges")
    held = [{"PrivilegeId": id_, "Depth": EVERYWHERE, "BusinessUnitId": business_unit} for id_ in ids.values()]
    path = f"{key('roles', role)}/Microsoft.Dynamics.CRM.ReplacePrivilegesRole"
    client.execute(Operation("POST", path, {"Privileges": held}), tag=False)


def delete_role(client: DataverseClient, role: str) -> None:
    """Delete a role; whoever had it no longer does."""
    client.delete(key("roles", role), tag=False)


def roles_of(client: DataverseClient, user_id: str) -> Mapping[str, str]:
    """Give the names of a user's own roles, by their ids."""
    rows = client.list_rows(f"{key('systemusers', user_id)}/{_ROLES_OF_USER}", select=("roleid", "name"))
    return {str(row["roleid"]): str(row["name"]) for row in rows}


def give_role(client: DataverseClient, user_id: str, role: str) -> None:
    """Give a user a role."""
    there = {"@odata.id": f"{client.url}{API_PATH}{key('roles', role)}"}
    client.execute(Operation("POST", f"{key('systemusers', user_id)}/{_ROLES_OF_USER}/$ref", there), tag=False)


def take_role(client: DataverseClient, user_id: str, role: str) -> None:
    """Take a role from a user."""
    path = f"{key('systemusers', user_id)}/{_ROLES_OF_USER}({guid(role)})/$ref"
    client.execute(Operation("DELETE", path), tag=False)


def create_application_user(client: DataverseClient, application_id: str, business_unit: str) -> str:
    """Let an Entra application or managed identity in, and give the id of its user, which has no role yet."""
    row = {
        "applicationid": str(guid(application_id)),
        "businessunitid@odata.bind": bind("businessunits", business_unit),
    }
    return client.create("systemusers", row, tag=False)


def remove_application_user(client: DataverseClient, user_id: str) -> None:
    """Disable an application user and delete it: Dataverse deletes disabled ones only."""
    client.update(key("systemusers", user_id), {"isdisabled": True}, tag=False)
    client.delete(key("systemusers", user_id), tag=False)
