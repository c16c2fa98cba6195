from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from consent_sync.bootstrap import Service, assemble
from consent_sync.mapping.load import load_mapping
from consent_sync.ports.drift import DriftPage, Finding
from consent_sync.settings import Settings
from consent_sync.tenant import tables
from consent_sync.tenant.drift.finder import DriftFinder
from consent_sync.tenant.drift.odd import odd_names
from consent_sync.tenant.drift.rules import drift_rules
from consent_sync.tenant.observe import Lens
from local.demo.servers import ROOT
from local.emulator import Emulator, fetch_conditions, sql, store
from local.emulator.limits import Budget
from tests.drift.companies import Row

BORN = datetime(2025, 1, 1, tzinfo=UTC)
"""When the ledger began: between the OLD and the NEW of the companies."""


def accent_insensitive(value: Any) -> Any:
    """What SQL Server's collations called CI_AI make of a string: accents and ligatures do not count either."""
    if not isinstance(value, str):
        return value
    folded = unicodedata.normalize("NFKD", value.rstrip(" ").casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


def strict(value: Any) -> Any:
    """A collation that knows fewer equalities than Python: no case outside of ASCII, no ß."""
    return "".join(c.lower() if c.isascii() else c for c in value.rstrip(" ")) if isinstance(value, str) else value


COLLATIONS: dict[str, Callable[[Any], Any]] = {
    "the emulator's": store.fold,
    "accent-insensitive": accent_insensitive,
    "strict": strict,
}


@contextmanager
def collated(fold: Callable[[Any], Any]) -> Iterator[Emulator]:
    """Run an emulator that compares strings by `fold`."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (store, sql, fetch_conditions):
            patch.setattr(module, "fold", fold)
        with Emulator() as emulator:
            yield emulator


@dataclass
class Tenant:
    """A service beside an emulator that holds the rows of many companies."""

    emulator: Emulator
    service: Service
    finder: DriftFinder

    @property
    def lens(self) -> Lens:
        return self.finder.look()

    def load(self, rows: Iterator[Row]) -> None:
        self.emulator.reset()
        self.emulator.limits.clear(Budget(None, None, None))
        self.emulator.store.load(rows)

    def rules(self) -> list[str]:
        return [rule.id for rule in drift_rules(self.lens, BORN)]

    def asked(self, skip: Collection[str] = ()) -> set[Finding]:
        return self._all(lambda after: self.finder.scan(BORN, (), skip, after))

    def compared(self, only: Collection[str] | None = None, *, pages: int = 8) -> set[Finding]:
        finder = replace(self.finder, pages=pages)
        return self._all(lambda after: finder.compare(BORN, (), self.rules() if only is None else only, after))

    def odd(self) -> tuple[str, ...]:
        """Name the rows that the sweeps would have noted."""
        found: tuple[str, ...] = ()
        for table, set_ in tables.SETS.items():
            found += odd_names(self.lens, table, self.service.client.list_rows(set_))
        return found

    def among_odd(self) -> set[Finding]:
        return set(self.finder.compare_odd(BORN, (), self.odd()).findings)

    def _all(self, ask: Callable[[str | None], DriftPage]) -> set[Finding]:
        page = ask(None)
        found = set(page.findings)
        while page.after:
            page = ask(page.after)
            found |= set(page.findings)
        return found


@contextmanager
def tenant_on(emulator: Emulator, folder: Path, edit: Callable[[dict[str, Any]], object]) -> Iterator[Tenant]:
    """Give a service with the example's mapping, changed by `edit`."""
    mapping = YAML(typ="safe").load(ROOT / "mapping.example.yaml")
    edit(mapping)
    path = folder / "mapping.yaml"
    path.write_text(json.dumps(mapping), encoding="utf-8")
    settings = Settings(
        dataverse_url=emulator.url,
        dataverse_auth="static",
        mapping_file=str(path),
        ledger_url=f"sqlite:///{folder / 'ledger.db'}",
        ledger_hash_key="hash-key-of-the-tests-long-enough-to-be-taken",
        webhook_keys=("webhook-key-of-the-tests-long-enough",),
        dataverse_token="service",
    )
    service = assemble(settings, load_mapping(path))
    yield Tenant(emulator, service, DriftFinder(service.client, service.passes.tenant.look))
    service.ledger.close()
    service.client.close()


def two_addresses(mapping: dict[str, Any]) -> None:
    mapping["contact_points"]["email"]["contact"] = ["emailaddress1", "emailaddress2"]


def many_meanings(mapping: dict[str, Any]) -> None:
    """Let lists and flags mean what they do not in the example."""
    mapping["flags"]["donotemail"]["write"] = True
    contoso, fabrikam = mapping["brands"]["contoso"], mapping["brands"]["fabrikam"]
    contoso["topics"][0]["trust_membership"] = True
    contoso["topics"][1]["members"] = "opted_out"
    fabrikam["opt_out_lists"] = [fabrikam["topics"].pop()["list"]]


MAPPINGS = {"two addresses": two_addresses, "many meanings": many_meanings}
