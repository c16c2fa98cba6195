"""A small company on the emulator, with the service beside it: people act, the service looks, and the difference shows.

Names instead of ids everywhere: purposes and topics as in ``SCOPES``, lists as "<topic> list" and "no contoso".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from consent_sync.bootstrap import assemble
from consent_sync.consent.model import Channel, ContactPoint, Reading, RecordRef
from consent_sync.dataverse.auth import StaticToken
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.endpoint import WebhookEndpoint
from consent_sync.dataverse.registration import register
from consent_sync.engine.scopes import Scope
from consent_sync.mapping.load import load_mapping
from consent_sync.operate.service import Service
from consent_sync.operate.webhook import wake_from
from consent_sync.ports.wake import PageTurn, Wake
from consent_sync.settings import Settings
from consent_sync.tenant import tables
from consent_sync.tenant.events import steps
from local.company import CONTOSO, FABRIKAM
from local.company.brands import setup_rows
from local.demo.servers import ROOT
from local.emulator import Emulator, schema

IN, OUT, NOT_SET = Reading.IN, Reading.OUT, Reading.SILENT
INACTIVE_CONTACT = {"statecode": 1, "statuscode": 2}
DISABLED, RESTRICTIVE = 534120002, 534120000

PURPOSES = {
    "contoso": CONTOSO.commercial,
    "contoso service": CONTOSO.transactional or "",
    "contoso tracking": CONTOSO.tracking,
    "fabrikam": FABRIKAM.commercial,
    "fabrikam tracking": FABRIKAM.tracking,
}
TOPICS = dict(
    zip(("newsletter", "offers", "events", "tips"), CONTOSO.subscriptions + FABRIKAM.subscriptions, strict=True)
)
SCOPES = PURPOSES | {name: subscription.topic for name, subscription in TOPICS.items()}
LISTS = {f"{name} list": subscription.list for name, subscription in TOPICS.items()} | {
    "no contoso": CONTOSO.opt_out_list or ""
}
_PURPOSE_OF = {"newsletter": "contoso", "offers": "contoso", "events": "fabrikam", "tips": "fabrikam"}
_SOURCES = {source.value: number for number, source in tables.SOURCES.items()}
_FLAGS = ("donotbulkemail", "donotemail", "msgdpr_donottrack", "donotphone", "msdyn_gdproptout")
_KEY = "webhook-key"

type State = dict[tuple[str, str], object]


@cache
def _example() -> str:
    return json.dumps(YAML(typ="safe").load(ROOT / "mapping.example.yaml"))


def mapping_of(folder: Path, edit: Callable[[dict[str, Any]], object] | None = None) -> Path:
    """Write the example's mapping, changed by `edit`, into `folder`."""
    mapping = json.loads(_example())
    if edit:
        edit(mapping)
    path = folder / "mapping.yaml"
    path.write_text(json.dumps(mapping), encoding="utf-8")
    return path


class Office:
    """The tenant, its people and the service. Time stands still, except where :meth:`pass_time` moves it."""

    def __init__(
        self, emulator: Emulator, folder: Path, now: float, edit: Callable[[dict[str, Any]], object] | None = None
    ) -> None:
        self.emulator, self.folder = emulator, folder
        emulator.reset()
        emulator.store.load(setup_rows())
        self.now = now
        emulator.store.clock.time = lambda: self.now  # type: ignore[method-assign]
        self.people = DataverseClient(emulator.url, StaticToken("staff@emulator.example", url=emulator.url), tag="")
        self.mapping = mapping_of(folder, edit)
        self.records: dict[str, RecordRef] = {}
        self.scopes, self.lists = dict(SCOPES), dict(LISTS)
        self.purpose_of = dict(_PURPOSE_OF)
        self.service = self.start(folder / "ledger.db")
        self.service.ledger.born()

    def start(self, ledger: Path, installation: str = "this") -> Service:
        """Give a service on this tenant, as a new process of an installation would start it."""
        settings = Settings(
            dataverse_url=self.emulator.url,
            dataverse_auth="static",
            mapping_file=str(self.mapping),
            ledger_url=f"sqlite:///{ledger}",
            ledger_hash_key="hash-key",
            webhook_keys=(_KEY,),
            dataverse_token="service",
            installation=installation,
        )
        return assemble(settings, load_mapping(self.mapping))

    def restart(self) -> None:
        """Stop the service and start it again on its ledger: facts of the tenant are read anew."""
        self.close()
        self.service = self.start(self.folder / "ledger.db")

    def close(self) -> None:
        self.service.ledger.close()
        self.service.client.close()

    def pass_time(self, seconds: float = 5) -> None:
        self.now += seconds

    @contextmanager
    def years_ago(self, years: float = 1) -> Iterator[None]:
        """Let what is done within be older than the ledger."""
        self.now -= years * 31_536_000
        yield
        self.now += years * 31_536_000

    # what people do

    def contact(self, name: str, address: str | None = "", **columns: Any) -> str:
        """Add a contact; its address is made from its name unless given. Gives the address."""
        return self._add("contact", name, address, columns)

    def lead(self, name: str, address: str | None = "", **columns: Any) -> str:
        return self._add("lead", name, address, columns)

    def remember(self, name: str, table: str, id_: str) -> None:
        """Give a record that was loaded a name."""
        self.records[name] = RecordRef(table, id_)

    def change(self, name: str, **columns: Any) -> None:
        self.pass_time()
        self.people.update(self._path(name), columns)

    def delete(self, name: str) -> None:
        self.pass_time()
        self.people.delete(self._path(name))

    def merge(self, master: str, subordinate: str) -> None:
        self.pass_time()
        rows = {"Target": self.records[master], "Subordinate": self.records[subordinate]}
        body: dict[str, Any] = {
            part: {f"{record.table}id": record.id, "@odata.type": f"Microsoft.Dynamics.CRM.{record.table}"}
            for part, record in rows.items()
        }
        self.people.execute(Operation("POST", "Merge", body | {"PerformParentingChecks": False}))

    def join(self, name: str, *lists: str) -> None:
        self.pass_time()
        for list_ in lists:
            path = f"lists({self.lists[list_]})/Microsoft.Dynamics.CRM.AddMemberList"
            self.people.execute(Operation("POST", path, {"EntityId": self.records[name].id}))

    def leave(self, name: str, list_: str) -> None:
        self.pass_time()
        path = f"lists({self.lists[list_]})/Microsoft.Dynamics.CRM.RemoveMemberList"
        self.people.execute(Operation("POST", path, {"EntityId": self.records[name].id}))

    def take_off(self, name: str, list_: str) -> None:
        """Delete the membership row, as a bulk job does, without time passing."""
        equal = {"listid": self.lists[list_], "entityid": self.records[name].id}
        (member,) = self._find("listmember", **equal)
        self.people.delete(f"listmembers({member['listmemberid']})")

    def change_list(self, list_: str, **columns: Any) -> None:
        self.people.update(f"lists({self.lists[list_]})", columns)

    def change_purpose(self, purpose: str, **columns: Any) -> None:
        self.people.update(f"msdynmkt_purposes({self.scopes[purpose]})", columns)

    def says(self, address: str, scope: str, value: Reading, source: str = "preference_center", **columns: Any) -> str:
        """Let the consent row of `address` for `scope` say `value`; creates it if there is none. Gives its id."""
        rows = [row for row in self._rows() if row[0] == (address.strip().lower(), scope)]
        if not rows:
            return self.new_row(address, scope, value, source, **columns)
        self.pass_time()
        changes = {tables.CONSENT_VALUE: tables.VALUES[value], tables.CONSENT_SOURCE: _SOURCES[source], **columns}
        self.people.update(f"{tables.ROW_SET}({rows[0][2]})", changes)
        return rows[0][2]

    def new_row(
        self, address: str, scope: str, value: Reading, source: str = "preference_center", **columns: Any
    ) -> str:
        """Create a consent row, beside others that may say the same."""
        self.pass_time()
        topic = scope in self.purpose_of
        purpose = self.scopes[self.purpose_of.get(scope, scope)]
        row = {
            tables.POINT_VALUE: address,
            tables.POINT_TYPE: tables.CHANNELS[Channel.EMAIL],
            tables.CONSENT_TYPE: tables.OF_TOPIC if topic else tables.OF_PURPOSE,
            tables.CONSENT_VALUE: tables.VALUES[value],
            tables.CONSENT_SOURCE: _SOURCES[source],
            tables.CONSENT_CAUSE: tables.NO_CAUSE,
            "msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({purpose})",
        }
        if topic:
            row["msdynmkt_topicId@odata.bind"] = f"/msdynmkt_topics({self.scopes[scope]})"
        return self.people.create(tables.ROW_SET, row | columns)

    def remove_row(self, address: str, scope: str) -> None:
        self.pass_time()
        for key, _, row_id in self._rows():
            if key == (address, scope):
                self.people.delete(f"{tables.ROW_SET}({row_id})")

    # what the service does

    def sync(self) -> State:
        """Look at everybody; gives what that changed."""
        return self.work(self.everybody())

    def work(self, *wakes: Wake, service: Service | None = None) -> State:
        """Work wakes one after the other; gives what that changed."""
        self.pass_time()
        before = self.state()
        for wake in wakes:
            (service or self.service).passes.wake(wake)
            self.pass_time()
        return changes(before, self.state())

    def everybody(self) -> Wake:
        points = {ContactPoint.of(Channel.EMAIL, address) for (address, _), _, _ in self._rows()}
        return Wake(tuple(sorted(p for p in points if p)), tuple(sorted(self.records.values())))

    def resync(self, *, dry_run: bool = False) -> State:
        """Run a resync of everything to its end; gives what that changed."""
        self.pass_time()
        before = self.state()
        _, waiting = self.service.passes.start_resync(Scope("all"), dry_run=dry_run, reason="test")
        while waiting:
            turn = waiting.pop()
            assert isinstance(turn, PageTurn)
            waiting += self.service.passes.turn(turn)
        self.pass_time()
        return changes(before, self.state())

    def holds(self) -> set[tuple[str, str]]:
        """Location and rule of every open hold."""
        return {(self._named(hold.location), hold.rule) for hold in self.service.ledger.holds()}

    def held(self) -> set[str]:
        """Where holds are open."""
        return {location for location, _ in self.holds()}

    # what stands in the tenant

    def state(self) -> State:
        """Everything that says anything about consent."""
        found: State = {}
        names = {record.id: name for name, record in self.records.items()}
        for table in tables.RECORD_SETS:
            for row in self._find(table):
                name = names.get(row[f"{table}id"], row[f"{table}id"])
                found |= {(name, flag): row[flag] and bool(row[flag]) for flag in _FLAGS if flag in row}
        lists = {id_: name for name, id_ in self.lists.items()}
        for member in self._find("listmember"):
            found[names.get(member["entityid"], member["entityid"]), lists[member["listid"]]] = True
        for key, reading, _ in self._rows():
            found[key] = f"{found[key]} and {reading}" if key in found else reading
        return found

    def is_on(self, name: str, list_: str) -> bool:
        return (name, list_) in self.state()

    def _rows(self) -> list[tuple[tuple[str, str], Reading, str]]:
        names = {id_: name for name, id_ in self.scopes.items()}
        return [
            (
                (
                    row[tables.POINT_VALUE].strip().lower(),
                    names.get(row["msdynmkt_topicid"] or row["msdynmkt_purposeid"], "nothing")
                    + ("" if row[tables.POINT_TYPE] == tables.CHANNELS[Channel.EMAIL] else " elsewhere"),
                ),
                tables.READINGS[row[tables.CONSENT_VALUE]],
                row[tables.ROW_KEY],
            )
            for row in self._find(tables.ROW_TABLE)
        ]

    def _find(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        with self.emulator.store.lock:
            return self.emulator.store.find(schema.BY_NAME[table], **equal)

    def row_of(self, address: str, scope: str) -> dict[str, Any]:
        """Give the one consent row, all of its columns."""
        (row_id,) = (row_id for key, _, row_id in self._rows() if key == (address, scope))
        (row,) = self._find(tables.ROW_TABLE, **{tables.ROW_KEY: row_id})
        return row

    def _add(self, table: str, name: str, address: str | None, columns: dict[str, Any]) -> str:
        self.pass_time()
        address = f"{name}@example.com" if address == "" else address
        row = {"lastname": name, "emailaddress1": address, **columns}
        self.records[name] = RecordRef(table, self.people.create(tables.RECORD_SETS[table], row))
        return address or ""

    def _path(self, name: str) -> str:
        record = self.records[name]
        return f"{tables.RECORD_SETS[record.table]}({record.id})"

    def _named(self, location: str) -> str:
        kind, _, rest = location.partition("/")
        names = {f"purpose:{id_}": name for name, id_ in self.scopes.items()}
        names |= {f"topic:{id_}": name for name, id_ in self.scopes.items()}
        names |= {id_: name for name, id_ in self.lists.items()}
        name, _, _ = rest.partition("/")
        return f"{kind} {names.get(name, name)}"


def changes(before: State, after: State) -> State:
    """Give what is different, with its new value; what is gone is None."""
    return {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


class Doorbell:
    """Receives webhook calls for an office and turns them into wakes, as the function does."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, dict[str, str]]] = []
        doorbell = self

        class _Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                doorbell.calls.append((body, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)

    def listen_to(self, office: Office) -> None:
        """Register at the tenant: what happens from now on rings."""
        self.calls.clear()
        url = f"http://127.0.0.1:{self.server.server_port}/"
        wanted = steps(load_mapping(office.mapping).file)
        register(office.people, WebhookEndpoint("consent-sync", url, "x-webhook-key", _KEY), wanted)

    def wakes(self, office: Office) -> list[Wake]:
        """Give the wakes for what rang since the last time, in the order of arrival."""
        office.emulator.delivery.settle(20)
        calls, self.calls = self.calls, []
        file = load_mapping(office.mapping).file
        found = [wake_from(body, headers, (_KEY,), lambda: file) for body, headers in calls]
        return [wake for wake in found if wake]
