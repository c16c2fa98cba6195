"""What makes functions run by themselves: queue messages and time."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from local.host.errors import InvocationFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.host.queues import Message, QueueStore
    from local.host.schedule import Schedule
    from local.host.settings import QueueOptions

log = logging.getLogger(__name__)

_HIDDEN_WHILE_WORKED_ON = 600.0  # the real host's ten minutes
_POISON = "-poison"


class TimedInvoke(Protocol):
    """Runs a timer function."""

    def __call__(self, *, past_due: bool) -> None:
        """Raise InvocationFailedError if it fails."""


class QueueListener:
    """Feeds one function from one queue, as the storage queue extension does on one instance.

    It takes ``batchSize`` messages at a time and fetches the next batch once no more than ``newBatchThreshold`` are
    being worked on. A failed message comes back after ``visibilityTimeout``; after ``maxDequeueCount`` tries it moves
    to ``<queue>-poison``. A failed message of a poison queue itself stays hidden until its ten minutes are over.
    """

    def __init__(
        self, store: QueueStore, queue: str, options: QueueOptions, invoke: Callable[[Message], object]
    ) -> None:
        self._store = store
        self._queue = queue
        self._options = options
        self._invoke = invoke
        self._stopping = False
        self._running = 0
        self._finished = threading.Condition()
        self._pool = ThreadPoolExecutor(
            options.batch_size + options.new_batch_threshold, thread_name_prefix=f"queue-{queue}"
        )
        self._thread = threading.Thread(target=self._poll, name=f"poll-{queue}", daemon=True)

    def start(self) -> None:
        """Begin to take messages."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more messages and wait for those being worked on; close the store first to end its wait."""
        with self._finished:
            self._stopping = True
            self._finished.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()

    def _poll(self) -> None:
        while not self._stopping:
            try:
                batch = self._store.receive(self._queue, self._options.batch_size, _HIDDEN_WHILE_WORKED_ON, wait=60)
            except Exception:
                log.exception("Queue %s could not be read; trying again", self._queue)
                batch = []
                time.sleep(1)
            with self._finished:
                self._running += len(batch)
            for message in batch:
                self._pool.submit(self._process, message)
            with self._finished:
                self._finished.wait_for(lambda: self._stopping or self._running <= self._options.new_batch_threshold)

    def _process(self, message: Message) -> None:
        try:
            self._settle(message, succeeded=self._succeeds(message))
        except Exception:
            log.exception("Message %s of queue %s could not be settled; it comes back", message.id, self._queue)
        finally:
            with self._finished:
                self._running -= 1
                self._finished.notify_all()

    def _succeeds(self, message: Message) -> bool:
        if message.dequeue_count > self._options.max_dequeue_count:
            return False  # its last try ended with the host
        try:
            self._invoke(message)
        except InvocationFailedError:
            return False
        return True

    def _settle(self, message: Message, *, succeeded: bool) -> None:
        if succeeded:
            self._store.delete(message)
        elif self._queue.endswith(_POISON):
            pass
        elif message.dequeue_count >= self._options.max_dequeue_count:
            log.error(
                "Message %s failed %d times: moved to %s%s", message.id, message.dequeue_count, self._queue, _POISON
            )
            self._store.send(self._queue + _POISON, message.text)
            self._store.delete(message)
        else:
            self._store.release(message, self._options.visibility_timeout)


class TimerListener:
    """Runs one function on its schedule, one run at a time.

    A run that lasts past the next occurrence is followed at once by a single run marked past due, however many
    occurrences it covered. Nothing is remembered across restarts.
    """

    def __init__(self, schedule: Schedule, *, run_on_startup: bool, invoke: TimedInvoke) -> None:
        self._schedule = schedule
        self._run_on_startup = run_on_startup
        self._invoke = invoke
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="timer", daemon=True)

    def start(self) -> None:
        """Begin to wait for the next occurrence."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for a running invocation and run no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _tick(self) -> None:
        if self._run_on_startup:
            self._fire(past_due=False)
        due = self._schedule.after(datetime.now(UTC))
        while self._sleep_until(due):
            self._fire(past_due=False)
            due = self._schedule.after(due)
            now = datetime.now(UTC)
            if due <= now:
                self._fire(past_due=True)
                due = self._schedule.after(max(now, due))

    def _sleep_until(self, due: datetime) -> bool:
        while (left := due - datetime.now(UTC)) > timedelta(0):
            # in short steps, so that a laptop that slept or a corrected clock does not matter
            if self._stopping.wait(min(left.total_seconds(), 30)):
                return False
        return not self._stopping.is_set()

    def _fire(self, *, past_due: bool) -> None:
        with contextlib.suppress(InvocationFailedError):  # logged where it failed; the next occurrence tries again
            self._invoke(past_due=past_due)
