"""Small companies made at random, each with a few spellings of its own addresses, many of them in one organization.

Contradictions never cross the companies, since no two of them share a spelling that anything could take for the same.
"""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from consent_sync.consent.model import Channel, Reading
from consent_sync.tenant import tables
from local.company import CONTOSO, FABRIKAM
from local.company.brands import setup_rows

type Row = tuple[str, dict[str, Any]]

OLD, NEW = "2020-05-05T12:00:00Z", "2030-05-05T12:00:00Z"
PURPOSES = (CONTOSO.commercial, CONTOSO.transactional, CONTOSO.tracking, FABRIKAM.commercial, FABRIKAM.tracking)
TOPICS = {t.topic: b.commercial for b in (CONTOSO, FABRIKAM) for t in b.subscriptions}
LISTS = (*(t.list for b in (CONTOSO, FABRIKAM) for t in b.subscriptions), CONTOSO.opt_out_list)
UNIT = "b0000000-0000-4000-8000-000000000001"

SPELLINGS: tuple[Callable[[int], tuple[str, ...]], ...] = (
    lambda n: (f"ann{n}@x.example", f"Ann{n}@X.Example", f"ANN{n}@x.example  ", f"bob{n}@x.example"),
    lambda n: (f"straße{n}@x.example", f"strasse{n}@x.example", f"STRASSE{n}@x.example"),
    lambda n: (f"andré{n}@x.example", f"andre{n}@x.example", f"ANDRÉ{n}@x.example "),
    lambda n: (f"zoë{n}@x.example", unicodedata.normalize("NFD", f"zoë{n}@x.example"), f"zoe{n}@x.example"),
    lambda n: (f" ann{n}@x.example", f"ann{n}@x.example", f"\u00a0ann{n}@x.example"),
    lambda n: (f"İris{n}@x.example", f"iris{n}@x.example", f"\u0131ris{n}@x.example", f"IRIS{n}@x.example"),
    lambda n: (f"info{n}@bücher.example", f"info{n}@bucher.example", f"\u212aim{n}@x.example", f"kim{n}@x.example"),
    lambda n: (f"σοφος{n}@x.example", f"ΣΟΦΟΣ{n}@x.example", f"\ufb01n{n}@x.example", f"fin{n}@x.example"),
)
"""Case, trailing spaces, ß, accents, decomposed accents, leading spaces, the Turkish i, letters that fold to others."""
PLAIN = SPELLINGS[:1]


def organization(companies: int, seed: int, spellings: tuple[Callable[[int], tuple[str, ...]], ...]) -> Iterator[Row]:
    """Give the rows of so many companies, and what an administrator set up for all of them."""
    yield from setup_rows()
    chance = random.Random(seed)  # noqa: S311  - sample data
    for number in range(companies):
        yield from _company(chance, chance.choice(spellings)(number))


def _company(chance: random.Random, addresses: tuple[str, ...]) -> Iterator[Row]:
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        yield from _record(chance, addresses)
    for _ in range(chance.choice((0, 1, 2, 3, 5, 8))):
        yield _consent(chance, chance.choice(addresses))


def _record(chance: random.Random, addresses: tuple[str, ...]) -> Iterator[Row]:
    table = "contact" if chance.random() < 0.75 else "lead"
    inactive, id_ = chance.random() < 0.12, _id(chance)
    row: dict[str, Any] = {
        f"{table}id": id_,
        "lastname": "Test",
        "emailaddress1": chance.choice((*addresses, *addresses, None, "n/a")),
        "emailaddress2": chance.choice((*addresses, None, None, None)) if table == "contact" else None,
        "donotbulkemail": chance.random() < 0.3,
        "donotemail": chance.random() < 0.12,
        "statecode": int(inactive),
        "statuscode": (2 if table == "contact" else 3) if inactive else 1,
        "createdon": OLD,
        "modifiedon": OLD,
    }
    if table == "lead":
        yield table, row | {"subject": "Test"}
        return
    yield table, row | {"msgdpr_donottrack": chance.random() < 0.15}
    for list_id in LISTS:
        if chance.random() < 0.25:
            joined = chance.choice((OLD, NEW))
            member = {"listmemberid": _id(chance), "_listid_value": list_id, "_entityid_value": id_, "entitytype": 2}
            yield "listmember", member | {"createdon": joined, "modifiedon": joined}


def _consent(chance: random.Random, address: str) -> Row:
    topic = chance.choice(tuple(TOPICS)) if chance.random() < 0.35 else None
    purpose = TOPICS[topic] if topic else chance.choice(PURPOSES)
    changed, elsewhere = chance.choice((OLD, NEW)), chance.random() < 0.1
    return tables.ROW_TABLE, {
        tables.ROW_KEY: _id(chance),
        tables.POINT_VALUE: address,
        tables.POINT_TYPE: tables.CHANNELS[Channel.EMAIL if chance.random() < 0.97 else Channel.TEXT],
        tables.CONSENT_TYPE: chance.choice((tables.OF_TOPIC if topic else tables.OF_PURPOSE,) * 5 + (None,)),
        tables.CONSENT_VALUE: chance.choice(tuple(tables.VALUES.values()) + (tables.VALUES[Reading.OUT],) * 2),
        tables.PURPOSE_ID: purpose,
        tables.TOPIC_ID: topic,
        tables.CONSENT_SOURCE: chance.choice(tuple(tables.SOURCES)),
        tables.CONSENT_CAUSE: tables.NO_CAUSE,
        "statecode": int(chance.random() < 0.05),
        "createdon": OLD,
        "modifiedon": changed,
        **({"_owningbusinessunit_value": UNIT} if elsewhere else {}),
    }


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
