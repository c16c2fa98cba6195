"""The same contact point in two hands at once: one of them loses cleanly on the ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Reading, Subject
from consent_sync.consent.registers import Entry
from consent_sync.engine.reconcile import Reconciler
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ports.ledger import LedgerConflict
from consent_sync.ports.wake import Wake
from tests.support.world import ANN, START, A, World


class Watched(SqliteLedger):
    """Lets its worker go on from reading only once the other one has read as well."""

    def __init__(self, path: Path, both_have_read: threading.Barrier) -> None:
        super().__init__(path, SubjectKeys("key"))
        self.born = lambda: START  # type: ignore[method-assign]
        self.both_have_read, self.looks, self.lost = both_have_read, 0, 0

    def load(self, subjects: Iterable[Subject]) -> dict[Subject, Entry]:
        found = super().load(subjects)
        self.looks += 1
        if self.looks == 1:
            self.both_have_read.wait()
        return found

    def save(self, *what: Any) -> dict[Subject, Entry]:
        try:
            return super().save(*what)
        except LedgerConflict:
            self.lost += 1
            raise


def test_of_two_workers_at_one_contact_point_one_loses_and_looks_again(tmp_path: Path) -> None:
    world, together = World(), threading.Barrier(2, timeout=10)
    world.add(ANN, A)
    act = world.flag(ANN, True)
    world.wait()
    ledgers = [Watched(tmp_path / "ledger.sqlite", together) for _ in range(2)]

    def work(ledger: Watched) -> None:
        reconcile = Reconciler(world, ledger, lambda: Mode.TWO_WAY, sleep=lambda _: world.wait(1))
        reconcile(Wake((A,), acts=(act,)))

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(work, ledgers))
    loser, winner = sorted(ledgers, key=lambda ledger: ledger.looks, reverse=True)
    assert (loser.lost, winner.lost) == (1, 0)
    assert len(world.writes) == len({write.location for write in world.writes}) == 2, "nothing was written twice"
    assert {row.reading for row in world.rows.values()} == {Reading.OUT}
