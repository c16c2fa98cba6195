"""The demo's own way into the emulator: the Web API as any other client uses it, and the admin calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from local.demo.place import CONSENT_COLUMNS, FLAGS, State, state_of

if TYPE_CHECKING:
    from local.demo.place import Person, Tables

USER_AGENT = "the-show"
TIMEOUT = 30.0
SETTLE_WITHIN = 30.0  # seconds


class Dataverse:
    """A signed-in user of the emulator at `url`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Authorization": f"Bearer {token}",
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                "OData-Version": "4.0",
                "OData-MaxVersion": "4.0",
            }
        )

    def change(self, method: str, path: str, columns: dict[str, Any] | None = None) -> None:
        """Create, update or delete a row; raises requests.HTTPError if the server refuses."""
        self._call(method, f"/api/data/v9.2/{path}", json=columns)

    def rows(self, table_set: str, columns: tuple[str, ...], condition: str) -> list[dict[str, Any]]:
        """Read the rows of a small result."""
        found: list[dict[str, Any]] = self._call(
            "GET", f"/api/data/v9.2/{table_set}", params={"$select": ",".join(columns), "$filter": condition}
        ).json()["value"]
        return found

    def state(self, person: Person) -> State:
        """Read what every place says about a person, over the Web API."""
        quoted = person.address.replace("'", "''")
        contact = self.rows("contacts", FLAGS, f"contactid eq {person.contact}")[0]
        consent = self.rows(
            "msdynmkt_contactpointconsent4s", CONSENT_COLUMNS, f"msdynmkt_contactpointvalue eq '{quoted}'"
        )
        members = self.rows("listmembers", ("_listid_value",), f"_entityid_value eq {person.contact}")
        return state_of(contact, consent, members)

    def snapshot(self) -> Tables:
        """Return every row of every table."""
        tables: Tables = self._call("GET", "/_emulator/snapshot").json()
        return tables

    def settle(self) -> None:
        """Wait until every webhook that is on its way has been delivered."""
        self._call("POST", "/_emulator/settle", json={})

    def lose_webhooks(self, *, lost: bool) -> None:
        """Let every webhook get lost on its way from now on, or none."""
        self._call("POST", "/_emulator/faults", json={"drop": 1.0 if lost else 0.0})

    def service_requests(self) -> list[dict[str, Any]]:
        """Return the requests so far that were not this client's own."""
        log: list[dict[str, Any]] = self._call("GET", "/_emulator/requests").json()
        return [entry for entry in log if entry["user_agent"] != USER_AGENT]

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self._session.request(method, self._url + path, timeout=TIMEOUT, **arguments)
        response.raise_for_status()
        return response


def wait_for(dataverse: Dataverse, person: Person, expected: State, patience: float) -> tuple[State, float]:
    """Poll until every place says what is expected or `patience` seconds are over; return what they say and when."""
    started = time.monotonic()
    while True:
        state = dataverse.state(person)
        waited = time.monotonic() - started
        if state == expected or waited > patience:
            return state, waited
        time.sleep(0.05)
