"""The service with its queues in Azure Storage, played by Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consent_sync.dataverse.registration import WebhookEndpoint, register
from consent_sync.mapping.load import load_mapping
from consent_sync.tenant.events import steps
from local.emulator import Emulator
from tests.functions.conftest import MAPPING, WEBHOOK_KEY, Deployment, deployed
from tests.support.azurite import WITH_AZURITE

APP = Path(__file__).parent / "app"
collect_ignore_glob = [] if WITH_AZURITE else ["test_on_azurite*.py"]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(contacts=60, seed=7) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def deployment(emulator: Emulator, queues: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(emulator, tmp_path_factory.mktemp("azure"), AzureWebJobsStorage=queues) as running:
        endpoint = WebhookEndpoint("consent-sync", f"{running.url}/api/dataverse-events", "x-webhook-key", WEBHOOK_KEY)
        register(running.people, endpoint, steps(load_mapping(MAPPING).file))
        yield running


@pytest.fixture(scope="module")
def impatient(emulator: Emulator, queues: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(emulator, tmp_path_factory.mktemp("parked"), APP, AzureWebJobsStorage=queues) as running:
        running.faults(webhooks={"drop": -1})
        yield running
