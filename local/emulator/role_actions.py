"""Actions and functions about roles: AddPrivilegesRole and its like, RetrieveUserPrivileges and its like.

Sources: the Web API reference of these operations; that Depth is the name of an enumeration member, and that
RemovePrivilegeRole takes either form of its parameter, is what clients in use send.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import schema, seed
from .errors import bad_request, invalid, no_row, no_segment
from .payload import guid
from .security import Depth
from .web import Response, answer, nothing

if TYPE_CHECKING:
    from .context import Context
    from .records import Records
    from .store import Row
    from .web import Request

ROLE_ACTIONS = frozenset({"AddPrivilegesRole", "ReplacePrivilegesRole", "RemovePrivilegeRole"})
USER_FUNCTIONS = frozenset(
    {"RetrieveUserPrivileges", "RetrieveUserPrivilegeByPrivilegeId", "RetrieveUserPrivilegeByPrivilegeName"}
)
_NEEDED = (("Read", "systemuser"), ("Read", "organization"), ("Read", "role"), ("Write", "role"))
_PARAMETER = re.compile(r"^\s*\w+\s*=\s*(.+?)\s*$")


def change(records: Records, context: Context, role_id: str, name: str, body: dict[str, Any]) -> Response:
    """POST on an action of a role. Raises 400 for an unknown privilege or a depth it cannot have."""
    for right, table in _NEEDED:
        context.rights.require(right, schema.BY_NAME[table])
    with records.unit(context):
        records.require(schema.BY_NAME["role"], role_id)
        present = records.security.privileges_of(role_id)
        if name == "RemovePrivilegeRole":
            given = body.get("PrivilegeId") or (body.get("Privilege") or {}).get("privilegeid")
            present.pop(_privilege(records, given)["privilegeid"], None)
            wanted = present
        else:
            named = _named(records, body.get("Privileges"))
            wanted = named if name == "ReplacePrivilegesRole" else present | named
        records.security.put_privileges(role_id, wanted)
    return nothing()


def _named(records: Records, given: Any) -> dict[str, Depth]:
    """The `Privileges` parameter as ids and depths."""
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise bad_request("'Privileges' must be a list of RolePrivilege.", "0x80048d19")
    found = {}
    for entry in given:
        row = _privilege(records, entry.get("PrivilegeId"))
        depth = entry.get("Depth")
        if not isinstance(depth, str) or depth not in Depth.__members__:
            raise bad_request(
                f"Cannot convert the literal '{depth}' to the expected type 'PrivilegeDepth'.", "0x80048d19"
            )
        if not row[f"canbe{depth.lower()}"]:
            raise invalid(f"The privilege {row['name']} cannot have the depth {depth}.")
        found[row["privilegeid"]] = Depth[depth]
    return found


def _privilege(records: Records, given: Any) -> Row:
    table = schema.BY_NAME["privilege"]
    row = records.store.get(table, guid(given))
    if row is None:
        raise no_row("privilege", str(given))
    return row


def of_user(records: Records, request: Request, context: Context, user_id: str, function: tuple[str, str]) -> Response:
    """GET of a function bound to a user; `function` is its name and the text between its parentheses."""
    table = schema.BY_NAME["systemuser"]
    context.rights.require("Read", table)
    records.require(table, user_id)
    name, text = function
    depths: dict[str, Depth] = dict(records.security.rights(user_id).depths)
    if name != "RetrieveUserPrivileges":
        wanted = _parameter(request, text)
        depths = {key: depth for key, depth in depths.items() if wanted in (key, seed.privilege_id(key))}
    return _answer(request, name, depths)


def of_role(records: Records, request: Request, context: Context, text: str) -> Response:
    """GET RetrieveRolePrivilegesRole(RoleId=...)."""
    context.rights.require("Read", schema.BY_NAME["role"])
    role_id = guid(_parameter(request, text))
    records.require(schema.BY_NAME["role"], role_id)
    table = schema.BY_NAME["privilege"]
    depths = records.security.privileges_of(role_id)
    names = {row["name"]: depths[row["privilegeid"]] for row in records.store.find(table) if row[table.id] in depths}
    return _answer(request, "RetrieveRolePrivilegesRole", names)


def _parameter(request: Request, text: str) -> str:
    """The one parameter of a function call: a literal, or the alias of a query option."""
    match = _PARAMETER.match(text)
    if not match:
        raise no_segment(f"({text})")
    value = request.query.get(match[1], "") if match[1].startswith("@") else match[1]
    return value.strip().strip("'")


def _answer(request: Request, name: str, depths: dict[str, Depth]) -> Response:
    rows = [
        {
            "Depth": depth.name,
            "PrivilegeId": seed.privilege_id(privilege),
            "BusinessUnitId": seed.BUSINESS_UNIT,
            "PrivilegeName": privilege,
            "RecordFilterId": "00000000-0000-0000-0000-000000000000",
            "RecordFilterUniqueName": "",
        }
        for privilege, depth in sorted(depths.items())
    ]
    kind = f"{request.root}$metadata#Microsoft.Dynamics.CRM.{name}Response"
    return answer({"@odata.context": kind, "RolePrivileges": rows})
