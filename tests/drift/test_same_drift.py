"""The server's joins and the comparison of both sides find the same, and all that the rules would change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.engine.reconcile import Look
from consent_sync.ports.wake import Wake
from consent_sync.tenant import tables
from consent_sync.tenant.drift import sides
from consent_sync.tenant.drift.odd import is_plain
from tests.drift.companies import PLAIN, SPELLINGS, organization
from tests.drift.conftest import COLLATIONS, MAPPINGS, Tenant, collated, tenant_on

COMPANIES = 400


@pytest.fixture(scope="module", params=COLLATIONS)
def tenants(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Tenant]]:
    with collated(COLLATIONS[request.param]) as emulator:
        made: dict[str, Tenant] = {}
        stack = []
        for name, edit in MAPPINGS.items():
            manager = tenant_on(emulator, tmp_path_factory.mktemp("tenant"), edit)
            made[name] = manager.__enter__()
            stack.append(manager)
        yield made
        for manager in stack:
            manager.__exit__(None, None, None)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_the_queries_miss_nothing_whatever_the_collation(tenants: dict[str, Tenant], mapping: str) -> None:
    tenant = tenants[mapping]
    tenant.load(organization(COMPANIES, 1, SPELLINGS))
    everything, found = tenant.compared(), tenant.asked() | tenant.among_odd()
    assert len(everything) > COMPANIES
    assert everything <= found
    assert {finding.point for finding in found - everything} <= odd_points(tenant)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_ranges_find_what_everything_at_once_finds(
    tenants: dict[str, Tenant], mapping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = tenants[mapping]
    tenant.load(organization(COMPANIES, 2, SPELLINGS))
    everything = tenant.compared()
    monkeypatch.setattr(sides, "PAGE", 25)
    found = tenant.compared(pages=3) | tenant.among_odd()
    assert everything <= found
    assert {finding.point for finding in found - everything} <= odd_points(tenant)


def test_where_everybody_writes_plainly_both_ways_find_exactly_the_same(
    tenants: dict[str, Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = tenants["two addresses"]
    tenant.load(organization(COMPANIES, 3, PLAIN))
    asked = tenant.asked()
    assert len(asked) > COMPANIES
    assert tenant.odd() == ()
    monkeypatch.setattr(sides, "PAGE", 40)
    assert tenant.compared(pages=2) == asked


def odd_points(tenant: Tenant) -> set[ContactPoint | None]:
    """Give the contact points that somebody wrote in a way that servers may compare differently."""
    columns = ("emailaddress1", "emailaddress2", tables.POINT_VALUE)
    written = [row[column] for set_ in tables.SETS.values() for row in tenant.service.client.list_rows(set_)
               for column in columns if column in row]  # fmt: skip
    return {ContactPoint.of(Channel.EMAIL, address) for address in written if not is_plain(address)}


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_whatever_the_rules_would_change_is_found(tenants: dict[str, Tenant], mapping: str) -> None:
    tenant = tenants[mapping]
    tenant.load(organization(COMPANIES // 4, 4, SPELLINGS))
    found = tenant.asked() | tenant.among_odd()
    looked = everybody(tenant)
    named = {subject for finding in found for subject in (finding.point, *finding.records)}
    reached = set(named)
    while (
        more := {
            subject
            for point, holders in looked.snapshot.holders.items()
            if point.reachable and not reached.isdisjoint({point, *holders})
            for subject in (point, *holders)
        }
        - reached
    ):
        reached |= more
    changed = {write.location.subject for write in (*looked.decision.writes, *looked.decision.unsent)}
    mailable = {s for s in changed if isinstance(s, RecordRef) or s.reachable}
    assert len(mailable) > COMPANIES // 4
    assert mailable <= reached
    assert len(mailable - named) < len(mailable) / 10


def everybody(tenant: Tenant) -> Look:
    """Look at everybody for the first time, as a resync does."""
    client = tenant.service.client
    records = {
        RecordRef(table, row[tables.RECORD_KEYS[table]])
        for table, set_ in tables.RECORD_SETS.items()
        for row in client.list_rows(set_)
    }
    rows = tuple(row[tables.ROW_KEY] for row in client.list_rows(tables.ROW_SET))
    return tenant.service.passes.reconcile.look(Wake((), tuple(sorted(records)), rows=rows))
