"""A queue of an Azure Storage account, with texts in base64 as the host's extension reads and writes them.

Sources: Microsoft's reference of the Queue service REST API (Get Messages: at most 32; Peek Messages: at most 32;
visibility time-outs in whole seconds) and of the host's queue extension (base64, `-poison`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from math import ceil
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from consent_sync.ports.queue import Cause, Delivery, Parked, QueueTrouble
from consent_sync.telemetry import Event, say

from .envelope import unwrap, wrap

AT_ONCE = 32
HIDDEN = 180
"""Seconds for which a message that was taken is hidden: longer than a reconcile that uses up its retries twice."""
PAUSE = 30
"""Seconds until a failed message comes back: extensions.queues.visibilityTimeout of host.json."""
_MOVING = 60
_FOR_EVER = -1
_LONGEST_DELAY = 3600
_POISON = "-poison"


class StorageQueue:
    """Implements the queue port on one queue; safe to use from many threads. Asks nothing before the first call."""

    def __init__(self, service: QueueServiceClient, name: str) -> None:
        self.name = name
        self._main, self._poison = (_client(service, each) for each in (name, name + _POISON))

    def take(self, count: int) -> list[Delivery]:
        """Take up to `count` visible messages, none where the queue cannot be read. They come back by themselves."""
        try:
            return [_delivery(message) for message in _receive(self._main, count, HIDDEN)]
        except AzureError as error:
            say(Event.QUEUE_TROUBLE, logging.WARNING, queue=self.name, what="take", kind=type(error).__name__)
            return []

    def done(self, delivery: Delivery) -> None:
        """Delete a message that was taken, unless somebody else took it since."""
        with self._forgiving("delete"):
            self._main.delete_message(delivery.id, delivery.receipt)

    def back(self, delivery: Delivery) -> None:
        """Let a message that was taken be delivered again after the pause of a failed try."""
        with self._forgiving("release"):
            self._main.update_message(delivery.id, delivery.receipt, visibility_timeout=PAUSE)

    def send(self, text: str, delay: float = 0) -> None:
        """Add a message that is delivered after `delay` seconds at the earliest."""
        with self._troubled():
            _send(self._main, text, visibility_timeout=min(ceil(delay), _LONGEST_DELAY))

    def park(self, text: str, cause: Cause) -> None:
        """Add a message to those that were given up, for good: the service's own would expire after a week."""
        with self._troubled():
            _send(self._poison, wrap(text, cause), time_to_live=_FOR_EVER)

    def count_parked(self) -> int:
        """Count what was given up; the storage calls its count approximate."""
        with self._troubled():
            try:
                return self._poison.get_queue_properties().approximate_message_count or 0
            except ResourceNotFoundError:
                return 0

    def parked(self) -> list[Parked]:
        """Show the oldest messages that were given up, at most 32: looking at more would take them away from others."""
        with self._troubled():
            try:
                return [_parked(message) for message in self._poison.peek_messages(max_messages=AT_ONCE)]
            except ResourceNotFoundError:
                return []

    def replay(self, ids: Collection[str] | None = None) -> int:
        """Put messages that were given up, all or those of `ids`, back into the queue; gives how many."""
        moved, others = 0, []
        with self._troubled():
            while ids is None or moved < len(ids):
                messages = _receive(self._poison, AT_ONCE, _MOVING)
                if not messages:
                    break
                for message in messages:
                    if ids is None or message.id in ids:
                        _send(self._main, unwrap(message.content)[0])
                        self._poison.delete_message(message)
                        moved += 1
                    else:
                        others.append(message)
            for message in others:
                self._poison.update_message(message, visibility_timeout=0)
        return moved

    @contextmanager
    def _forgiving(self, what: str) -> Iterator[None]:
        """Go on where a message could not be deleted or released: then it is delivered again, which is harmless."""
        try:
            yield
        except AzureError as error:
            say(Event.QUEUE_TROUBLE, queue=self.name, what=what, kind=type(error).__name__)

    @contextmanager
    def _troubled(self) -> Iterator[None]:
        try:
            yield
        except AzureError as error:
            code = getattr(error, "error_code", None) or type(error).__name__
            raise QueueTrouble(f"queue {self.name}: {code}") from None


def account_of(connection: str | None, address: str | None, identity: TokenCredential) -> QueueServiceClient | None:
    """Give the account of a connection string, or the one at `address` for an identity; None where neither is given."""
    if connection:
        try:
            return QueueServiceClient.from_connection_string(connection)
        except ValueError:
            raise QueueTrouble("AzureWebJobsStorage is no connection string") from None
    return QueueServiceClient(address, credential=identity) if address else None


def _client(service: QueueServiceClient, name: str) -> QueueClient:
    encode, decode = TextBase64EncodePolicy(), TextBase64DecodePolicy()
    return service.get_queue_client(name, message_encode_policy=encode, message_decode_policy=decode)


def _receive(client: QueueClient, count: int, hidden: int) -> list[Any]:
    asked = client.receive_messages(messages_per_page=min(count, AT_ONCE), visibility_timeout=hidden)
    try:
        return list(next(asked.by_page(), ()))
    except ResourceNotFoundError:
        return []


def _send(client: QueueClient, text: str, **options: int) -> None:
    """Send, and make the queue if it is not there: in Azure the templates made it."""
    try:
        client.send_message(text, **options)
    except ResourceNotFoundError:
        with suppress(ResourceExistsError):  # another worker has made it
            client.create_queue()
        client.send_message(text, **options)


def _delivery(message: Any) -> Delivery:
    return Delivery(message.content, message.dequeue_count, message.id, message.pop_receipt)


def _parked(message: Any) -> Parked:
    text, cause = unwrap(message.content)
    return Parked(message.id, text, message.inserted_on, cause)
