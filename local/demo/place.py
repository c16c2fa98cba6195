"""The places where the sample company keeps a person's consent, by the names people use for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.company import BRANDS
from local.demo.check import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    type Tables = dict[str, list[dict[str, Any]]]
    type Row = dict[str, Any]

type State = dict[str, str]

OPTED_IN, OPTED_OUT = 534120001, 534120002
IN, OUT, NOT_SET, NO_ROW = "opted in", "opted out", "not set", "nothing"
SET, CLEAR = "set", "clear"
MEMBER, NOT_MEMBER = "member", "not a member"

FLAGS = ("donotbulkemail", "donotemail", "msgdpr_donottrack")
CONSENT_COLUMNS = ("msdynmkt_value", "_msdynmkt_purposeid_value", "_msdynmkt_topicid_value")

NO_BULK_EMAIL = "do not bulk email"
FLAG_NAMES = dict(zip(FLAGS, (NO_BULK_EMAIL, "do not email", "do not track"), strict=True))
ROWS: dict[tuple[str, str | None], str] = {}
LISTS: dict[str, str] = {}
for _brand in BRANDS:
    ROWS[_brand.commercial, None] = f"{_brand.name} commercial"
    ROWS[_brand.tracking, None] = f"{_brand.name} tracking"
    if _brand.transactional:
        ROWS[_brand.transactional, None] = f"{_brand.name} transactional"
    if _brand.opt_out_list:
        LISTS[_brand.opt_out_list] = f"{_brand.name} opt-out list"
    for _subscription in _brand.subscriptions:
        ROWS[_brand.commercial, _subscription.topic] = f"{_subscription.name} topic"
        LISTS[_subscription.list] = f"{_subscription.name} list"

VALUES = {OPTED_IN: IN, OPTED_OUT: OUT}


@dataclass(frozen=True, slots=True)
class Person:
    """A contact that alone holds its address."""

    contact: str
    name: str
    address: str

    def owns(self, row: Row) -> bool:
        """Whether a row of the snapshot is about this person."""
        return self.contact in {row.get("contactid"), row.get("_entityid_value")} or self.address == same(
            row.get("msdynmkt_contactpointvalue")
        )


def state_of(contact: Row, consent: Iterable[Row], members: Iterable[Row]) -> State:
    """Say what every place says."""
    state = {name: SET if contact[column] else CLEAR for column, name in FLAG_NAMES.items()}
    state |= dict.fromkeys(ROWS.values(), NO_ROW) | dict.fromkeys(LISTS.values(), NOT_MEMBER)
    for row in consent:
        name = ROWS[row["_msdynmkt_purposeid_value"], row.get("_msdynmkt_topicid_value")]
        state[name] = VALUES.get(row["msdynmkt_value"], NOT_SET)
    for member in members:
        state[LISTS[member["_listid_value"]]] = MEMBER
    return state


def uncomplicated(tables: Tables) -> dict[Person, State]:
    """Find the active contacts who share their address with nobody and have no duplicate rows: good for showing."""
    holders = Counter(same(record["emailaddress1"]) for table in ("contact", "lead") for record in tables[table])
    consent, members = defaultdict(list), defaultdict(list)
    for row in tables["msdynmkt_contactpointconsent4"]:
        consent[same(row["msdynmkt_contactpointvalue"])].append(row)
    for member in tables["listmember"]:
        members[member["_entityid_value"]].append(member)
    found = {}
    for contact in tables["contact"]:
        address = same(contact["emailaddress1"])
        rows = consent[address]
        places = {(row["_msdynmkt_purposeid_value"], row.get("_msdynmkt_topicid_value")) for row in rows}
        if address and holders[address] == 1 and contact["statecode"] == 0 and len(places) == len(rows):
            name = f"{contact['firstname']} {contact['lastname']}"
            person = Person(contact["contactid"], name, address)
            found[person] = state_of(contact, rows, members[person.contact])
    return found


def changed_rows(before: Tables, after: Tables) -> Iterator[Row]:
    """Yield every row that is new, gone or has another version."""
    for table, rows in after.items():
        old, new = ({row[f"{table}id"]: row for row in each} for each in (before[table], rows))
        for key in old.keys() | new.keys():
            if key not in old or key not in new or old[key]["@odata.etag"] != new[key]["@odata.etag"]:
                yield new.get(key) or old[key]
