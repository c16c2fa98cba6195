"""The audit log: pages "Auditing (Audit) table/entity reference", "Retrieve the history of audited data changes"."""

from __future__ import annotations

from .model import Column, Table, choice, choice_from, lookup, memo, moment, text

AUDITED_AT_FIRST = frozenset({"contact", "lead", "account"})
"""The tables whose auditing is on in a new environment; it has to be on for the environment, too."""

CREATE, UPDATE, DELETE = 1, 2, 3
ACTIVATE, DEACTIVATE = 4, 5
_OPERATIONS = ("Create", "Update", "Delete", "Access")
_ACTIONS = {CREATE: "Create", UPDATE: "Update", DELETE: "Delete", ACTIVATE: "Activate", DEACTIVATE: "Deactivate"}


def tables(audited: list[Table]) -> list[Table]:
    """The table of the log, whose rows may be about rows of `audited`."""
    targets = {table.name: f"objectid_{table.name}" for table in audited}
    columns = [
        Column("auditid", "guid"),
        choice_from("operation", 1, *_OPERATIONS),
        choice("action", _ACTIONS),
        moment("createdon"),
        lookup("objectid", targets, on_delete="none", indexed=True, navigable=False),
        text("objecttypecode", 64),
        lookup("userid", "systemuser", collection="lk_audit_userid", on_delete="none"),
        lookup("callinguserid", "systemuser", collection="lk_audit_callinguserid", on_delete="none"),
        memo("changedata", 1_048_576),
        Column("versionnumber", "bigint"),
    ]
    return [
        Table(
            name="audit",
            set_name="audits",
            id="auditid",
            title=None,
            code=4567,
            columns={column.name: column for column in columns},
            messages=frozenset({"Retrieve", "RetrieveMultiple"}),
            ownership="none",
            privileges={"Read": "prvReadAuditSummary"},
        )
    ]
