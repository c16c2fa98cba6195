"""Reading the audit log of consent rows: when somebody else changed what a row says, to the second.

A lost event loses the time of an opt-in, and a row does not keep it. The log does, where an administrator turned
auditing on and lets the application user read it (privilege prvReadAuditSummary).

Source: Microsoft's page "Retrieve the history of audited data changes" for the table. That `changedata` holds JSON with
old and new values as text is seen in use, not documented: what does not look like that dates nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from consent_sync.consent.model import Act, Kind, Observation, Reading
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.odata import all_of, eq, guid, literal
from consent_sync.dataverse.query import Query

from . import tables
from .observe import at_time

_UPDATE = 2  # audit.operation
_COLUMNS = ("createdon", "changedata", "_userid_value")


def acts_behind(client: DataverseClient, user_id: str, changed: Sequence[tuple[Observation, datetime]]) -> list[Act]:
    """Read what the log tells of these locations since these times, in one batch; our own user's changes are no acts.

    Raises DataverseError, PrivilegeMissing where we may not read the log.
    """
    rows = [(o, o.location.row_id, since) for o, since in changed if o.location.kind is Kind.ROW and o.location.row_id]
    if not rows:
        return []
    logs = client.list_many([_query(row_id, since) for _, row_id, since in rows])
    return [act for (o, *_), log in zip(rows, logs, strict=True) for act in _acts(o, log, user_id)]


def _query(row_id: str, since: datetime) -> Query:
    condition = all_of(eq("_objectid_value", guid(row_id)), eq("operation", _UPDATE), f"createdon ge {literal(since)}")
    return Query("audits", select=_COLUMNS, filter=condition, order_by=("createdon desc",))


def _acts(o: Observation, log: Iterable[Mapping[str, Any]], user_id: str) -> Iterator[Act]:
    """Go back from what the row says now: each change of what it says, or of where that comes from, is an act."""
    says = o.reading
    for entry in log:
        values = _changed(entry["changedata"])
        before, after = values.get(tables.CONSENT_VALUE, (None, None))
        says = _reading(after) or says
        told = tables.CONSENT_VALUE in values or tables.CONSENT_SOURCE in values
        if told and says is not Reading.SILENT and entry["_userid_value"] != user_id:
            yield Act(o.location, says, at_time(entry["createdon"]))
        says = _reading(before) or says


def _changed(text: str | None) -> dict[str, tuple[object, object]]:
    """Give old and new value of each column; nothing for a text in any other form."""
    try:
        found = json.loads(text or "{}")["changedAttributes"]
        return {change["logicalName"]: (change["oldValue"], change["newValue"]) for change in found}
    except (KeyError, TypeError, ValueError):
        return {}


def _reading(value: object) -> Reading | None:
    return tables.READINGS.get(int(value)) if isinstance(value, str) and value.isdecimal() else None
