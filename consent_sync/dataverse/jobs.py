"""The system jobs behind webhook steps: deliveries that failed for good, and those that are still on their way.

Source: Microsoft's pages "Register a WebHook" (failed jobs by `_owningextensionid_value`) and "Asynchronous service".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import error_code, scrub
from consent_sync.dataverse.odata import all_of, any_of, eq, guid
from consent_sync.dataverse.query import Query

_FAILED, _COMPLETED = 31, 3  # statuscode, statecode
_COLUMNS = ("asyncoperationid", "createdon", "errorcode", "friendlymessage", "message", "_owningextensionid_value")


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A delivery that failed for good: which step, when, and what Dataverse says about it, without addresses."""

    id: str
    step: str
    at: datetime
    code: str
    says: str


def failed_jobs(client: DataverseClient, steps: Mapping[str, str], limit: int) -> list[FailedJob]:
    """Give the latest failed deliveries of `steps` (names by id), newest first. Raises DataverseError."""
    if not steps:
        return []
    rows = client.list_rows(
        "asyncoperations",
        select=_COLUMNS,
        filter=all_of(eq("statuscode", _FAILED), _of(steps)),
        order_by=("createdon desc",),
        top=limit,
    )
    return [
        FailedJob(
            id=row["asyncoperationid"],
            step=steps[row["_owningextensionid_value"]],
            at=datetime.fromisoformat(row["createdon"]),
            code=error_code(row["errorcode"]),
            says=scrub(str(row["friendlymessage"] or row["message"] or "").strip().partition("\n")[0]),
        )
        for row in rows
    ]


def waiting_jobs(client: DataverseClient, steps: Iterable[str]) -> int:
    """Count the deliveries of `steps` (ids) that have not ended. Raises DataverseError."""
    if not (ids := list(steps)):
        return 0
    condition = all_of(f"statecode ne {_COMPLETED}", _of(ids))
    (rows,) = client.list_many([Query("asyncoperations", select=("asyncoperationid",), filter=condition)])
    return len(rows)


def _of(steps: Iterable[str]) -> str:
    return any_of(*(eq("_owningextensionid_value", guid(step)) for step in steps))
