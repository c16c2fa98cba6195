"""What an environment has that a mapping could name: profiles, purposes, topics, lists, and what members say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from consent_sync.consent.model import Channel, ContactPoint, Reading
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.metadata import Metadata
from consent_sync.dataverse.odata import all_of, eq, guid, is_in
from consent_sync.dataverse.query import Query
from consent_sync.mapping.facts import Facts
from consent_sync.tenant import tables
from consent_sync.tenant.facts import read_all_facts

SAMPLE = 500
"""Members of each list that are looked at."""
_CHUNK = 250
_ADDRESS = "emailaddress1"


@dataclass(frozen=True, slots=True)
class Says:
    """How many of a list's sampled members opted in to something, and how many opted out of it, by their rows."""

    opted_in: int = 0
    opted_out: int = 0

    @property
    def spoke(self) -> int:
        """How many of them have a row that says either."""
        return self.opted_in + self.opted_out


@dataclass(frozen=True, slots=True)
class Found:
    """Everything found. `subscriptions` are the lists that were made for subscribing, where the environment knows that.

    `says` tells for each list what its members' rows say, by the id of the topic or purpose; `sampled` how many of them
    were looked at.
    """

    facts: Facts
    subscriptions: frozenset[str] = frozenset()
    says: Mapping[str, Mapping[str, Says]] = field(default_factory=dict)
    sampled: Mapping[str, int] = field(default_factory=dict)


def look(client: DataverseClient, worth_asking: Callable[[Facts], Sequence[str]]) -> Found:
    """Read all of it, and a sample of the members of those lists that are `worth_asking`. Raises DataverseError."""
    facts = read_all_facts(client)
    lists = worth_asking(facts)
    addresses = _addresses(client, facts, lists)
    spoken = _spoken(client, {address for of_list in addresses.values() for address in of_list})
    return Found(
        facts,
        _subscriptions(client),
        {id_: _tally(addresses[id_], spoken) for id_ in lists},
        {id_: len(addresses[id_]) for id_ in lists},
    )


def _subscriptions(client: DataverseClient) -> frozenset[str]:
    """Give the lists marked as subscription lists: a column that only outbound marketing brought along."""
    table = Metadata(client).table("list")
    if table is None or "msdyncrm_issubscription" not in table.columns:
        return frozenset()
    rows = client.list_rows("lists", select=("listid",), filter=eq("msdyncrm_issubscription", value=True))
    return frozenset(row["listid"] for row in rows)


def _addresses(client: DataverseClient, facts: Facts, lists: Sequence[str]) -> dict[str, set[str]]:
    """Give the addresses of a sample of each list's members, trimmed and in lower case."""
    columns = ("_entityid_value",)
    of_list = client.list_many(
        [Query("listmembers", select=columns, filter=eq("_listid_value", guid(id_)), top=SAMPLE) for id_ in lists]
    )
    members = {id_: [row["_entityid_value"] for row in rows] for id_, rows in zip(lists, of_list, strict=True)}
    address_of: dict[str, str] = {}
    for table, entity_set in tables.RECORD_SETS.items():
        ids = sorted({m for id_ in lists if facts.lists[id_].table == table for m in members[id_]})
        key = tables.RECORD_KEYS[table]
        for row in _chunked(client, entity_set, (key, _ADDRESS), key, ids):
            if point := ContactPoint.of(Channel.EMAIL, row[_ADDRESS]):
                address_of[row[key]] = point.value
    return {id_: {address_of[m] for m in of if m in address_of} for id_, of in members.items()}


def _spoken(client: DataverseClient, addresses: Iterable[str]) -> dict[str, dict[str, Reading]]:
    """Give what the consent rows of each address say, by the id of their topic or else their purpose."""
    columns = (tables.POINT_VALUE, tables.CONSENT_VALUE, tables.PURPOSE_ID, tables.TOPIC_ID)
    email = eq(tables.POINT_TYPE, tables.CHANNELS[Channel.EMAIL])
    spoken: dict[str, dict[str, Reading]] = defaultdict(dict)
    for row in _chunked(client, tables.ROW_SET, columns, tables.POINT_VALUE, sorted(addresses), email):
        point = ContactPoint.of(Channel.EMAIL, row[tables.POINT_VALUE])
        about = row[tables.TOPIC_ID] or row[tables.PURPOSE_ID]
        reading = tables.READINGS.get(row[tables.CONSENT_VALUE], Reading.SILENT)
        if point and about and reading is not Reading.SILENT and spoken[point.value].get(about) is not Reading.OUT:
            spoken[point.value][about] = reading
    return spoken


def _chunked(  # noqa: PLR0913  - the parts of a query
    client: DataverseClient,
    entity_set: str,
    columns: tuple[str, ...],
    by: str,
    values: Sequence[str],
    condition: str | None = None,
) -> Iterable[dict[str, Any]]:
    """Read the rows that have one of many values in a column."""
    queries = [
        Query(entity_set, select=columns, filter=all_of(is_in(by, chunk), *([condition] if condition else [])))
        for chunk in batched(values, _CHUNK, strict=False)
    ]
    for rows in client.list_many(queries):
        yield from rows


def _tally(addresses: set[str], spoken: Mapping[str, Mapping[str, Reading]]) -> dict[str, Says]:
    counts: dict[str, Counter[Reading]] = defaultdict(Counter)
    for address in addresses:
        for about, reading in spoken.get(address, {}).items():
            counts[about][reading] += 1
    return {about: Says(count[Reading.IN], count[Reading.OUT]) for about, count in counts.items()}
