"""``parked`` against queues in Azure Storage, played by Azurite."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consent_sync.consent.model import Channel, ContactPoint
from consent_sync.ports.queue import Cause
from consent_sync.ports.wake import Wake
from consent_sync.queues.storage import StorageQueue, account_of
from tests.cli.conftest import Terminal
from tests.emulator.support import Client

POINT = ContactPoint(Channel.EMAIL, "ann@example.com")


@pytest.fixture
def queue(run: Terminal, dataverse: Client, queues: str) -> StorageQueue:
    """The queue of wakes, with one that was given up."""
    assert dataverse.url
    run.set(AzureWebJobsStorage=queues)
    account = account_of(queues, None, None)
    assert account
    queue = StorageQueue(account, "wakes")
    queue.park(Wake(points=(POINT,)).to_json(), Cause("Unauthorized", "the token was refused", 5, datetime.now(UTC)))
    return queue


def test_what_was_given_up_is_told_without_naming_anybody_and_put_back(run: Terminal, queue: StorageQueue) -> None:
    ended = run("parked")
    assert ended.code == 2
    assert "1 messages were given up: 1 by Unauthorized." in ended.out
    assert "the token was refused" in ended.out
    assert "ann@" not in ended.out
    (message,) = run("parked", "--json").json["messages"]
    assert run("parked", "replay", message["id"]).out == "1 messages are back in their queue.\n"
    assert [Wake.from_json(delivery.text).points for delivery in queue.take(5)] == [(POINT,)]
    assert run("parked").code == 0


def test_it_has_to_be_said_which(run: Terminal, queue: StorageQueue) -> None:
    for arguments in ((), ("--all", "some-id")):
        ended = run("parked", "replay", *arguments)
        assert (ended.code, "--all" in ended.err) == (1, True)
    assert run("parked", "replay", "--all").code == 0
    assert len(queue.take(5)) == 1
    assert run("parked", "replay", "unknown").code == 1
