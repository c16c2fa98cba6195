"""Where the work is measured: the emulator as a process of its own, and who acts in it."""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from itertools import batched
from typing import TYPE_CHECKING, Any, Self

import requests

from local.demo.servers import ROOT, Server, free_port

if TYPE_CHECKING:
    from pathlib import Path

LOADING = 3600.0  # seconds at most
TOGETHER = 1000
MAPPING = ROOT / "mapping.example.yaml"
_TABLES = ("contact", "lead", "listmember", "msdynmkt_contactpointconsent4")


class Place:
    """An emulator with a company of `contacts`, without limits, and the settings of a service that works in it."""

    def __init__(self, contacts: int, seed: int, folder: Path) -> None:
        self._stack = ExitStack()
        port = free_port()
        self.url, self.folder = f"http://127.0.0.1:{port}", folder
        self._session = requests.Session()
        self._session.headers["Authorization"] = "Bearer staff@emulator.example"
        arguments = ["local.emulator", "--port", str(port)]
        self._stack.enter_context(Server(arguments, {}, "Dataverse emulator on", folder / "emulator.log"))
        self._admin("reset", {"contacts": contacts, "seed": seed, "budget": False, "change_tracking": _TABLES})
        self.settings = {
            "DATAVERSE_URL": self.url,
            "DATAVERSE_AUTH": "static",
            "DATAVERSE_TOKEN": "service",
            "MAPPING_FILE": str(MAPPING),
            "LEDGER_URL": f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}",
            "LEDGER_HASH_KEY": secrets.token_urlsafe(32),
            "WEBHOOK_KEYS": secrets.token_urlsafe(32),
        }

    def __enter__(self) -> Self:
        """Use as a context manager, to be sure that the emulator stops."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the emulator."""
        self._stack.close()

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        fetch = (
            f'<fetch aggregate="true"><entity name="{table}">'
            f'<attribute name="{table}id" alias="n" aggregate="count"/></entity></fetch>'
        )
        sets = {"contact": "contacts", "lead": "leads", "listmember": "listmembers"}
        rows = self._api("GET", sets.get(table, f"{table}s"), params={"fetchXml": fetch})["value"]
        return int(rows[0]["n"])

    def counts(self) -> dict[str, int]:
        """Count the rows of the tables that hold people and their consent."""
        return {table: self.count(table) for table in _TABLES}

    def contacts_without_flag(self, count: int) -> list[str]:
        """Name some active contacts that have an address of their own and no flag."""
        condition = "donotbulkemail eq false and donotemail eq false and statecode eq 0 and contains(emailaddress1,'.')"
        condition += " and not contains(emailaddress1,'info@')"
        query = {"$select": "contactid", "$filter": condition, "$orderby": "contactid"}
        found: list[str] = []
        path: str | None = f"{self.url}/api/data/v9.2/contacts"
        while path and len(found) < count:
            body = self._session.get(path, params=query, timeout=300).json()
            found += [row["contactid"] for row in body["value"]]
            path, query = body.get("@odata.nextLink"), {}
        return found[:count]

    def flag(self, contacts: list[str]) -> None:
        """Let staff set the flag of these contacts, with no webhook to tell of it."""
        for few in batched(contacts, TOGETHER, strict=False):
            targets = [
                {"@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": id_, "donotbulkemail": True}
                for id_ in few
            ]
            self._api("POST", "contacts/Microsoft.Dynamics.CRM.UpdateMultiple", json={"Targets": targets})

    def _admin(self, name: str, body: dict[str, Any]) -> None:
        answer = self._session.post(f"{self.url}/_emulator/{name}", json=body, timeout=LOADING)
        answer.raise_for_status()

    def _api(self, method: str, path: str, **more: Any) -> Any:
        answer = self._session.request(method, f"{self.url}/api/data/v9.2/{path}", timeout=600, **more)
        answer.raise_for_status()
        return json.loads(answer.content) if answer.content else None
