"""The queue store on Azure Storage, used when AzureWebJobsStorage holds a connection string."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from local.host.errors import HostError
from local.host.queues import Message, check_size
from local.host.settings import STORAGE_SETTING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_PAUSE = 0.02
_LOST = {"MessageNotFound", "PopReceiptMismatch"}


class AzureQueueStore:
    """A `QueueStore` on Azure Storage, with texts in base64 as the queue extension reads and writes them.

    Times are whole seconds there. An idle receiver asks again after pauses that double up to ``max_pause`` seconds
    (host.json's ``maxPollingInterval``). Raises HostError for what is no connection string; asks nothing of the server
    before the first call.
    """

    def __init__(self, connection_string: str, max_pause: float) -> None:
        try:
            self._service = QueueServiceClient.from_connection_string(connection_string)
        except ValueError as error:
            raise HostError(f"{STORAGE_SETTING} is no connection string of Azure Storage: {error}") from error
        self._max_pause = max_pause
        self._closed = threading.Event()
        self._clients: dict[str, QueueClient] = {}
        self._opening = threading.Lock()

    def send(self, queue: str, text: str, visibility_delay: float = 0) -> None:
        """See `QueueStore.send`."""
        check_size(queue, text)
        self._client(queue).send_message(text, visibility_timeout=round(visibility_delay))

    def receive(self, queue: str, count: int, visibility: float, wait: float) -> list[Message]:
        """See `QueueStore.receive`."""
        client = self._client(queue)
        deadline, pause = time.monotonic() + wait, _FIRST_PAUSE
        while not self._closed.is_set():
            pages = client.receive_messages(messages_per_page=count, visibility_timeout=round(visibility)).by_page()
            got = [_message(queue, delivery) for delivery in next(pages, ())]
            left = deadline - time.monotonic()
            if got or left <= 0:
                return got
            self._closed.wait(min(pause, left))
            pause = min(pause * 2, self._max_pause)
        return []

    def delete(self, message: Message) -> None:
        """See `QueueStore.delete`."""
        with _suppress_lost():
            self._client(message.queue).delete_message(message.id, message.receipt)

    def release(self, message: Message, delay: float) -> None:
        """See `QueueStore.release`."""
        with _suppress_lost():
            self._client(message.queue).update_message(message.id, message.receipt, visibility_timeout=round(delay))

    def lengths(self) -> dict[str, int]:
        """See `QueueStore.lengths`; Azure calls its counts approximate."""
        clients = sorted(self._clients.items())
        return {queue: client.get_queue_properties().approximate_message_count or 0 for queue, client in clients}

    def close(self) -> None:
        """See `QueueStore.close`."""
        self._closed.set()

    def _client(self, queue: str) -> QueueClient:
        with self._opening:
            if queue not in self._clients:
                client = self._service.get_queue_client(
                    queue,
                    message_encode_policy=TextBase64EncodePolicy(),
                    message_decode_policy=TextBase64DecodePolicy(),
                )
                with suppress(ResourceExistsError):
                    client.create_queue()
                self._clients[queue] = client
            return self._clients[queue]


@contextmanager
def _suppress_lost() -> Iterator[None]:
    """Ignore that somebody else has received or deleted the message since."""
    try:
        yield
    except HttpResponseError as error:
        if getattr(error, "error_code", None) not in _LOST:
            raise


def _message(queue: str, delivery: Any) -> Message:
    """Convert a received QueueMessage, which its class types as if it might be a peeked one."""
    return Message(
        queue=queue,
        id=delivery.id,
        receipt=delivery.pop_receipt,
        text=delivery.content,
        dequeue_count=delivery.dequeue_count,
        inserted=delivery.inserted_on,
        expires=delivery.expires_on,
        next_visible=delivery.next_visible_on,
    )
