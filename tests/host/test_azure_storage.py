"""The host with its queues in Azure Storage, played by Azurite: what else than queues in memory must it get right?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.storage.queue import QueueServiceClient, TextBase64EncodePolicy

from local.host.azure_queues import AzureQueueStore
from local.host.errors import HostError
from tests.host.conftest import SETTINGS, running_host, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.conftest import RunningHost


@pytest.fixture(scope="module")
def host(queues: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    settings = {**SETTINGS, "AzureWebJobsStorage": queues, "AzureWebJobs.every_second.Disabled": "true"}
    with running_host(tmp_path_factory.mktemp("azure"), settings) as host:
        yield host


@pytest.fixture
def service(azurite: str) -> QueueServiceClient:
    return QueueServiceClient.from_connection_string(azurite)


def test_messages_go_from_output_to_function_and_bad_ones_to_poison(host: RunningHost) -> None:
    for text in ("good", "bad"):
        host.call("POST", "/api/send", data=text)
    host.wait_until_idle()
    assert host.texts("work") == ["bad", "bad", "bad", "good"]
    assert host.texts("poisoned") == ["bad"]
    assert host.seen("at_start") == []  # it is disabled


def test_a_producer_that_writes_base64_is_understood(host: RunningHost, service: QueueServiceClient) -> None:
    queue = service.get_queue_client("work", message_encode_policy=TextBase64EncodePolicy())
    queue.send_message("grüße from elsewhere")
    wait_until(lambda: "grüße from elsewhere" in host.texts("work"))


def test_a_message_that_is_not_base64_is_named_in_the_log_and_stops_nothing(
    host: RunningHost, service: QueueServiceClient
) -> None:
    service.get_queue_client("work").send_message("not base64")
    wait_until(lambda: "Queue work could not be read" in host.log.read_text(encoding="utf-8"))
    host.call("POST", "/api/send", data="after it")
    wait_until(lambda: "after it" in host.texts("work"))


def test_what_is_sent_is_base64_as_the_real_host_expects_it(azurite: str, service: QueueServiceClient) -> None:
    AzureQueueStore(azurite, max_pause=1).send("from-here", "grüße")
    (message,) = service.get_queue_client("from-here").peek_messages()
    assert message.content == "Z3LDvMOfZQ=="


def test_a_queue_that_is_there_already_is_used_as_it_is(azurite: str, service: QueueServiceClient) -> None:
    service.create_queue("made-by-others", metadata={"owner": "others"})
    store = AzureQueueStore(azurite, max_pause=1)
    store.send("made-by-others", "text")
    assert store.lengths() == {"made-by-others": 1}


def test_what_is_no_connection_string_is_refused() -> None:
    with pytest.raises(HostError, match="AzureWebJobsStorage is no connection string"):
        AzureQueueStore("nonsense", max_pause=1)
