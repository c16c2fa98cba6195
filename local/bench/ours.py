"""`python -m local.bench.ours <work>`: one piece of work in a process of its own, so that its memory is its own.

The settings come from the environment, as in Azure. Prints what it cost as one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from consent_sync.bootstrap import assemble
from consent_sync.consent.model import RecordRef
from consent_sync.engine.scopes import Scope
from consent_sync.mapping.load import load_mapping
from consent_sync.operate.service import Service
from consent_sync.operate.work import work_off
from consent_sync.ports.queue import Delivery, WorkQueue
from consent_sync.ports.runs import Run, total
from consent_sync.ports.wake import PageTurn, Wake
from consent_sync.settings import Settings

_KIB_PER_MB = 1024
_UNITS_PER_MB = _KIB_PER_MB * (1024 if sys.platform == "darwin" else 1)  # what the platform counts memory in


def plan(service: Service) -> int:
    """Make the first plan."""
    return _run(service, service.passes.start_resync(Scope("all"), dry_run=True, reason="bench"))


def resync(service: Service) -> int:
    """Bring everything in step."""
    return _run(service, service.passes.start_resync(Scope("all"), dry_run=False, reason="bench"))


def sweep(service: Service) -> int:
    """Sweep for changes."""
    return _run(service, service.passes.start_sweep())


def drift(service: Service) -> int:
    """Sweep for drift."""
    return _run(service, service.passes.start_drift())


def burst(service: Service) -> int:
    """Work the wakes of events that come all at once, of the contacts named on standard input."""
    wakes = [Wake(records=(RecordRef("contact", id_),)) for id_ in json.load(sys.stdin)]
    queue = _Queue([Delivery(wake.to_json()) for wake in wakes])
    service.bursts.queue = cast("WorkQueue", queue)
    while first := queue.take(1):
        service.bursts(first[0])
    return len(wakes)


class _Queue:
    """A queue in memory, all of whose messages can be taken at once; nothing in it may fail."""

    name = "wakes"

    def __init__(self, waiting: Sequence[Delivery]) -> None:
        self._waiting = list(waiting)

    def take(self, count: int) -> list[Delivery]:
        """Take messages out, for good."""
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def done(self, delivery: Delivery) -> None:
        """Let go of a message that is out already."""


def _run(service: Service, begun: tuple[Run, Sequence[Wake | PageTurn]]) -> int:
    run, messages = begun
    if errors := work_off(service.passes, messages):
        raise errors[0]
    return total(service.ledger.parts(run.id)).written


WORK: dict[str, Callable[[Service], int]] = {
    "plan": plan,
    "resync": resync,
    "sweep": sweep,
    "drift": drift,
    "burst": burst,
}


def main() -> None:
    """Do the work that the command line names."""
    settings = Settings.read(os.environ)
    service = assemble(settings, load_mapping(settings.mapping_file))
    service.passes.tenant.landscape()
    idle, requests, started = _memory_now(), service.client.requests_sent, time.perf_counter()
    written = WORK[sys.argv[1]](service)
    cost = {
        "requests": service.client.requests_sent - requests,
        "seconds": time.perf_counter() - started,
        "peak": max(0.0, _memory_peak() - idle),
        "written": written,
    }
    print(json.dumps(cost), flush=True)


def _memory_now() -> float:
    """Give what this process holds in memory now, in MB; where the system does not tell, what it held at most."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / _KIB_PER_MB**2
    return _memory_peak()


def _memory_peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNITS_PER_MB


if __name__ == "__main__":
    main()
