"""The demo's own way into the emulator: the Web API as any other client uses it, and the admin calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from local.demo.place import CONSENT_COLUMNS, FLAGS, State, state_of

if TYPE_CHECKING:
    from local.demo.place import Person, Tables

TAG = "the-show"  # tells the show's own requests from the service's in the emulator's log
TABLES = ("contact", "lead", "listmember", "msdynmkt_contactpointconsent4")
TIMEOUT = 30.0


class Dataverse:
    """A signed-in user of the emulator at `url`; `writes` counts the changes made."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self.writes = 0
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Authorization": f"Bearer {token}",
                "Accept": "application/json",
                "OData-Version": "4.0",
                "OData-MaxVersion": "4.0",
            }
        )

    def change(self, method: str, path: str, columns: dict[str, Any] | None = None) -> None:
        """Create, update or delete a row; raises requests.HTTPError if the server refuses."""
        self._call(method, f"/api/data/v9.2/{path}", params={"tag": TAG}, json=columns)
        self.writes += 1

    def rows(self, table_set: str, columns: tuple[str, ...], condition: str) -> list[dict[str, Any]]:
        """Read the rows of a small result."""
        query = {"$select": ",".join(columns), "$filter": condition, "tag": TAG}
        found: list[dict[str, Any]] = self._call("GET", f"/api/data/v9.2/{table_set}", params=query).json()["value"]
        return found

    def state(self, person: Person) -> State:
        """Read what every place says about a person, over the Web API."""
        contact = self.rows("contacts", FLAGS, f"contactid eq {person.contact}")[0]
        consent = self.rows("msdynmkt_contactpointconsent4s", CONSENT_COLUMNS, address_is(person.address))
        members = self.rows("listmembers", ("_listid_value",), f"_entityid_value eq {person.contact}")
        return state_of(contact, consent, members)

    def snapshot(self) -> Tables:
        """Return every row of the tables that hold people and their consent."""
        tables: Tables = self._call("GET", "/_emulator/snapshot", params={"tables": ",".join(TABLES)}).json()
        return tables

    def settle(self) -> None:
        """Wait until every webhook that is on its way has been delivered."""
        self._call("POST", "/_emulator/settle", json={})

    def lose_webhooks(self, *, lost: bool) -> None:
        """Let every webhook get lost on its way from now on, or none."""
        self._call("POST", "/_emulator/faults", json={"webhooks": {"drop": -1 if lost else 0}})

    def requests_so_far(self) -> int:
        """Return the number of the latest request."""
        log = self._log(0)
        return int(log[-1]["seq"]) if log else 0

    def requests_of_service(self, since: int) -> int:
        """Count the requests after number `since` that were not the show's own."""
        return sum(entry["tag"] != TAG for entry in self._log(since))

    def _log(self, since: int) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = self._call("GET", "/_emulator/requests", params={"since": since}).json()["requests"]
        return log

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self._session.request(method, self._url + path, timeout=TIMEOUT, **arguments)
        response.raise_for_status()
        return response


def address_is(address: str) -> str:
    """Return the $filter condition for the consent rows of an address."""
    quoted = address.replace("'", "''")
    return f"msdynmkt_contactpointvalue eq '{quoted}'"


def wait_for(dataverse: Dataverse, person: Person, expected: State, patience: float) -> None:
    """Poll until every place says what is expected, or `patience` seconds are over."""
    give_up = time.monotonic() + patience
    while dataverse.state(person) != expected and time.monotonic() < give_up:
        time.sleep(0.05)
