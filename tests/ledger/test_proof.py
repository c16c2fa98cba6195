"""The history as proof: nobody without the hash key changes it unseen, and an auditor gets it in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from consent_sync.consent.registers import Registers
from consent_sync.ports.ledger import BadLine, LedgerTampered
from tests.ledger.people import ANN, NEWS, NOON, A, B, held, line, on_list, out

if TYPE_CHECKING:
    from collections.abc import Callable

    from consent_sync.ledger.store import Line
    from consent_sync.ledger.stored import StoredLedger
    from tests.ledger.conftest import Place


def three_lines(ledger: StoredLedger) -> list[Line]:
    """Record three lines about A in two saves, and one about B; gives those of A as they are stored."""
    entry = ledger.save([out(A), out(B)], [line(A, because="first"), line(A, because="second"), line(B)])[A]
    ledger.save([entry], [line(A, because="third")])
    return ledger.storage.documents.lines(ledger.key(A))


def edited(lines: list[Line]) -> list[Line]:
    return [lines[0], replace(lines[1], body=lines[1].body.replace("second", "forged")), lines[2]]


def edited_time(lines: list[Line]) -> list[Line]:
    later = replace(lines[0], recorded="2030-01-01T00:00:00.000+00:00")
    return [later, *lines[1:]]


def removed(lines: list[Line]) -> list[Line]:
    return [lines[0], lines[2]]


def removed_and_numbered_again(lines: list[Line]) -> list[Line]:
    return [lines[0], replace(lines[2], number=2)]


def swapped(lines: list[Line]) -> list[Line]:
    return [lines[0], replace(lines[2], number=2), replace(lines[1], number=3)]


def inserted(lines: list[Line]) -> list[Line]:
    return [lines[0], replace(lines[0], number=2), *(replace(rest, number=rest.number + 1) for rest in lines[1:])]


def added_behind(lines: list[Line]) -> list[Line]:
    return [*lines, replace(lines[2], number=4)]


def begins_later(lines: list[Line]) -> list[Line]:
    return lines[1:]


def cut_off(lines: list[Line]) -> list[Line]:
    return lines[:2]


def emptied(_: list[Line]) -> list[Line]:
    return []


@pytest.mark.parametrize(
    ("attack", "first_bad"),
    [
        (edited, 2),
        (edited_time, 1),
        (removed, 2),
        (removed_and_numbered_again, 2),
        (swapped, 2),
        (inserted, 2),
        (added_behind, 4),
        (begins_later, 1),
        (cut_off, 3),
        (emptied, 1),
    ],
)
def test_proof_the_first_bad_line_is_named(
    place: Place, attack: Callable[[list[Line]], list[Line]], first_bad: int
) -> None:
    ledger = place.open()
    place.put_lines(ledger.key(A), attack(three_lines(ledger)))
    verified = ledger.verify()
    assert [(bad.key, bad.number) for bad in verified.bad] == [(ledger.key(A), first_bad)]
    assert ledger.verify([A]).bad == verified.bad
    assert ledger.verify([B]).bad == ()


def test_proof_what_nobody_touched_is_whole(ledger: StoredLedger) -> None:
    three_lines(ledger)
    verified = ledger.verify()
    assert (verified.subjects, verified.lines, verified.bad) == (2, 4, ())
    assert ledger.verify([ANN]).subjects == 0


def test_proof_the_end_of_a_history_cannot_be_cut_off_together_with_its_count(place: Place) -> None:
    ledger = place.open()
    lines = three_lines(ledger)
    kept = ledger.storage.documents.fetch([ledger.key(A)])[ledger.key(A)]
    chain = kept.document.chain.replace(lines[2].digest, lines[1].digest).replace('"length":3', '"length":2')
    place.put_lines(ledger.key(A), lines[:2])
    place.put_document(ledger.key(A), replace(kept.document, chain=chain))
    assert ledger.verify().bad == (BadLine(ledger.key(A), 0, "the entry was changed"),)


def test_proof_the_history_of_another_cannot_take_its_place(place: Place) -> None:
    ledger = place.open()
    lines = three_lines(ledger)
    kept = ledger.storage.documents.fetch([ledger.key(A)])[ledger.key(A)]
    place.put_lines(ledger.key(B), lines)
    place.put_document(ledger.key(B), kept.document)
    assert [(bad.key, bad.number) for bad in ledger.verify().bad] == [(ledger.key(B), 0)]


def test_proof_a_history_without_its_entry_is_bad(place: Place) -> None:
    ledger = place.open()
    three_lines(ledger)
    place.put_document(ledger.key(A), None)
    assert ledger.verify().bad == (BadLine(ledger.key(A), 0, "the entry is missing"),)


def test_no_wrong_mail_nothing_is_decided_with_an_entry_that_somebody_else_changed(place: Place) -> None:
    ledger = place.open()
    ledger.save([out(A)], [], [held(A)])
    hold = ledger.holds()[0]
    kept = ledger.storage.documents.fetch([ledger.key(A)])[ledger.key(A)]
    opened = replace(ledger.load([A])[A], registers={NEWS: Registers(latest_in=NOON)})
    other = ledger.storage.documents
    ledger.save([opened], [])
    forged = other.fetch([ledger.key(A)])[ledger.key(A)].document.body
    place.put_document(ledger.key(A), replace(kept.document, body=forged))
    for use in (
        lambda: ledger.load([A]),
        lambda: ledger.registers([ledger.key(A)]),
        lambda: ledger.settle(replace(hold, state="applied"), {}),
        lambda: ledger.hold(hold.id),
    ):
        with pytest.raises(LedgerTampered) as told:
            use()
        assert told.value.key == ledger.key(A)


def test_proof_decisions_of_a_period_come_in_the_order_of_recording(ledger: StoredLedger) -> None:
    three_lines(ledger)
    ledger.save([on_list(ANN)], [line(ANN)], [held(ANN)])
    all_ = [*ledger.history(A), *ledger.history(B), *ledger.history(ANN)]
    begin, end = min(said.recorded for said in all_), max(said.recorded for said in all_) + timedelta(seconds=1)
    in_order = sorted(all_, key=lambda said: (said.recorded, said.key, said.number))
    assert list(ledger.decisions(begin, end)) == in_order
    middle = ledger.history(A)[-1].recorded
    assert list(ledger.decisions(begin, middle)) == [said for said in in_order if said.recorded < middle]
    assert list(ledger.decisions(middle, end)) == [said for said in in_order if said.recorded >= middle]
    assert list(ledger.decisions(end, end + timedelta(days=1))) == []
