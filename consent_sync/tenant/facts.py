"""Reading the facts that the mapping needs: profiles with their purposes, topics, lists, and which columns exist."""

from __future__ import annotations

from typing import Any

from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.odata import all_of, any_of, eq, is_in
from consent_sync.dataverse.query import Query
from consent_sync.mapping.facts import Enforcement, Facts, ListFacts, ProfileFacts, PurposeFacts, TopicFacts
from consent_sync.mapping.schema import MappingFile

from . import tables

_PURPOSE_COLUMNS = (
    "msdynmkt_purposeid",
    "msdynmkt_name",
    "msdynmkt_type",
    "msdynmkt_enforcementmodel",
    "_ownerid_value",
    "_owningbusinessunit_value",
)
_PROFILE_COLUMNS = (
    "msdynmkt_compliancesettings4id",
    "msdynmkt_name",
    "msdynmkt_doistatus",
    "_msdynmkt_trackingconsentpurpose_value",
)
_TRACKED = "ChangeTrackingEnabled eq true"
_FEEDS = tuple(eq("LogicalName", table) for table in tables.FEEDS)
_OWNER_TABLE = "@Microsoft.Dynamics.CRM.lookuplogicalname"


def read_facts(client: DataverseClient, mapping: MappingFile) -> Facts:
    """Read what `mapping` needs to know, in two round trips. Raises DataverseError."""
    lists = sorted({str(id_) for brand in mapping.brands.values() for id_ in brand.opt_out_lists}
                   | {str(pair.list) for brand in mapping.brands.values() for pair in brand.topics})  # fmt: skip
    return _read(client, is_in("listid", lists) if lists else None)


def read_all_facts(client: DataverseClient) -> Facts:
    """Read what any mapping could name, every list included. Raises DataverseError."""
    return _read(client, "listid ne null")


def _read(client: DataverseClient, lists: str | None) -> Facts:
    """Read the facts, and the lists that the filter `lists` finds."""
    queries = [
        Query(
            "msdynmkt_compliancesettings4s",
            select=_PROFILE_COLUMNS,
            expand=f"{tables.PROFILE_PURPOSES}($select=msdynmkt_purposeid)",
        ),
        Query("msdynmkt_purposes", select=_PURPOSE_COLUMNS, annotations="Microsoft.Dynamics.CRM.lookuplogicalname"),
        Query("msdynmkt_topics", select=("msdynmkt_topicid", "msdynmkt_name", "_msdynmkt_purposeid_value")),
        *(_columns_query(table) for table in tables.RECORD_SETS),
        Query("EntityDefinitions", select=("LogicalName",), filter=all_of(_TRACKED, any_of(*_FEEDS))),
    ]
    if lists:
        columns = ("listid", "listname", "createdfromcode", "type", "lockstatus", "statecode")
        queries.append(Query("lists", select=columns, filter=lists))
    profiles, purposes, topics, contact, lead, tracked, *rest = client.list_many(queries)
    return Facts(
        profiles={row["msdynmkt_compliancesettings4id"]: _profile(row) for row in profiles},
        purposes={row["msdynmkt_purposeid"]: _purpose(row) for row in purposes},
        topics={row["msdynmkt_topicid"]: _topic(row) for row in topics},
        lists={row["listid"]: _list(row) for rows in rest for row in rows},
        columns={
            "contact": _types(contact),
            "lead": _types(lead),
        },
        tracked=frozenset(row["LogicalName"] for row in tracked),
    )


def _columns_query(table: str) -> Query:
    return Query(f"EntityDefinitions(LogicalName='{table}')/Attributes", select=("LogicalName", "AttributeType"))


def _types(columns: list[dict[str, Any]]) -> dict[str, str]:
    return {row["LogicalName"]: row["AttributeType"] for row in columns}


def _profile(row: dict[str, Any]) -> ProfileFacts:
    """Read a profile with its linked purposes; the tracking one hangs on a lookup of its own."""
    linked = [purpose["msdynmkt_purposeid"] for purpose in row[tables.PROFILE_PURPOSES]]
    tracking = row["_msdynmkt_trackingconsentpurpose_value"]
    return ProfileFacts(
        row["msdynmkt_compliancesettings4id"],
        row["msdynmkt_name"],
        tuple(sorted({*linked, *([tracking] if tracking else [])})),
        row["msdynmkt_doistatus"] in tables.DOUBLE_OPT_IN,
    )


def _purpose(row: dict[str, Any]) -> PurposeFacts:
    owner_set = {"systemuser": "systemusers", "team": "teams"}.get(row.get(f"_ownerid_value{_OWNER_TABLE}", ""))
    return PurposeFacts(
        row["msdynmkt_purposeid"],
        row["msdynmkt_name"],
        tables.PURPOSE_TYPES[row["msdynmkt_type"]],
        tables.ENFORCEMENTS.get(row["msdynmkt_enforcementmodel"], Enforcement.RESTRICTIVE),
        f"/{owner_set}({row['_ownerid_value']})" if owner_set else None,
        row["_owningbusinessunit_value"],
    )


def _topic(row: dict[str, Any]) -> TopicFacts:
    return TopicFacts(row["msdynmkt_topicid"], row["msdynmkt_name"], row["_msdynmkt_purposeid_value"] or "")


def _list(row: dict[str, Any]) -> ListFacts:
    writable = row["type"] is False and not row["lockstatus"] and row["statecode"] == 0
    table = tables.MEMBER_TABLES.get(row["createdfromcode"], "unknown")
    return ListFacts(row["listid"], row["listname"], table, writable)
