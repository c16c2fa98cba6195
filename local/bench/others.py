"""The two ways to compare with: Microsoft's sample flow, record by record, and a plain loop with a public client.

Both do less than consent-sync: the flow only writes one purpose's row from the flags; the loop compares flags and
purposes both ways. What they do is done over HTTP against the same emulator, and counted.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import requests
from dataverse_api.dataverse import DataverseClient  # type: ignore[import-untyped]
from dataverse_api.entity import DataverseEntity  # type: ignore[import-untyped]

from local.company import BRANDS

OPTED_IN, OPTED_OUT, EMAIL, OF_PURPOSE = 534120001, 534120002, 534120000, 534120000
_CONSENT = "msdynmkt_contactpointconsent4"
_FLAGS = ("donotbulkemail", "donotemail")


class _Session(requests.Session):
    """Counts what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.sent = 0
        self.headers["Authorization"] = "Bearer other"

    def request(self, *args: Any, **more: Any) -> requests.Response:
        """Send a request."""
        self.sent += 1
        return super().request(*args, **more)


@dataclass(frozen=True, slots=True)
class Cost:
    """Requests and seconds."""

    requests: float
    seconds: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.seconds + other.seconds)

    def __mul__(self, times: float) -> Cost:
        return Cost(self.requests * times, self.seconds * times)


class SampleFlow:
    """The sample flow of Microsoft's page "Consent record creation": for each contact, list its rows and write one.

    It turns flags that are clear into opt-ins; here it does so on a company that is thrown away.
    """

    def __init__(self, url: str) -> None:
        self._session, self._url = _Session(), f"{url}/api/data/v9.2"

    def cost_of_one(self, contacts: list[str]) -> Cost:
        """Run for these contacts, and give what one of them cost on average."""
        started = time.perf_counter()
        for id_ in contacts:
            contact = self._get(f"contacts({id_})", {"$select": "emailaddress1,donotemail,donotbulkemail"})
            self._session.sent -= 1  # the trigger brings the contact along
            self._one(contact)
        return Cost(self._session.sent / len(contacts), (time.perf_counter() - started) / len(contacts))

    def _one(self, contact: dict[str, Any]) -> None:
        address = (contact["emailaddress1"] or "nobody@example.com").strip().replace("'", "''")
        value = OPTED_OUT if contact["donotemail"] or contact["donotbulkemail"] else OPTED_IN
        purpose = BRANDS[0].commercial
        condition = (
            f"msdynmkt_contactpointvalue eq '{address}' and _msdynmkt_purposeid_value eq {purpose}"
            f" and msdynmkt_contactpointtype eq {EMAIL} and msdynmkt_contactpointconsenttype eq {OF_PURPOSE}"
        )
        rows = self._get(f"{_CONSENT}s", {"$select": f"{_CONSENT}id", "$filter": condition})["value"]
        for row in rows:
            self._send("PATCH", f"{_CONSENT}s({row[f'{_CONSENT}id']})", {"msdynmkt_value": value})
        if not rows:
            self._send("POST", f"{_CONSENT}s", new_row(address, purpose, value))

    def _get(self, path: str, query: dict[str, str]) -> Any:
        answer = self._session.get(f"{self._url}/{path}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def _send(self, method: str, path: str, body: dict[str, Any]) -> None:
        self._session.request(method, f"{self._url}/{path}", json=body, timeout=60).raise_for_status()


class PlainLoop:
    """Read both sides with the `dataverse-api` package, compare in memory, write what differs one by one."""

    def __init__(self, url: str) -> None:
        self._session = _Session()
        client = DataverseClient(session=self._session, environment_url=f"{url}/")
        self._contacts: DataverseEntity = client.entity("contact")
        self._leads: DataverseEntity = client.entity("lead")
        self._rows: DataverseEntity = client.entity(_CONSENT)
        self._members: DataverseEntity = client.entity("listmember")

    def read_and_compare(self) -> tuple[Cost, int]:
        """Read everything; give what that cost, and how many writes would follow."""
        started, before = time.perf_counter(), self._session.sent
        contacts = self._contacts.read(select=["contactid", "emailaddress1", *_FLAGS, "msgdpr_donottrack"])
        leads = self._leads.read(select=["leadid", "emailaddress1", *_FLAGS])
        columns = ["msdynmkt_contactpointvalue", "msdynmkt_value", "_msdynmkt_purposeid_value"]
        rows = self._rows.read(select=[*columns, "_msdynmkt_topicid_value"])
        self._members.read(select=["_listid_value", "_entityid_value"])
        writes = _differences([*contacts, *leads], rows)
        return Cost(self._session.sent - before, time.perf_counter() - started), writes

    def cost_of_one_write(self, count: int) -> Cost:
        """Write so many rows, one by one as is the package's default, and give what one of them cost."""
        started, before = time.perf_counter(), self._session.sent
        rows = [new_row(f"loop{n}@example.com", BRANDS[0].commercial, OPTED_OUT) for n in range(count)]
        self._rows.create(rows)
        return Cost((self._session.sent - before) / count, (time.perf_counter() - started) / count)


def new_row(address: str, purpose: str, value: int) -> dict[str, Any]:
    """Give a consent row to create."""
    return {
        "msdynmkt_contactpointvalue": address,
        "msdynmkt_contactpointtype": EMAIL,
        "msdynmkt_contactpointconsenttype": OF_PURPOSE,
        "msdynmkt_value": value,
        "msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({purpose})",
    }


def _differences(records: list[dict[str, Any]], rows: list[dict[str, Any]]) -> int:
    """Count the writes that bring flags and commercial purposes in step: rows of the flagged, flags of the others."""
    said: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if not row["_msdynmkt_topicid_value"]:
            address = row["msdynmkt_contactpointvalue"].strip().lower()
            said[address][row["_msdynmkt_purposeid_value"]].append(row["msdynmkt_value"])
    purposes, count = [brand.commercial for brand in BRANDS], Counter[str]()
    for record in records:
        values = said[(record["emailaddress1"] or "").strip().lower()]
        flagged = any(record.get(flag) for flag in _FLAGS)
        for purpose in purposes if flagged and record["emailaddress1"] else ():
            count["rows"] += sum(value != OPTED_OUT for value in values[purpose]) or not values[purpose]
        out = all(OPTED_OUT in values[purpose] for purpose in purposes)
        count["flags"] += out and not flagged
    return count.total()
