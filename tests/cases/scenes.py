"""Scenes that several files begin with."""

from __future__ import annotations

from typing import Any

from tests.cases.office import LISTS, OUT, Office, State

LINK = "msdynmkt_msdynmkt_purpose_msdynmkt_compliancev4"
THIRD_PURPOSE = "7a000000-0000-4000-8000-000000000010"
COMMERCIAL, NON_RESTRICTIVE = 534120000, 534120001


def both_out(address: str) -> State:
    """What changes when somebody objects to everything."""
    return {(address, "contoso"): OUT, (address, "fabrikam"): OUT}


def add_purpose(office: Office, name: str, id_: str, *profiles: str) -> None:
    """Create a commercial purpose and link it to profiles."""
    row = {
        "msdynmkt_purposeid": id_,
        "msdynmkt_name": name,
        "msdynmkt_type": COMMERCIAL,
        "msdynmkt_enforcementmodel": NON_RESTRICTIVE,
    }
    links = [(LINK, {"msdynmkt_purposeid": id_, "msdynmkt_compliancesettings4id": profile}) for profile in profiles]
    office.emulator.store.load([("msdynmkt_purpose", row), *links])
    office.scopes[name] = id_


def crowd(office: Office, size: int, list_: str = "newsletter list") -> list[str]:
    """Load a crowd of members; gives their names."""
    names = [f"member{n:02}" for n in range(size)]
    rows: list[tuple[str, dict[str, Any]]] = []
    for n, name in enumerate(names):
        id_ = f"00000000-0000-4000-8000-0000000000{n:02}"
        rows.append(("contact", {"contactid": id_, "lastname": name, "emailaddress1": f"{name}@example.com"}))
        member = {"_listid_value": LISTS[list_], "_entityid_value": id_, "entitytype": 2}
        rows.append(("listmember", member))
        office.remember(name, "contact", id_)
    office.emulator.store.load(rows)
    return names


def empty(office: Office, list_: str, names: list[str], *, pause: float = 0) -> None:
    """Take members off a list, as a bulk job does."""
    office.pass_time()
    for name in names:
        office.take_off(name, list_)
        office.pass_time(pause)
