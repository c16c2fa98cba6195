"""The promises, held against what stands in the tenant when all is quiet."""

from __future__ import annotations

from collections import defaultdict

from consent_sync.consent.model import Reading
from consent_sync.tenant import tables

from .fate import ViolationError
from .stage import Stage
from .truth import LIST_OF, PURPOSE_OF, PURPOSES, SCOPES, Truth


def check(stage: Stage, truth: Truth) -> None:
    """Look for anybody who opted out last and could be mailed, in either world. Raises ViolationError."""
    rows: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in stage.find(tables.ROW_TABLE):
        rows[row[tables.POINT_VALUE], row["msdynmkt_topicid"] or row["msdynmkt_purposeid"]].add(
            row[tables.CONSENT_VALUE]
        )
    closed = {place for place, values in rows.items() if values == {tables.VALUES[Reading.OUT]}}
    members = {(row["entityid"], row["listid"]) for row in stage.find("listmember")}
    flagged = {
        row[f"{table}id"]
        for table in tables.RECORD_SETS
        for row in stage.find(table)
        if row["donotbulkemail"] or row["donotemail"]
    }
    for address in sorted({p.address for p in truth.people.values() if p.address}):
        active = [person for person in truth.holders(address) if person.active]
        for scope in SCOPES:
            if not truth.stopped(address, scope):
                continue
            if not {(address, scope), (address, PURPOSE_OF.get(scope, scope))} & closed:
                raise ViolationError("no_wrong_mail", f"real-time would mail {address} about {scope}")
            for person in active:
                if person.id not in flagged and (person.id, LIST_OF.get(scope, "")) in members:
                    raise ViolationError("no_wrong_mail", f"{person.id} ({address}) is on the list of {scope}")
        for person in active:
            if person.id not in flagged and all(truth.stopped(address, purpose) for purpose in PURPOSES):
                raise ViolationError("no_wrong_mail", f"{person.id} ({address}) is out of every brand, no flag is set")
