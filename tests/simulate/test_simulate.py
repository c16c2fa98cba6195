"""The simulation: the service keeps its promises in it, and a service that does not is found out."""

from __future__ import annotations

from pathlib import Path

from local.simulate.run import simulate
from local.simulate.stage import Stage


def test_no_promise_is_broken_in_random_histories(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        result = simulate(stage, seed=11, minutes=0.1, at_least=30)
    assert result.violations == []
    assert result.tally.histories >= 30
    assert result.tally.kills.total() > 0
    assert result.tally.faults.total() > 0


def test_no_wrong_mail_is_what_a_service_that_trusts_whoever_loosens_a_place_breaks(tmp_path: Path) -> None:
    with Stage(tmp_path, loosened_without_proof="trust") as stage:
        result = simulate(stage, seed=11, minutes=0, at_least=30)
    assert {violation.partition(":")[0] for violation in result.violations} >= {"no_wrong_mail"}
