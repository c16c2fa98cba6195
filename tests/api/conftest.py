"""The service as it is deployed, for calls from outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.emulator import Emulator
from tests.functions.conftest import Deployment, deployed
from tests.support.azurite import WITH_AZURITE

collect_ignore_glob = [] if WITH_AZURITE else ["test_on_azurite*.py"]


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator(contacts=60, seed=7) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def deployment(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(emulator, tmp_path_factory.mktemp("service")) as running:
        yield running
