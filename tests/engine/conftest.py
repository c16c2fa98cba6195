from __future__ import annotations

import pytest

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Act, Reading
from consent_sync.engine.reconcile import Reconciler, Task
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ports.runs import Tally
from consent_sync.ports.wake import Wake
from tests.support.world import ANN, START, A, B, World


class Bench:
    """A world with Ann in it, and a service that looks when told to."""

    def __init__(self, world: World | None = None, mode: Mode = Mode.TWO_WAY) -> None:
        self.world, self.mode = world or World(), mode
        self.ledger = SqliteLedger(":memory:", SubjectKeys("key"))
        self.ledger.born = lambda: START  # type: ignore[method-assign]

    def look(self, *acts: Act, dry_run: bool = False) -> Tally:
        """Reconcile everybody, a moment later; `acts` are the events that arrive with it."""
        self.world.wait()
        reconcile = Reconciler(self.world, self.ledger, lambda: self.mode, sleep=lambda _: None)
        return reconcile(Wake((A, B), (), acts), Task(dry_run=dry_run))

    def written(self, *acts: Act) -> list[tuple[str, Reading]]:
        """Look, and give what was written."""
        before = len(self.world.writes)
        self.look(*acts)
        return [(w.location.key.split("/row")[0], w.to) for w in self.world.writes[before:]]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.world.join(ANN, "l1")
    bench.world.join(ANN, "l2")
    bench.look()
    return bench
