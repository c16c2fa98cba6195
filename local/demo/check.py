"""An independent look at the company: find who could be mailed, or is listed, against their word.

Works on the emulator's snapshot alone, knows the sample company, shares no code with the service, and is written per
person instead of per rule so that it fails differently.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from local.company import BRANDS, Brand

if TYPE_CHECKING:
    from collections.abc import Iterator

    type Tables = dict[str, list[dict[str, Any]]]

OPTED_OUT = 534120002
STOPS_EVERYTHING = ("donotbulkemail", "donotemail")


class Contradiction(NamedTuple):
    """One place that disagrees with what the person said elsewhere."""

    brand: str
    what: str
    address: str


@dataclass(slots=True)
class Person:
    """Everything known at one address: its records, its consent values by (purpose, topic), its contacts' lists."""

    records: list[dict[str, Any]] = field(default_factory=list)
    values: dict[tuple[str, str | None], list[int]] = field(default_factory=lambda: defaultdict(list))
    lists: dict[str, set[str]] = field(default_factory=dict)

    def flagged(self, *columns: str) -> bool:
        """Whether any record at this address carries any of these flags."""
        return any(record.get(column) for record in self.records for column in columns)

    def out(self, purpose: str | None, topic: str | None = None) -> bool:
        """Whether any row, duplicates and inactive ones included, says opted out."""
        return purpose is not None and OPTED_OUT in self.values.get((purpose, topic), ())

    def on_list(self, listid: str | None) -> bool:
        """Whether any contact at this address is a member."""
        return any(listid in lists for lists in self.lists.values())

    @property
    def active(self) -> list[dict[str, Any]]:
        """The records that anybody could be mailed through."""
        return [record for record in self.records if record["statecode"] == 0]

    @property
    def spoke(self) -> bool:
        """Whether an opt-out of any kind stands anywhere."""
        return (
            self.flagged(*STOPS_EVERYTHING, "msgdpr_donottrack")
            or any(OPTED_OUT in values for values in self.values.values())
            or any(self.on_list(brand.opt_out_list) for brand in BRANDS)
        )


def people(tables: Tables) -> dict[str, Person]:
    """Gather the snapshot by address, in lower case without spaces around it."""
    found: dict[str, Person] = defaultdict(Person)
    lists = defaultdict(set)
    for member in tables["listmember"]:
        lists[member["_entityid_value"]].add(member["_listid_value"])
    for table in ("contact", "lead"):
        for record in tables[table]:
            if address := same(record["emailaddress1"]):
                found[address].records.append(record)
                if table == "contact":
                    found[address].lists[record["contactid"]] = lists[record["contactid"]]
    for row in tables["msdynmkt_contactpointconsent4"]:
        if address := same(row["msdynmkt_contactpointvalue"]):
            key = row["_msdynmkt_purposeid_value"], row.get("_msdynmkt_topicid_value")
            found[address].values[key].append(row["msdynmkt_value"])
    return found


def same(written: str | None) -> str | None:
    """Return the address behind what somebody typed, or None if it is none."""
    address = unicodedata.normalize("NFC", (written or "").strip()).lower()
    mailbox, _, domain = address.rpartition("@")
    return address if mailbox and "." in domain and " " not in address else None


def contradictions(tables: Tables) -> list[Contradiction]:
    """Find everything that disagrees, in no particular order."""
    return [
        Contradiction(brand, what, address)
        for address, person in people(tables).items()
        for brand, what in (*_everywhere(person), *_tracking(person), *_rows_disagree(person))
    ]


def tightened(before: Tables, after: Tables, acted: set[str]) -> list[Contradiction]:
    """Find people who never said stop, neither before nor in an act, and were stopped or taken off a list anyway."""
    now = people(after)
    return [
        Contradiction("-", "stopped, though nobody asked for it", address)
        for address, person in people(before).items()
        if address not in acted and not person.spoke
        if now[address].spoke or any(lists - now[address].lists[contact] for contact, lists in person.lists.items())
    ]


def _everywhere(person: Person) -> Iterator[tuple[str, str]]:
    flagged = person.flagged(*STOPS_EVERYTHING)
    for brand in BRANDS:
        if person.flagged("donotemail") and brand.transactional and not person.out(brand.transactional):
            yield brand.name, "all e-mail stopped on the contact, transactional mail still allowed"
        if flagged and not person.out(brand.commercial):
            yield brand.name, "stopped on the contact or lead, real-time may still mail"
        if not flagged:
            yield from _lists_of(person, brand)
    if all(person.out(brand.commercial) for brand in BRANDS):
        for record in person.active:
            if not record["donotbulkemail"]:
                yield "all", "opted out of every brand or on a shared address, flag still clear"


def _lists_of(person: Person, brand: Brand) -> Iterator[tuple[str, str]]:
    if person.out(brand.commercial):
        yield from _lists_of_brand_left(person, brand)
        return
    if person.on_list(brand.opt_out_list):
        yield brand.name, "on the opt-out list, real-time may still mail"
    for each in brand.subscriptions:
        if person.out(brand.commercial, each.topic) and _active_on(person, each.list):
            yield brand.name, "opted out of the topic, still on its list"


def _lists_of_brand_left(person: Person, brand: Brand) -> Iterator[tuple[str, str]]:
    for each in brand.subscriptions:
        if _active_on(person, each.list):
            yield brand.name, "opted out of the brand, still on one of its lists"
    if brand.opt_out_list:
        for record in person.active:
            if brand.opt_out_list not in person.lists.get(record.get("contactid", ""), {brand.opt_out_list}):
                yield brand.name, "opted out of the brand, not on its opt-out list"


def _active_on(person: Person, listid: str) -> bool:
    return any(listid in person.lists.get(record.get("contactid", ""), ()) for record in person.active)


def _tracking(person: Person) -> Iterator[tuple[str, str]]:
    if person.flagged("msgdpr_donottrack"):
        for brand in BRANDS:
            if not person.out(brand.tracking):
                yield brand.name, "tracking stopped on the contact, real-time may still track"
    if all(person.out(brand.tracking) for brand in BRANDS):
        for record in person.active:
            if record.get("msgdpr_donottrack") is False:
                yield "all", "opted out of tracking, flag still clear"


def _rows_disagree(person: Person) -> Iterator[tuple[str, str]]:
    for brand in BRANDS:
        for (purpose, topic), values in person.values.items():
            if purpose not in {brand.commercial, brand.transactional, brand.tracking}:
                continue
            counts = topic is None or not person.out(purpose)  # under a purpose that is out, topics do not matter
            if counts and OPTED_OUT in values and any(value != OPTED_OUT for value in values):
                yield brand.name, "one consent row says stop, its duplicate does not"
