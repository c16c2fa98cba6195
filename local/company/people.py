"""Who the company knows: households, which are one address and the records that carry it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from local.company import shares
from local.company.chance import guid, times

if TYPE_CHECKING:
    from random import Random

    type Table = Literal["contact", "lead"]

FIRST_NAMES = (
    *("Aino", "Anna", "Ben", "Chloé", "Dávid", "Elif", "Fatima", "Grace", "Hugo", "Ines", "Jörg", "José"),
    *("Karin", "Łukasz", "Maria", "Noor", "Olga", "Paulo", "Priya", "Renée", "Søren", "Tomáš", "Yuki", "Zoë"),
)
LAST_NAMES = (
    *("Almeida", "Bauer", "Čapek", "Dubois", "Eriksson", "Fischer", "García", "Håkansson", "Ito", "Jansen", "Kowalski"),
    *("Lindström", "Müller", "Nguyễn", "O'Brien", "Petrov", "Quinn", "Rossi", "Şahin", "Tamm", "Úlfarsson", "Weiß"),
)
DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example")
INVALID_ADDRESSES = ("n/a", "none", "unknown@", "no e-mail", "anna.example.com", "@example.com")
NOT_DECOMPOSED = str.maketrans({"Ł": "L", "ł": "l", "ø": "o", "ß": "ss"})
CONTACT_INACTIVE = {"statecode": 1, "statuscode": 2}
LEAD_QUALIFIED, LEAD_DISQUALIFIED = {"statecode": 1, "statuscode": 3}, {"statecode": 2, "statuscode": 4}


@dataclass(frozen=True, slots=True)
class Household:
    """The records behind one address, the one who acts first; `address` is None where no consent row can exist."""

    address: str | None
    records: list[tuple[Table, dict[str, Any]]]


def household(rng: Random, number: int, at_most: int) -> Household:
    """Make up the household with this number, of one to `at_most` records."""
    family_name = rng.choice(LAST_NAMES)
    first_name = rng.choice(FIRST_NAMES)
    tables, office = _composition(rng)
    address, typed = _address(rng, number, f"{first_name}.{family_name}", office=office)
    records: list[tuple[Table, dict[str, Any]]] = []
    for place, table in enumerate(tables[:at_most]):
        same_person = place == 0 or table != tables[0]
        given = first_name if same_person else rng.choice(FIRST_NAMES)
        records.append((table, _record(rng, table, given, family_name, _retyped(rng, typed))))
    return Household(address, records)


def _composition(rng: Random) -> tuple[list[Table], bool]:
    draw = rng.random()
    if (draw := draw - shares.LEAD_ALONE) < 0:
        return ["lead"], False
    if (draw := draw - shares.CONTACT_AND_LEAD) < 0:
        return (["contact", "lead"] if rng.random() < 0.5 else ["lead", "contact"]), False  # noqa: PLR2004  - a coin
    if (draw := draw - shares.FAMILY) < 0:
        return ["contact"] * rng.randint(2, 3), False
    if draw - shares.OFFICE < 0:
        return ["contact"] * rng.randint(3, 5), True
    return ["contact"], False


def _address(rng: Random, number: int, name: str, *, office: bool) -> tuple[str | None, str | None]:
    """Return the address that consent rows are about, and what stands in the records' column."""
    draw = rng.random()
    if (draw := draw - shares.WITHOUT_ADDRESS) < 0:
        return None, None
    if (draw := draw - shares.INVALID_ADDRESS) < 0:
        return None, rng.choice(INVALID_ADDRESSES)
    if office:
        address = f"info@firm{number}.example"
    elif (draw := draw - shares.INTERNATIONAL_DOMAIN) < 0:
        address = f"{_mailbox(name)}{number}@bücher.example"
    else:
        tag = "+news" if draw - shares.PLUS_TAG < 0 else ""
        address = f"{_mailbox(name)}{number}{tag}@{rng.choice(DOMAINS)}"
    return address, address


def _mailbox(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name.translate(NOT_DECOMPOSED))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()


def _retyped(rng: Random, address: str | None) -> str | None:
    """Somebody else typed it: other case, a space at the end."""
    if not address:
        return address
    if rng.random() < shares.MIXED_CASE:
        address = address.title()
    return address + " " if rng.random() < shares.TRAILING_SPACE else address


def _record(rng: Random, table: Table, first: str, last: str, address: str | None) -> dict[str, Any]:
    created, modified = times(rng)
    row: dict[str, Any] = {
        f"{table}id": guid(rng),
        "firstname": first,
        "lastname": last,
        "emailaddress1": address,
        "donotbulkemail": False,
        "donotemail": False,
        "statecode": 0,
        "statuscode": 1,
        "createdon": created,
        "modifiedon": modified,
    }
    if table == "contact":
        row["msgdpr_donottrack"] = False
        return row | CONTACT_INACTIVE if rng.random() < shares.INACTIVE_CONTACT else row
    row["subject"] = "Asked for a brochure"
    if rng.random() < shares.CLOSED_LEAD:
        return row | rng.choice((LEAD_QUALIFIED, LEAD_DISQUALIFIED))
    return row
