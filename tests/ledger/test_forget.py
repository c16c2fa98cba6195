"""Forgetting: what is left of a person who asks for it, and of histories that are old."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from consent_sync.consent.model import Reading, RecordRef
from consent_sync.consent.registers import Entry, Registers
from consent_sync.ports.images import Image
from consent_sync.ports.runs import Part, Source
from tests.ledger.people import ANN, BOB, NEWS, NOON, OFFERS, A, B, held, line, on_list, out, run, seen

if TYPE_CHECKING:
    from consent_sync.ledger.stored import StoredLedger
    from tests.ledger.conftest import Place

WHO = RecordRef("contact", "5f0c8a4e-0000-4000-8000-00000000a11e")
SOON = datetime.now(UTC) + timedelta(days=1)


def know(ledger: StoredLedger) -> None:
    """Know a person by record and address: out of one topic on the record, of another one at the address."""
    record = replace(on_list(WHO, "news"), registers=out(WHO).registers, points={ledger.key(A): NOON})
    point = Entry(A, {OFFERS: Registers(NOON, NOON + timedelta(1)), NEWS: Registers(NOON)}, {"row/x/1": seen()}, NOON)
    ledger.save([record, point, on_list(ANN, "news")], [line(WHO), line(A, because="form")], [held(WHO), held(A)])
    hold = next(hold for hold in ledger.holds() if hold.key == ledger.key(A))
    ledger.settle(replace(hold, state="dismissed", settled=NOON, by="Kim", why="asked"), {})
    ledger.start_run(run("r", scope=f"contact {WHO.id}"), [Part("r", "wake", Source("wake"))])
    ledger.set_note("latest", f'["contact", "{WHO.id}"]', None)
    for subject in (WHO, A, ANN):
        image = Image(ledger.key(subject), "list/news", Reading.SILENT, True, "1", Reading.OUT, "rule", None)
        ledger.keep_images("r", [image])


def test_erasing_a_person_leaves_nothing_but_the_opt_outs_under_a_keyed_hash(place: Place) -> None:
    ledger = place.open()
    know(ledger)
    ledger.erase(WHO, "Kim", "asked by letter")
    ledger.erase(A, "Kim", "asked by letter")
    assert ledger.load([WHO])[WHO] == Entry(WHO)
    left = ledger.load([A])[A]
    assert left.registers == {
        NEWS: Registers(latest_out=NOON),
        OFFERS: Registers(latest_out=NOON + timedelta(days=1)),
    }
    assert (left.seen, left.points) == ({}, {})
    assert left.erased > NOON
    assert set(ledger.members("news")) == {ANN}
    assert ledger.holds() == []
    assert [image.key for image in ledger.images("r")] == [ledger.key(ANN)]
    assert [found.scope for found in ledger.runs(5)] == ["erased"]
    assert WHO.id not in place.texts()
    assert ledger.note("latest") == '["contact", "00000000-0000-0000-0000-000000000000"]'
    assert ledger.verify().bad == ()


def test_erasing_is_recorded_with_who_asked_and_what_is_kept(ledger: StoredLedger) -> None:
    know(ledger)
    ledger.erase(A, "Kim", "asked by letter")
    (said,) = ledger.history(A)
    assert (said.what, said.scope, said.says, said.because, said.by) == (
        "erased",
        str(OFFERS),
        "out",
        "asked by letter",
        "Kim",
    )
    assert said.number > 1
    assert [said.what for said in ledger.decisions(NOON, SOON) if said.key == ledger.key(A)] == ["erased"]


def test_who_never_opted_out_is_forgotten_altogether(place: Place) -> None:
    ledger = place.open()
    ledger.save([Entry(B, {NEWS: Registers(NOON)})], [line(B, "in")], [held(B)])
    ledger.erase(B, "Kim", "asked")
    ledger.erase(BOB, "Kim", "asked")
    assert ledger.load([B])[B] == Entry(B)
    assert ledger.history(B) == ledger.holds() == []
    assert ledger.key(B) not in place.texts()


def test_erasing_again_changes_nothing_that_counts(ledger: StoredLedger) -> None:
    know(ledger)
    for _ in range(2):
        ledger.erase(WHO, "Kim", "asked")
        ledger.erase(A, "Kim", "asked")
    assert set(ledger.load([A])[A].registers) == {NEWS, OFFERS}
    assert ledger.verify().bad == ()


def test_what_is_learnt_after_an_erasure_is_added_to_what_was_kept(ledger: StoredLedger) -> None:
    know(ledger)
    ledger.erase(A, "Kim", "asked")
    entry = ledger.load([A])[A]
    ledger.save([replace(entry, seen={"row/x/2": seen()})], [line(A, because="again")], [held(A)])
    again = ledger.load([A])[A]
    assert again.erased == entry.erased
    assert [said.what for said in ledger.history(A)] == ["erased", "evidence", "held"]
    assert ledger.verify().bad == ()
    assert len(ledger.holds()) == 2


def test_an_erased_history_of_more_pieces_than_one_transaction_takes_is_gone_completely(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consent_sync.ledger.tables._PIECE", 1)
    monkeypatch.setattr("consent_sync.ledger.tables._ROOM", 5)
    ledger = place.open()
    for subject in (A, WHO):
        entry = ledger.save([out(subject)], [])[subject]
        for _ in range(3):
            entry = ledger.save([entry], [line(subject, because=f"secret {number}") for number in range(5)])[subject]
    ledger.erase(WHO, "Kim", "asked")
    ledger.erase(A, "Kim", "asked")
    assert "secret" not in place.texts()
    assert ledger.verify().bad == ()


@pytest.fixture
def old(ledger: StoredLedger, monkeypatch: pytest.MonkeyPatch) -> StoredLedger:
    """A ledger in which A opted in after an opt-out, B is out, and Ann never said anything; a minute for each save."""
    minutes = count()
    monkeypatch.setattr("consent_sync.ledger.accounts.Accounts.now", lambda _: NOON + timedelta(minutes=next(minutes)))
    entry = ledger.save([Entry(A), Entry(B), Entry(ANN)], [line(s) for s in (A, B, ANN)])[A]
    entry = ledger.save([entry], [line(A, because="then")])[A]
    known = {NEWS: Registers(latest_in=NOON, latest_out=NOON - timedelta(days=1))}
    entry = ledger.save([replace(entry, registers=known)], [line(A, "in")])[A]
    ledger.save([entry, replace(ledger.load([B])[B], registers=out(B).registers)], [line(A, because="later")])
    return ledger


def test_old_lines_go_except_for_what_proves_how_people_stand(old: StoredLedger) -> None:
    last = old.history(A)[-1].number
    assert old.trim(SOON, "Kim") == 3
    assert [(said.number, said.says) for said in old.history(A)] == [(3, "in"), (4, "out"), (last + 1, "")]
    assert [said.what for said in old.history(B)] == ["evidence"]
    (said,) = old.history(ANN)
    assert (said.what, said.number, said.by) == ("trimmed", 2, "Kim")
    assert "lines 1 to 1" in said.because
    assert old.verify().bad == ()


def test_what_was_written_for_an_opt_out_of_another_subject_stays(ledger: StoredLedger) -> None:
    entry = ledger.save([Entry(A, seen={"row/x": seen(Reading.OUT)})], [line(A)])[A]
    assert ledger.trim(SOON, "Kim") == 0
    ledger.save([replace(entry, seen={"row/x": seen()})], [])
    assert ledger.trim(SOON, "Kim") == 1


def test_what_is_not_old_stays(old: StoredLedger) -> None:
    assert old.trim(NOON - timedelta(days=1), "Kim") == 0
    assert len(old.history(A)) == 4


def test_trimming_again_has_nothing_to_do(old: StoredLedger) -> None:
    old.trim(SOON, "Kim")
    assert old.trim(SOON, "Kim") == 0
    old.save([old.load([ANN])[ANN]], [line(ANN)])
    assert old.verify().bad == ()


def test_a_checkpoint_does_not_hide_a_line_that_was_taken_out(place: Place, old: StoredLedger) -> None:
    old.trim(SOON, "Kim")
    key = old.key(A)
    lines = old.storage.documents.lines(key)
    place.put_lines(key, lines[1:])
    assert [(bad.key, bad.number) for bad in old.verify().bad] == [(key, 3)]
