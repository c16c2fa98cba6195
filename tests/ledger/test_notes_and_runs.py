"""What every ledger promises about notes, the lease that is built on them, and runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from consent_sync.consent.landscape import Mode
from consent_sync.engine.gates import LEASE, Gates
from consent_sync.ports.runs import Part, Source, Tally
from tests.ledger.people import NOON, run

if TYPE_CHECKING:
    from consent_sync.ledger.stored import StoredLedger
    from tests.ledger.conftest import Place


def test_a_note_is_set_only_over_what_was_expected(place: Place) -> None:
    ledger = place.open()
    assert ledger.note("n") is None
    assert not ledger.set_note("n", "a", "something")
    assert ledger.set_note("n", "a", None)
    assert not ledger.set_note("n", "b", None)
    assert not ledger.set_note("n", "b", "something")
    assert place.open().set_note("n", "", "a")
    assert ledger.note("n") == ""
    assert ledger.set_note("n", "long " * 50_000, "")
    assert ledger.note("n") == "long " * 50_000


def test_notes_that_many_workers_count_in_lose_nothing(place: Place) -> None:
    workers = [place.open() for _ in range(3)]

    def count(ledger: StoredLedger) -> None:
        for _ in range(5):
            while True:
                stands = ledger.note("count")
                if ledger.set_note("count", str(int(stands or 0) + 1), stands):
                    break

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(count, workers))
    assert workers[0].note("count") == "15"


def test_of_two_installations_one_leads_until_its_lease_is_over(place: Place) -> None:
    def mode(name: str, minutes: float) -> Mode:
        now = NOON + LEASE * minutes
        return Gates(place.open(), Mode.TWO_WAY, "mapping", name, lambda: now).mode()

    with ThreadPoolExecutor(4) as pool:
        modes = dict(zip("abcd", pool.map(lambda name: mode(name, 0), "abcd"), strict=True))
    assert sorted(modes.values()) == [Mode.OBSERVE] * 3 + [Mode.TWO_WAY]
    leader = next(name for name, given in modes.items() if given is Mode.TWO_WAY)
    other = next(name for name, given in modes.items() if given is Mode.OBSERVE)
    assert mode(other, 0.9) is Mode.OBSERVE
    assert mode(leader, 0.9) is Mode.TWO_WAY
    assert mode(other, 2) is Mode.TWO_WAY
    assert mode(leader, 2.1) is Mode.OBSERVE


def part(run_id: str, name: str, seq: int = 0, **more: object) -> Part:
    return replace(Part(run_id, name, Source("contact", "brand", NOON), seq=seq), **more)


def test_a_run_is_found_with_its_parts(ledger: StoredLedger) -> None:
    parts = [part("r/1", f"list {number}+opt-ins") for number in range(130)]
    ledger.start_run(run("r/1"), parts)
    assert ledger.run("r/1") == run("r/1")
    assert sorted(ledger.parts("r/1"), key=lambda p: p.name) == sorted(parts, key=lambda p: p.name)
    assert ledger.part("r/1", parts[7].name) == parts[7]
    assert ledger.run("other") is ledger.part("r/1", "other") is ledger.part("other", "x") is None
    assert ledger.parts("other") == []


def test_parts_that_are_there_already_are_not_added_again(ledger: StoredLedger) -> None:
    ledger.start_run(run("r"), [part("r", "a")])
    ledger.advance(part("r", "a", 1), 0)
    ledger.add_parts([part("r", "a"), part("r", "b")])
    assert ledger.parts("r") == [part("r", "a", 1), part("r", "b")]
    ledger.add_parts([])


def test_the_latest_runs_come_first(ledger: StoredLedger) -> None:
    for minutes in (2, 1, 4, 3):
        ledger.start_run(run(f"r{minutes}", minutes), [])
    assert [found.id for found in ledger.runs(3)] == ["r4", "r3", "r2"]
    assert [found.id for found in ledger.runs(50)] == ["r4", "r3", "r2", "r1"]


def test_a_checkpoint_moves_on_only_from_where_it_stands(place: Place) -> None:
    one, other = place.open(), place.open()
    one.start_run(run("r"), [part("r", "a")])
    further = part("r", "a", 1, cursor="x", tally=Tally(read=5, planned={"b|r|c": 2}), finished=NOON + timedelta(1))
    assert one.advance(further, 0)
    assert not other.advance(part("r", "a", 1), 0)
    assert one.part("r", "a") == further
    assert other.advance(part("r", "a", 1, problem="why", parked=True), 1)
    assert not one.advance(part("r", "unknown", 1), 0)


def test_of_many_workers_at_one_checkpoint_one_moves_on(place: Place) -> None:
    workers = [place.open() for _ in range(4)]
    workers[0].start_run(run("r"), [part("r", "a")])
    with ThreadPoolExecutor(len(workers)) as pool:
        moved = list(pool.map(lambda ledger: ledger.advance(part("r", "a", 1), 0), workers))
    assert sum(moved) == 1


def test_notes_are_found_by_how_their_names_begin(place: Place) -> None:
    ledger = place.open()
    for name in ("hours/1", "hours/2/a", "hour", "hourse", "hours"):
        ledger.set_note(name, name.upper(), None)
    assert place.open().notes("hours/") == {"hours/1": "HOURS/1", "hours/2/a": "HOURS/2/A"}
