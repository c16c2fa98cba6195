"""The ledger is lost: a new one is built from what stands in Dataverse, and every doubt counts as an opt-out."""

from __future__ import annotations

import pytest

from consent_sync.consent.model import Reading
from tests.cases.office import IN, OUT, Office
from tests.drills.conftest import sweep


@pytest.fixture
def bereft(office: Office) -> Office:
    """In step, then without a ledger; while nobody watched, people went on acting. All of it before the new one."""
    with office.years_ago():
        for name in ("reader", "leaver", "split", "quiet"):
            office.contact(name)
        office.says("reader@example.com", "contoso", IN)
        office.join("reader", "newsletter list")
        office.change("leaver", donotbulkemail=True)
        office.says("split@example.com", "contoso", IN)
        sweep(office)
        office.close()
        for file in office.folder.glob("ledger.db*"):
            file.unlink()
        office.change("split", donotbulkemail=True)
        office.says("split@example.com", "contoso", IN)
        office.says("quiet@example.com", "newsletter", OUT)
    office.service = office.start(office.folder / "ledger.db")
    office.service.ledger.born()
    office.pass_time(60)
    return office


def test_the_first_sweep_reads_everything_and_opens_nothing(bereft: Office, written: list[Reading]) -> None:
    assert sweep(bereft) == "all"
    assert written
    assert IN not in written


def test_out_wins_where_the_sides_differ_whatever_the_times_say(bereft: Office) -> None:
    """The opt-in is newer than the flag, but nobody knows what happened in between: a person decides."""
    sweep(bereft)
    assert bereft.state()["split@example.com", "contoso"] is OUT
    assert "row contoso" in bereft.held()


def test_who_is_in_step_keeps_what_they_have(bereft: Office) -> None:
    before = bereft.state()
    sweep(bereft)
    after = bereft.state()
    mine = [key for key in before if key[0] in {"reader", "reader@example.com", "leaver", "leaver@example.com"}]
    assert {key: after[key] for key in mine} == {key: before[key] for key in mine}


def test_an_opt_out_that_nobody_watched_is_carried(bereft: Office) -> None:
    bereft.join("quiet", "newsletter list")
    sweep(bereft)
    assert not bereft.is_on("quiet", "newsletter list")


def test_an_opt_in_after_the_rebuild_counts_again(bereft: Office) -> None:
    sweep(bereft)
    bereft.says("quiet@example.com", "newsletter", IN)
    bereft.sync()
    assert bereft.state()["quiet@example.com", "newsletter"] is IN
