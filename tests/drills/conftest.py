"""The small company of the case tests, for bad days. The service's runs go by the company's clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from consent_sync.consent.decide import Write
from consent_sync.consent.model import Reading
from consent_sync.engine import backups, passes
from consent_sync.ports.tenant import Result
from consent_sync.ports.wake import PageTurn
from consent_sync.tenant.dataverse import DataverseTenant
from tests.cases import conftest as company
from tests.cases.office import Office

emulator, open_office = company.emulator, company.open_office


@pytest.fixture
def office(open_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch) -> Office:
    office = open_office()
    monkeypatch.setattr(passes, "_now", lambda: datetime.fromtimestamp(office.now, UTC))
    monkeypatch.setattr(backups, "now", lambda: datetime.fromtimestamp(office.now, UTC))
    return office


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """What is written from now on."""
    found: list[Reading] = []
    apply = DataverseTenant.apply

    def noting(tenant: DataverseTenant, writes: Sequence[Write]) -> list[Result]:
        found.extend(write.to for write in writes)
        return apply(tenant, writes)

    monkeypatch.setattr(DataverseTenant, "apply", noting)
    return found


def sweep(office: Office) -> str:
    """Run the timer's sweep to its end; gives what it looked at."""
    office.pass_time()
    run, waiting = office.service.passes.start_sweep()
    while waiting:
        message = waiting.pop(0)
        assert isinstance(message, PageTurn)
        waiting += office.service.passes.turn(message)
    office.pass_time()
    return run.scope
