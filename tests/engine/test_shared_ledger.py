"""A ledger that many workers share, and that may record a part of a save: what the engine makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from consent_sync.consent.model import Reading
from consent_sync.consent.registers import Entry
from consent_sync.ports.ledger import LedgerConflict
from tests.engine.conftest import Bench
from tests.support.world import ANN, P1, T1, A


@pytest.mark.parametrize("refused", [A, ANN])
def test_liveness_a_save_refused_in_part_keeps_nobody_waiting_for_writes_that_never_come(
    bench: Bench, refused: object
) -> None:
    bench.look(bench.world.consent(A, T1, Reading.OUT))
    opted_in = bench.world.consent(A, T1, Reading.IN)
    save, refusals = bench.ledger.save, [refused]

    def refuse_once(entries: Iterable[Entry], history: Any, holds: Any = ()) -> Any:
        if not refusals:
            return save(entries, history, holds)
        gone = refusals.pop()
        kept = [entry for entry in entries if entry.subject != gone]
        subjects = {entry.subject for entry in kept}
        raise LedgerConflict(save(kept, [line for line in history if line.subject in subjects], holds))

    bench.ledger.save = refuse_once  # type: ignore[method-assign]
    bench.look(opted_in)
    assert "l1" in bench.world.records[ANN].lists
    assert not any(seen.pending for entry in bench.ledger.load([A, ANN]).values() for seen in entry.seen.values())


def test_a_mark_that_lags_behind_costs_one_more_look(bench: Bench) -> None:
    """Where entries carry the server's time, one that was saved shortly before a look seems to be saved during it."""
    bench.ledger.revision = lambda: 0  # type: ignore[method-assign]
    before = bench.world.calls
    bench.look(bench.world.flag(ANN, True))
    assert {r.scope for r in bench.world.rows.values() if r.reading is Reading.OUT} >= {P1}
    assert bench.world.calls - before == 3  # two looks and one write


@pytest.mark.parametrize("look", [1, 2, 3])
def test_no_echo_a_mark_that_lags_behind_hides_no_other_worker(bench: Bench, look: int) -> None:
    bench.ledger.revision = lambda: 0  # type: ignore[method-assign]
    bench.look(bench.world.consent(A, T1, Reading.OUT))
    bench.world.wait()
    opted_in = bench.world.consent(A, T1, Reading.IN)
    gather, looks = bench.world.gather, []

    def slow(*wanted: Any) -> Any:
        snapshot = gather(*wanted)
        looks.append(True)
        if len(looks) == look:
            bench.world.gather = gather  # type: ignore[method-assign]
            bench.look(opted_in)
            bench.world.gather = slow  # type: ignore[method-assign]
        return snapshot

    bench.world.gather = slow  # type: ignore[method-assign]
    bench.look(opted_in)
    bench.look()
    assert "l1" in bench.world.records[ANN].lists
    assert [r.reading for r in bench.world.rows.values() if r.scope == T1] == [Reading.IN]
