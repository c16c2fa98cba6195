"""Storage queues: the few operations that triggers and outputs need, and an implementation in memory."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

MAX_TEXT_BYTES = 48 * 1024  # 64 KiB on the wire, base64-encoded
TIME_TO_LIVE = timedelta(days=7)


@dataclass(frozen=True)
class Message:
    """One delivery of a queue message; ``receipt`` is good until somebody else receives the message."""

    queue: str
    id: str
    receipt: str
    text: str
    dequeue_count: int
    inserted: datetime
    expires: datetime
    next_visible: datetime


class QueueStore(Protocol):
    """What Azure Storage queues promise: at least once, hidden while worked on, no strict order. Times in seconds."""

    def send(self, queue: str, text: str, visibility_delay: float = 0) -> None:
        """Add a message that can be received after the delay; ValueError above 48 KiB."""

    def receive(self, queue: str, count: int, visibility: float, wait: float) -> list[Message]:
        """Take up to ``count`` visible messages and hide them for ``visibility``; wait that long for the first one."""

    def delete(self, message: Message) -> None:
        """Remove a received message; nothing happens if somebody else has received it since."""

    def release(self, message: Message, delay: float) -> None:
        """Make a received message visible after the delay; nothing happens if somebody else has received it since."""

    def lengths(self) -> dict[str, int]:
        """Count the messages of every queue used so far, hidden ones included."""

    def close(self) -> None:
        """End every wait, now and later."""


@dataclass
class _Entry:
    text: str
    visible_at: float
    inserted: datetime
    dequeue_count: int = 0
    receipt: str = ""


class MemoryQueueStore:
    """A `QueueStore` inside this process; a waiting receiver wakes as soon as a message is sent."""

    def __init__(self) -> None:
        self._queues: dict[str, dict[str, _Entry]] = {}
        self._changed = threading.Condition()
        self._closed = False

    def send(self, queue: str, text: str, visibility_delay: float = 0) -> None:
        """See `QueueStore.send`."""
        check_size(queue, text)
        entry = _Entry(text, time.monotonic() + visibility_delay, datetime.now(UTC))
        with self._changed:
            self._queues.setdefault(queue, {})[str(uuid.uuid4())] = entry
            self._changed.notify_all()

    def receive(self, queue: str, count: int, visibility: float, wait: float) -> list[Message]:
        """See `QueueStore.receive`."""
        deadline = time.monotonic() + wait
        with self._changed:
            entries = self._queues.setdefault(queue, {})
            while True:
                now = time.monotonic()
                open_entries = [] if self._closed else entries.items()
                visible = [(key, entry) for key, entry in open_entries if entry.visible_at <= now][:count]
                if visible or self._closed or now >= deadline:
                    return [_take(queue, key, entry, visibility) for key, entry in visible]
                next_visible = min((entry.visible_at for entry in entries.values()), default=deadline)
                self._changed.wait(min(next_visible, deadline) - now)

    def delete(self, message: Message) -> None:
        """See `QueueStore.delete`."""
        with self._changed:
            if self._held(message):
                del self._queues[message.queue][message.id]

    def release(self, message: Message, delay: float) -> None:
        """See `QueueStore.release`."""
        with self._changed:
            if entry := self._held(message):
                entry.visible_at = time.monotonic() + delay
                entry.receipt = ""
                self._changed.notify_all()

    def lengths(self) -> dict[str, int]:
        """See `QueueStore.lengths`."""
        with self._changed:
            return {queue: len(entries) for queue, entries in sorted(self._queues.items())}

    def close(self) -> None:
        """See `QueueStore.close`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _held(self, message: Message) -> _Entry | None:
        entry = self._queues.get(message.queue, {}).get(message.id)
        return entry if entry and entry.receipt == message.receipt else None


def _take(queue: str, key: str, entry: _Entry, visibility: float) -> Message:
    entry.dequeue_count += 1
    entry.receipt = str(uuid.uuid4())
    entry.visible_at = time.monotonic() + visibility
    return Message(
        queue=queue,
        id=key,
        receipt=entry.receipt,
        text=entry.text,
        dequeue_count=entry.dequeue_count,
        inserted=entry.inserted,
        expires=entry.inserted + TIME_TO_LIVE,
        next_visible=datetime.now(UTC) + timedelta(seconds=visibility),
    )


def check_size(queue: str, text: str) -> None:
    """Raise ValueError for a message that Azure Storage would refuse."""
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        raise ValueError(f"a message of {size} bytes for queue {queue}; the limit is {MAX_TEXT_BYTES}, send references")
