"""Somebody at work in the database of a tenant, and runs over it worked to their end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from consent_sync.consent.model import Reading
from consent_sync.engine.scopes import Scope
from consent_sync.operate.work import work_off
from consent_sync.ports.runs import Run, State, Tally, state_of, total
from consent_sync.tenant import tables
from local.company import CONTOSO, generate
from local.demo.check import same
from local.emulator import schema
from tests.drift.companies import OLD
from tests.drift.conftest import Tenant

OUT, IN = tables.VALUES[Reading.OUT], tables.VALUES[Reading.IN]


def in_step(tenant: Tenant, people: int = 120) -> Tenant:
    """Load a company and have everything in it brought in step."""
    tenant.load(generate(people, 11))
    done(tenant, tenant.service.passes.start_resync(Scope("all"), dry_run=False, reason="test"))
    return tenant


def done(tenant: Tenant, begun: tuple[Run, Any]) -> Tally:
    run, messages = begun
    assert work_off(tenant.service.passes, messages, sleep=lambda _: None) == []
    parts = tenant.service.ledger.parts(run.id)
    assert state_of(parts) is State.DONE
    return total(parts)


class Office:
    """Somebody with access to the database itself, of whose edits no event tells and no time."""

    def __init__(self, tenant: Tenant) -> None:
        self.store = tenant.emulator.store

    def rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        with self.store.lock:
            return self.store.find(schema.BY_NAME[table], **equal)

    def set(self, table: str, row: dict[str, Any], **columns: Any) -> None:
        with self.store.lock:
            self.store.update(schema.BY_NAME[table], row[schema.BY_NAME[table].id], columns)

    def delete(self, table: str, row: dict[str, Any]) -> None:
        with self.store.lock:
            self.store.delete(schema.BY_NAME[table], row[schema.BY_NAME[table].id])

    def add(self, table: str, **columns: Any) -> None:
        with self.store.lock:
            self.store.load([(table, {"createdon": OLD, "modifiedon": OLD, **columns})])

    def free(self) -> dict[str, Any]:
        """Find a contact with an address of its own, of whom nobody knows an opt-out."""
        held = Counter(same(row["emailaddress1"]) for table in ("contact", "lead") for row in self.rows(table))
        out = {row[tables.POINT_VALUE].strip().lower() for row in self.rows(tables.ROW_TABLE, msdynmkt_value=OUT)}
        stopped = {row["entityid"] for row in self.rows("listmember", listid=CONTOSO.opt_out_list)}
        return next(
            row
            for row in self.rows("contact", donotbulkemail=0, donotemail=0, statecode=0)
            if (address := same(row["emailaddress1"]))
            and held[address] == 1
            and address not in out
            and row["contactid"] not in stopped
        )

    def consent(self, contact: dict[str, Any], purpose: str, value: int, topic: str | None = None) -> None:
        columns = {
            tables.POINT_VALUE: contact["emailaddress1"].upper(),
            tables.POINT_TYPE: 534120000,
            tables.CONSENT_TYPE: tables.OF_TOPIC if topic else tables.OF_PURPOSE,
            tables.CONSENT_VALUE: value,
            tables.PURPOSE_ID: purpose,
            tables.TOPIC_ID: topic,
        }
        self.add(tables.ROW_TABLE, **columns)

    def member(self, contact: dict[str, Any], list_id: str) -> None:
        self.add("listmember", _listid_value=list_id, _entityid_value=contact["contactid"], entitytype=2)
