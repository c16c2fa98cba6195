"""Independent reads or writes side by side, as many as the server recommends.

Source: Microsoft's page "Send parallel requests" (header `x-ms-dop-hint`, ramp up, let the server tell) and "Service
protection API limits" (52 concurrent requests).
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from consent_sync.dataverse.batch import Operation, Response, split
from consent_sync.dataverse.client import DataverseClient

_MOST = 52
_UNHINTED = 4
_CALM = 50  # jobs without trouble, after which one more at once is tried again


@dataclass(frozen=True, slots=True)
class Pace:
    """How many jobs run at once: one more after a job that went well, half after one that was throttled.

    `ceiling` is what was not yet too much: a degree that was throttled is not tried again for a while. `calm` counts
    the jobs that went well since.
    """

    ceiling: int
    degree: int = 1
    calm: int = 0

    def after(self, *, throttled: bool, hint: int | None) -> Pace:
        """Give the pace after a job."""
        if throttled:
            return Pace(max(1, min(self.ceiling, self.degree - 1)), max(1, self.degree // 2))
        raised = self.calm + 1 >= _CALM
        ceiling = self.ceiling + 1 if raised else self.ceiling
        degree = max(1, min(ceiling, hint or _UNHINTED, self.degree + 1))
        return Pace(ceiling, degree, 0 if raised else self.calm + 1)


def in_parallel[T](client: DataverseClient, jobs: Iterable[Callable[[], T]], *, at_most: int = 16) -> Generator[T]:
    """Run jobs on threads and give their results in the order of the jobs, which are taken lazily.

    Starts with one at a time and follows the server from there. The first job that raises ends the run: those that are
    running finish, the rest never start.
    """

    def measured(job: Callable[[], T]) -> tuple[T, bool]:
        with client.counting() as counter:
            result = job()
        return result, counter.throttled > 0

    left = iter(jobs)
    running: deque[Future[tuple[T, bool]]] = deque()
    pace = Pace(min(at_most, _MOST))
    with ThreadPoolExecutor(max_workers=min(at_most, _MOST)) as pool:
        try:
            while True:
                while len(running) < min(pace.degree, at_most) and (job := next(left, None)) is not None:
                    running.append(pool.submit(contextvars.copy_context().run, measured, job))
                if not running:
                    return
                result, throttled = running.popleft().result()
                pace = pace.after(throttled=throttled, hint=client.dop_hint)
                yield result
        finally:
            for future in running:
                future.cancel()


def batch_in_parallel(
    client: DataverseClient, operations: Sequence[Operation], *, size: int = 100, at_most: int = 16
) -> list[Response]:
    """Run operations in batches of `size` side by side and give their answers in order, failures as `Response.error`.

    Only for operations that do not depend on each other, unless they share a change set.
    """
    parts = split(operations, size)
    jobs = [partial(client.batch, [operations[index] for index in part]) for part in parts]
    answers: dict[int, Response] = {}
    for part, responses in zip(parts, in_parallel(client, jobs, at_most=at_most), strict=True):
        answers |= zip(part, responses, strict=True)
    return [answers[index] for index in range(len(operations))]
