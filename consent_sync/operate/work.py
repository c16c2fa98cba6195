"""Working the messages of a run in this process, to the end, where no functions host does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from consent_sync.engine.passes import Passes
from consent_sync.engine.tries import LAST_TRY, wait_of
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.wake import PageTurn, Wake

FIRST_PAUSE = 2.0
"""Seconds before the second try of what failed; each further pause is twice as long."""
_AT_ONCE = 4
"""Parts of a run that are worked at the same time."""


@dataclass(frozen=True, slots=True)
class _Message:
    body: Wake | PageTurn
    tries: int = 1


def work_off(
    passes: Passes,
    messages: Iterable[Wake | PageTurn],
    *,
    after_each: Callable[[], object] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[ConsentSyncError]:
    """Work `messages` and all that follow from them; gives the errors for which some of it was given up.

    What fails is tried again as often as the host would, after a pause that grows, or after the one that Dataverse asks
    for. Interrupted, it ends with the pages under way: the checkpoints stand where they are.
    """
    given_up: list[ConsentSyncError] = []

    def work(message: _Message) -> list[_Message]:
        try:
            return [_Message(body) for body in _once(passes, message)]
        except ConsentSyncError as error:
            pause = wait_of(error)
            if pause is None and message.tries >= LAST_TRY:
                given_up.append(error)
                return []
            sleep(FIRST_PAUSE * 2 ** (message.tries - 1) if pause is None else pause)
            return [message if pause is not None else replace(message, tries=message.tries + 1)]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running: set[Future[list[_Message]]] = {pool.submit(work, _Message(body)) for body in messages}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(work, message) for future in done for message in future.result()}
            after_each()
    return given_up


def _once(passes: Passes, message: _Message) -> list[PageTurn]:
    """Work one message, and give those after it. Raises ConsentSyncError."""
    last_try = message.tries >= LAST_TRY
    if isinstance(message.body, PageTurn):
        return passes.turn(message.body, last_try=last_try)
    passes.wake(message.body, last_try=last_try)
    return []
