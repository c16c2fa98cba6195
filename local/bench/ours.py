"""`python -m local.bench.ours <work>`: one piece of work in a process of its own, so that its memory is its own.

The settings come from the environment, as in Azure. Prints what it cost as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from consent_sync.bootstrap import assemble
from consent_sync.consent.model import RecordRef
from consent_sync.engine.scopes import Scope
from consent_sync.mapping.load import load_mapping
from consent_sync.operate.service import Service
from consent_sync.operate.work import work_off
from consent_sync.ports.drift import DriftPage
from consent_sync.ports.queue import Delivery, WorkQueue
from consent_sync.ports.runs import Run, total
from consent_sync.ports.wake import PageTurn, Wake
from consent_sync.settings import Settings
from consent_sync.tenant.drift.finder import DriftFinder
from consent_sync.tenant.drift.rules import drift_rules

_KIB_PER_MB = 1024


def plan(service: Service) -> int:
    """Make the first plan."""
    return _run(service, service.passes.start_resync(Scope("all"), dry_run=True, reason="bench"))


def resync(service: Service) -> int:
    """Bring everything in step."""
    return _run(service, service.passes.start_resync(Scope("all"), dry_run=False, reason="bench"))


def follow(service: Service) -> int:
    """Get the first tokens of change tracking, and sweep once: the next sweep goes by them alone."""
    begun = service.passes.start_tracking()
    return (_run(service, begun) if begun else 0) + sweep(service)


def sweep(service: Service) -> int:
    """Sweep for changes."""
    return _run(service, service.passes.start_sweep())


def drift(service: Service) -> int:
    """Sweep for drift."""
    return _run(service, service.passes.start_drift())


def refused(service: Service) -> int:
    """Sweep for drift where the server refused every question."""
    passes = replace(service.passes, drift=_Refused(cast("DriftFinder", service.passes.drift)))
    return _run(replace(service, passes=passes), passes.start_drift())


def burst(service: Service) -> int:
    """Work the wakes of events that come all at once, of the contacts named on standard input."""
    wakes = [Wake(records=(RecordRef("contact", id_),)) for id_ in json.load(sys.stdin)]
    queue = _Queue([Delivery(wake.to_json()) for wake in wakes])
    service.bursts.queue = cast("WorkQueue", queue)
    while first := queue.take(1):
        service.bursts(first[0])
    return len(wakes)


@dataclass(frozen=True, slots=True)
class _Refused:
    """Finds drift by comparing alone, as on the day after the server refused every question."""

    drift: DriftFinder

    def scan(self, born: datetime, _frozen: Collection[str], _skip: Collection[str], _after: str | None) -> DriftPage:
        """Refuse every question."""
        return DriftPage((), refused={rule.id: "refused" for rule in drift_rules(self.drift.look(), born)})

    def compare(self, born: datetime, frozen: Collection[str], only: Collection[str], after: str | None) -> DriftPage:
        """Compare as always."""
        return self.drift.compare(born, frozen, only, after)

    def compare_odd(self, born: datetime, frozen: Collection[str], odd: Collection[str]) -> DriftPage:
        """Compare as always."""
        return self.drift.compare_odd(born, frozen, odd)


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
    "follow": follow,
    "sweep": sweep,
    "drift": drift,
    "refused": refused,
    "burst": burst,
}


def main() -> None:
    """Do the work that the command line names."""
    settings = Settings.read(os.environ)
    service = assemble(settings, load_mapping(settings.mapping_file))
    service.passes.tenant.landscape()
    idle, requests, started = _memory("VmRSS"), service.client.requests_sent, time.perf_counter()
    written = WORK[sys.argv[1]](service)
    cost = {
        "requests": service.client.requests_sent - requests,
        "seconds": time.perf_counter() - started,
        "peak": _memory("VmHWM") - idle,
        "written": written,
    }
    print(json.dumps(cost), flush=True)


def _memory(what: str) -> float:
    """Give what this process holds in memory now (VmRSS) or held at most (VmHWM), in MB; 0 where Linux does not tell.

    The peak of `getrusage` will not do: it begins with that of the process that started this one.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / _KIB_PER_MB for line in lines if line.startswith(f"{what}:")), 0.0)


if __name__ == "__main__":
    main()
