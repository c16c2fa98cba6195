"""Who may do what: the caller that App Service signed in, and the app roles that an administrator gave it.

App Service authentication puts the caller into the header `x-ms-client-principal` and takes away what a client sent
under that name, but only while it is switched on. So the header counts only where the settings say that it is;
elsewhere the function key alone lets calls in and the header is ignored. Source: Microsoft's page "Work with user
identities in Azure App Service authentication".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from pydantic import BaseModel, ValidationError

from consent_sync.errors import ConsentSyncError

PRINCIPAL, PRINCIPAL_ID = "x-ms-client-principal", "x-ms-client-principal-id"
_LONGEST = 16 * 1024
_ID_CLAIMS = (
    "oid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "appid",
    "azp",
    "sub",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
)
_NAME_CLAIMS = ("name", "preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")


class Role(IntEnum):
    """The app roles by what they may do; each may also do what the ones before it may."""

    READER = 1
    OPERATOR = 2
    APPROVER = 3


class NotSignedIn(ConsentSyncError):
    """The call names nobody who is signed in. Send a token of the app registration that protects this service."""


class NotAllowed(ConsentSyncError):
    """The caller lacks the app role for this. An administrator gives it in Entra: enterprise applications, users."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a name for the record, which ends in the id that never changes, and the highest role."""

    name: str
    role: Role


class _Claim(BaseModel):
    typ: str
    val: str


class _Principal(BaseModel):
    auth_typ: str
    role_typ: str = "roles"
    claims: list[_Claim]


def caller_of(headers: Mapping[str, str], needed: Role) -> Caller:
    """Give the caller that App Service signed in. Raises NotSignedIn, or NotAllowed where it lacks the role."""
    principal = _read(headers.get(PRINCIPAL, ""))
    ids = [claim.val for claim in principal.claims if claim.typ in _ID_CLAIMS]
    if principal.auth_typ.lower() != "aad" or not ids or headers.get(PRINCIPAL_ID, ids[0]) not in ids:
        raise NotSignedIn("the principal is not one that Microsoft Entra signed in")
    named = {claim.val.lower() for claim in principal.claims if claim.typ in {principal.role_typ, "roles"}}
    roles = [role for role in Role if role.name.lower() in named]
    if not roles or max(roles) < needed:
        raise NotAllowed(f"this needs the app role {needed.name.lower()}")
    name = next((claim.val for typ in _NAME_CLAIMS for claim in principal.claims if claim.typ == typ), "")
    return Caller(f"{name} ({ids[0]})".strip(), max(roles))


def _read(header: str) -> _Principal:
    if not header or len(header) > _LONGEST:
        raise NotSignedIn("the call has no principal")
    try:
        return _Principal.model_validate_json(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError, ValidationError):
        raise NotSignedIn("the principal cannot be read") from None
