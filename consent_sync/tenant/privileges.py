"""What the service's user in Dataverse must be allowed to do, and why: no more and no less.

The security role in `infra/dataverse/` grants exactly this, and a test compares the two. Everything is granted for the
whole organization, since a person's opt-out counts whoever owns the record.

Sources: Microsoft's pages "AddMemberList message privileges", "RemoveMemberList message privileges",
"SdkMessageFilter entity privileges" (it has none) and "How access to a record is determined" (a lookup needs Append on
the row that holds it and Append To on the row it points at; an owner other than oneself needs Assign). Dataverse adds
some harmless rights to read to every new role by itself; they are not listed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from consent_sync.consent.landscape import Mode

from . import tables


class Right(StrEnum):
    """The rights on a table that occur here, by the word that stands in the name of the privilege."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    APPEND = "Append"
    APPEND_TO = "AppendTo"
    ASSIGN = "Assign"
    DELETE = "Delete"


_SCHEMA_NAMES = {
    "contact": "Contact",
    "lead": "Lead",
    "list": "List",
    "entity": "Entity",
    "attribute": "Attribute",
    "serviceendpoint": "ServiceEndpoint",
    "sdkmessage": "SdkMessage",
    "sdkmessageprocessingstep": "SdkMessageProcessingStep",
    "sdkmessageprocessingstepimage": "SdkMessageProcessingStepImage",
    "asyncoperation": "AsyncOperation",
}


@dataclass(frozen=True, slots=True)
class Privilege:
    """A right on a table, the reason for it, and the lowest step of the ladder that needs it."""

    right: Right
    table: str
    why: str
    needed_from: Mode = Mode.OBSERVE

    @property
    def name(self) -> str:
        """The name that Dataverse gives it, such as ``prvReadContact``; upper and lower case do not matter there."""
        return f"prv{self.right}{_SCHEMA_NAMES.get(self.table, self.table)}"


def _writing(right: Right, table: str, why: str) -> Privilege:
    return Privilege(right, table, why, Mode.RESTRICT)


SERVICE = (
    Privilege(Right.READ, "contact", "its addresses and flags"),
    Privilege(Right.READ, "lead", "its addresses and flags"),
    Privilege(Right.READ, "list", "the lists that the mapping names, and who is on them"),
    Privilege(Right.READ, tables.ROW_TABLE, "the consent of each address"),
    Privilege(Right.READ, "msdynmkt_purpose", "type, enforcement and owner of each purpose"),
    Privilege(Right.READ, "msdynmkt_topic", "the purpose of each topic"),
    Privilege(Right.READ, "msdynmkt_compliancesettings4", "the purposes of each brand's compliance profile"),
    Privilege(Right.READ, "entity", "which tables this environment has"),
    Privilege(Right.READ, "attribute", "which of the mapped columns this environment has"),
    Privilege(Right.READ, "serviceendpoint", "whether the webhook is registered as it should be"),
    Privilege(Right.READ, "sdkmessage", "whether the webhook is registered as it should be"),
    Privilege(Right.READ, "sdkmessageprocessingstep", "whether the webhook is registered as it should be"),
    Privilege(Right.READ, "sdkmessageprocessingstepimage", "whether the webhook is registered as it should be"),
    Privilege(Right.READ, "asyncoperation", "which events Dataverse could not deliver"),
    _writing(Right.WRITE, "contact", "setting a flag"),
    _writing(Right.WRITE, "lead", "setting a flag"),
    _writing(Right.WRITE, tables.ROW_TABLE, "opting a consent row out, or in with proof"),
    _writing(Right.CREATE, tables.ROW_TABLE, "an opt-out of an address that has no consent row yet"),
    _writing(Right.ASSIGN, tables.ROW_TABLE, "a new row belongs to the owner of its purpose"),
    _writing(Right.APPEND, tables.ROW_TABLE, "a new row points at its purpose and topic"),
    _writing(Right.APPEND_TO, "msdynmkt_purpose", "a new row points at its purpose"),
    _writing(Right.APPEND_TO, "msdynmkt_topic", "a new row points at its topic"),
    _writing(Right.APPEND, "contact", "putting a contact on an opt-out list"),
    _writing(Right.APPEND, "lead", "putting a lead on an opt-out list"),
    _writing(Right.APPEND_TO, "list", "putting somebody on a list, or taking somebody off it"),
    _writing(Right.WRITE, "list", "the same: Microsoft's pages leave open which of the two is asked for"),
)
"""The service's own user: it creates nothing but consent rows, and deletes nothing but memberships of lists."""

_WEBHOOK_TABLES = ("serviceendpoint", "sdkmessageprocessingstep", "sdkmessageprocessingstepimage")
REGISTRATION = (
    *(privilege for privilege in SERVICE if privilege.table.startswith(("serviceendpoint", "sdkmessage"))),
    *(
        Privilege(right, table, why)
        for right, why in (
            (Right.CREATE, "registering the webhook"),
            (Right.WRITE, "mending the registration, and changing its key"),
            (Right.DELETE, "taking the webhook away"),
        )
        for table in _WEBHOOK_TABLES
    ),
)
"""Whoever registers the webhook: an administrator, once. System Administrator and System Customizer have all of it."""
