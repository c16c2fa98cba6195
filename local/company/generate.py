"""Stream the company's rows, as an export of its Dataverse environment would."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from local.company import shares
from local.company.brands import CONTOSO, setup_rows
from local.company.chance import guid, times
from local.company.past import NOT_SET, ONE_CLICK, OPTED_IN, OPTED_OUT, Past, RowKey, past
from local.company.people import Household, household

if TYPE_CHECKING:
    from collections.abc import Iterator

    type Row = tuple[str, dict[str, Any]]

EMAIL = 534120000
PURPOSE_CONSENT, TOPIC_CONSENT = 534120000, 534120001
NO_REASON, ONE_CLICK_REASON = 534119999, 534120007
MEMBER_IS_CONTACT = 2


def generate(contacts: int, seed: int) -> Iterator[Row]:
    """Yield (table logical name, row) for a company with `contacts` records, of which about 15 % are leads.

    Rows use Web API column names, lookups as `_x_value`, times as ISO 8601 in UTC. The same arguments give the same
    rows. Set-up rows (purposes, profiles, topics, lists) come first and are the same for all arguments.
    """
    yield from setup_rows()
    rng = Random(seed)  # noqa: S311  - sample data, not a secret
    made = number = 0
    while made < contacts:
        number += 1
        home = household(rng, number, contacts - made)
        made += len(home.records)
        yield from _rows(rng, home)


def _rows(rng: Random, home: Household) -> Iterator[Row]:
    left = past(rng)
    for place, (table, record) in enumerate(home.records):
        if place == 0 or left.everybody_flagged:
            record.update(dict.fromkeys(left.flags & record.keys(), True))
        yield table, record
    yield from _memberships(rng, home, left)
    if home.address:
        for key, (value, source) in left.rows.items():
            yield from _consent(rng, home.address, key, value, source)


def _memberships(rng: Random, home: Household, left: Past) -> Iterator[Row]:
    """Everybody behind an address shares its opt-out list; of the other lists the others have some."""
    lists = sorted(left.lists)
    contacts = [record for table, record in home.records if table == "contact"]
    for place, contact in enumerate(contacts):
        for listid in lists:
            if listid == CONTOSO.opt_out_list:
                if not home.address:
                    continue
            elif place and rng.random() >= shares.MEMBER_TOO:
                continue
            created, _ = times(rng)
            yield (
                "listmember",
                {
                    "listmemberid": guid(rng),
                    "_listid_value": listid,
                    "_entityid_value": contact["contactid"],
                    "entitytype": MEMBER_IS_CONTACT,
                    "createdon": created,
                    "modifiedon": created,
                },
            )


def _consent(rng: Random, address: str, key: RowKey, value: int, source: int) -> Iterator[Row]:
    """Yield the row, and what double clicks and imports made of it."""
    yield _consent_row(rng, address, key, value, source)
    draw = rng.random()
    if draw < shares.DUPLICATE_EQUAL:
        yield _consent_row(rng, address, key, value, source)
    elif draw < shares.DUPLICATE_EQUAL + shares.DUPLICATE_DIFFERENT:
        other = rng.choice([each for each in (NOT_SET, OPTED_IN, OPTED_OUT) if each != value])
        yield _consent_row(rng, address, key, other, source)


def _consent_row(rng: Random, address: str, key: RowKey, value: int, source: int) -> Row:
    purpose, topic = key
    created, modified = times(rng)
    inactive = rng.random() < shares.INACTIVE_ROW
    one_click = value == OPTED_OUT and source == ONE_CLICK
    return "msdynmkt_contactpointconsent4", {
        "msdynmkt_contactpointconsent4id": guid(rng),
        "msdynmkt_contactpointvalue": address.title() if rng.random() < shares.ROW_MIXED_CASE else address,
        "msdynmkt_contactpointtype": EMAIL,
        "msdynmkt_contactpointconsenttype": TOPIC_CONSENT if topic else PURPOSE_CONSENT,
        "msdynmkt_value": value,
        "_msdynmkt_purposeid_value": purpose,
        "_msdynmkt_topicid_value": topic,
        "msdynmkt_source": source,
        "msdynmkt_logicalreason": ONE_CLICK_REASON if one_click else NO_REASON,
        "statecode": int(inactive),
        "statuscode": 2 if inactive else 1,
        "createdon": created,
        "modifiedon": modified,
    }
