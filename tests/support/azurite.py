"""Azurite for the tests that need queues or tables of Azure Storage."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from azure.storage.queue import QueueServiceClient

from local.azurite import is_installed, run_azurite

WITH_AZURITE = is_installed() or bool(os.environ.get("CI"))  # CI fails without it


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of an Azurite of our own."""
    with run_azurite() as connection_string:
        yield connection_string


@pytest.fixture(scope="module")
def queues(azurite: str) -> str:
    """Give Azurite with empty queues: what earlier tests left there, or had in hand, would be worked here."""
    service = QueueServiceClient.from_connection_string(azurite)
    for queue in service.list_queues():
        service.get_queue_client(queue.name).clear_messages()
    return azurite
