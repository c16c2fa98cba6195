"""Makes the webhook calls: queue, threads, the one retry, system jobs, and the faults that tests ask for."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from . import schema
from .errors import DataverseError
from .execution import encode

if TYPE_CHECKING:
    from .pipeline import Job
    from .store import Row, Store

TIMEOUT = 60.0
RETRIED = frozenset({502, 503, 504})
KEY, HEADER, QUERY = 4, 5, 6
_SUCCEEDED, _FAILED = 30, 31
_HELD_SECONDS = 1.0
_DEPTHS_KEPT = 10_000


@dataclass(slots=True)
class WebhookFaults:
    """What goes wrong with deliveries on purpose.

    `drop`: this many are lost (-1: all); `drop_tables`: those of these tables are lost; `duplicate`: this many are sent
    twice (-1: all); `delay`: seconds before each call; `reorder`: as many are held back and then sent in reverse.
    """

    drop: int = 0
    drop_tables: frozenset[str] = frozenset()
    duplicate: int = 0
    delay: float = 0.0
    reorder: int = 0


@dataclass(slots=True)
class Totals:
    """Calls made since the last reset."""

    delivered: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(order=True, slots=True)
class _Entry:
    """Calls to make one after the other, not before `due`."""

    due: float
    order: int
    generation: int = field(compare=False)
    jobs: tuple[Job, ...] = field(compare=False)


class Delivery:
    """A queue of webhook calls and the threads that make them."""

    def __init__(self, store: Store, organization: str, threads: int = 4) -> None:
        self._store = store
        self._organization = organization
        self._condition = threading.Condition()
        self._queue: list[_Entry] = []
        self._held: list[Job] = []
        self._order = itertools.count()
        self._running = 0
        self._generation = 0
        self._closing = False
        self._depths: dict[str, int] = {}
        self.timeout = TIMEOUT
        self.totals = Totals()
        self.faults = WebhookFaults()
        self._threads = [threading.Thread(target=self._work, name=f"webhook-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop the threads; calls still waiting are not made."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def clear(self) -> None:
        """Forget waiting calls, totals and faults."""
        with self._condition:
            self._queue.clear()
            self._held.clear()
            self._depths.clear()
            self._generation += 1
            self.totals = Totals()
            self.faults = WebhookFaults()

    def change_faults(self, faults: WebhookFaults) -> None:
        """Put other faults in force; calls held back for reordering go out."""
        with self._condition:
            self._release()
            self.faults = faults

    def depth_after(self, correlation_id: str | None) -> int:
        """Depth of a request that names the correlation id of a delivered event: one more than the event's."""
        return self._depths.get(correlation_id or "", 0) + 1

    def record(self, jobs: list[Job]) -> None:
        """Write the asyncoperation row of each call, inside the transaction that caused it."""
        table = schema.BY_NAME["asyncoperation"]
        now = self._store.clock.stamp()
        for job in jobs:
            row: Row = {
                "asyncoperationid": job.id,
                "name": job.step.row["name"],
                "operationtype": 1,
                "messagename": job.event.message,
                "primaryentitytype": job.event.table.name,
                "regardingobjectid": job.event.id,
                "correlationid": job.correlation_id,
                "depth": job.depth,
                "retrycount": 0,
                "owningextensionid": job.step.row["sdkmessageprocessingstepid"],
                "statecode": 0,
                "statuscode": 0,
                "createdon": now,
            }
            self._store.stamp(table, row, now)
            self._store.insert(table, row)

    def submit(self, jobs: list[Job]) -> None:
        """Queue calls whose cause has been committed."""
        if not jobs:
            return
        with self._condition:
            for job in jobs:
                self._depths[job.correlation_id] = job.depth
                if len(self._depths) > _DEPTHS_KEPT:
                    del self._depths[next(iter(self._depths))]
                if self._dropped(job):
                    self.totals.dropped += 1
                    continue
                copies = 2 if _spend(self.faults, "duplicate") else 1
                for _ in range(copies):
                    self._hold(job) if self.faults.reorder else self._push((job,))
            self._condition.notify_all()

    def settle(self, timeout: float) -> dict[str, int]:
        """Wait until nothing waits or runs, at most `timeout` seconds; calls held for reordering go out first."""
        deadline = time.monotonic() + timeout
        with self._condition:
            self._release()
            self._condition.wait_for(self._idle, max(0.0, deadline - time.monotonic()))
            waiting = sum(len(entry.jobs) for entry in self._queue)
            pending = waiting + len(self._held) + self._running
            return {"delivered": self.totals.delivered, "failed": self.totals.failed, "pending": pending}

    def call_now(self, job: Job) -> None:
        """Make a synchronous step's call. Raises IsvAborted when it fails, which undoes the caller's operation."""
        problem = self._attempt(job)
        with self._condition:
            self._count(problem)
        if problem:
            raise DataverseError(
                400, "0x80040265", f"The webhook call of step '{job.step.row['name']}' failed: {problem[1]}"
            )

    def _idle(self) -> bool:
        return not (self._queue or self._held or self._running)

    def _dropped(self, job: Job) -> bool:
        return job.event.table.name in self.faults.drop_tables or _spend(self.faults, "drop")

    def _hold(self, job: Job) -> None:
        if not self._held:
            timer = threading.Timer(_HELD_SECONDS, self._release_late)
            timer.daemon = True
            timer.start()
        self._held.append(job)
        if len(self._held) >= self.faults.reorder:
            self._release()

    def _release_late(self) -> None:
        with self._condition:
            self._release()

    def _release(self) -> None:
        if self._held:
            self._push(tuple(reversed(self._held)))
        self._held.clear()
        self._condition.notify_all()

    def _push(self, jobs: tuple[Job, ...]) -> None:
        due = time.monotonic() + self.faults.delay
        heapq.heappush(self._queue, _Entry(due, next(self._order), self._generation, jobs))

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            for job in entry.jobs:
                problem = self._attempt(job)
                self._finish(job, problem)
                with self._condition:
                    if entry.generation == self._generation:  # else a reset came in between
                        self._count(problem)
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    def _next(self) -> _Entry | None:
        with self._condition:
            while not self._closing:
                now = time.monotonic()
                if self._queue and self._queue[0].due <= now:
                    self._running += 1
                    return heapq.heappop(self._queue)
                self._condition.wait(self._queue[0].due - now if self._queue else None)
            return None

    def _count(self, problem: tuple[int, str] | None) -> None:
        if problem:
            self.totals.failed += 1
        else:
            self.totals.delivered += 1

    def _attempt(self, job: Job) -> tuple[int, str] | None:
        """Call the endpoint, once more for 502, 503 and 504. None for success, else error code and message."""
        try:
            headers, query = authentication(job.step.endpoint)
        except ValueError as error:
            return -2147155453, f"0x80050203: {error}"
        data, exceeded = encode(job.body)
        headers |= {
            "Content-Type": "application/json; charset=utf-8",
            "x-ms-dynamics-organization": self._organization,
            "x-ms-dynamics-entity-name": job.event.table.name,
            "x-ms-dynamics-request-name": job.event.message,
            "x-ms-correlation-request-id": job.correlation_id,
        }
        if exceeded:
            headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        for last in (False, True):
            try:
                status = self._post(job.step.endpoint["url"], headers, query, data)
            except requests.RequestException as error:
                return -2147204718, f"0x8004418d: {type(error).__name__}"
            if requests.codes.ok <= status < requests.codes.multiple_choices:
                return None
            if last or status not in RETRIED:
                return -2147204718, f"0x8004418d: the endpoint answered {status}"
        return None

    def _post(self, url: str, headers: dict[str, str], query: dict[str, str], data: bytes) -> int:
        session = _session()
        return session.post(
            url, params=query, headers=headers, data=data, timeout=self.timeout, allow_redirects=False
        ).status_code

    def _finish(self, job: Job, problem: tuple[int, str] | None) -> None:
        """Close the system job: 31 Failed with its message, or 30 Succeeded, which asyncautodelete removes."""
        table = schema.BY_NAME["asyncoperation"]
        with self._store.lock:
            if self._store.get(table, job.id) is None:
                return
            if problem is None and job.step.row["asyncautodelete"]:
                self._store.delete(table, job.id)
                return
            changes: dict[str, Any] = {
                "statecode": 3,
                "statuscode": _FAILED if problem else _SUCCEEDED,
                "completedon": self._store.clock.stamp(),
            }
            if problem:
                changes |= {"errorcode": problem[0], "message": problem[1], "friendlymessage": problem[1]}
            self._store.update(table, job.id, changes)


_local = threading.local()


def _session() -> requests.Session:
    """One connection pool for each thread; no proxies: these are loopback calls."""
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = _local.session = requests.Session()
        session.trust_env = False
    return session


def _spend(faults: WebhookFaults, name: str) -> bool:
    left: int = getattr(faults, name)
    if left > 0:
        setattr(faults, name, left - 1)
    return left != 0


def authentication(endpoint: Row) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters that prove the caller to this endpoint (dataverse.md 0.5 and 1.5).

    Raises ValueError when `authvalue` is not the XML that header and query authentication need.
    """
    value = endpoint["authvalue"] or ""
    match endpoint["authtype"]:
        case 5:
            return _settings(value), {}
        case 6:
            return {}, _settings(value)
        case _:
            return {}, {"code": value} if value else {}


def _settings(value: str) -> dict[str, str]:
    try:
        root = ET.fromstring(value)  # noqa: S314  - written by the test that reads it
        pairs = {setting.attrib["name"]: setting.attrib["value"] for setting in root.findall("setting")}
    except (ET.ParseError, KeyError):
        pairs = {}
    if not pairs:
        raise ValueError("The http headers in authValue are invalid: <settings><setting name= value= /></settings>")
    return pairs
