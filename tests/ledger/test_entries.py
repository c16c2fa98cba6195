"""What every ledger promises about entries and their history, whatever it is stored on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from consent_sync.consent import rules
from consent_sync.consent.model import NEVER, Channel, ContactPoint, Reading, RecordRef, Scope
from consent_sync.consent.registers import Entry, Registers, Seen
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.stored import WrongHashKey
from consent_sync.ports.ledger import Late, LedgerConflict
from tests.ledger.people import ANN, BOB, NEWS, NOON, OFFERS, A, B, held, line, on_list, out, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consent_sync.consent.model import Subject
    from consent_sync.ledger.stored import StoredLedger
    from consent_sync.ports.ledger import HistoryLine, RecordedLine
    from tests.ledger.conftest import Place

AWKWARD = [
    "o'brien+tag%2F@example.com",
    "a/b\\c#d?e=f&g@example.com",
    "grüße 日本語 🎈\u0001\u007f\n\t@example.com",
    "=3D@example.com",
    " ",
    "x" * 400,
]


def same(entry: Entry) -> Entry:
    """Give what is known, without what the ledger adds of its own."""
    return replace(entry, version=None, revision=0)


def test_what_was_never_saved_is_empty(ledger: StoredLedger) -> None:
    assert ledger.load([A, ANN]) == {A: Entry(A), ANN: Entry(ANN)}
    assert ledger.registers([ledger.key(A)]) == {ledger.key(A): {}}
    assert ledger.history(A) == []


def test_an_entry_comes_back_as_it_was_saved(place: Place) -> None:
    entry = Entry(
        ANN,
        {NEWS: Registers(NOON, NOON + timedelta(days=1)), OFFERS: Registers(latest_out=NOON)},
        {
            "flag/donotbulkemail": Seen(Reading.OUT, True, 'W/"1"', NOON, Reading.OUT, True, 2),
            "list/news": seen(present=False, version=None),
        },
        NOON,
        {"point:abc": NOON},
    )
    saved = place.open().save([entry], [])
    assert same(saved[ANN]) == entry
    loaded = place.open().load([ANN])
    assert same(loaded[ANN]) == entry
    assert place.open().registers([place.open().key(ANN)]) == {place.open().key(ANN): entry.registers}


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_characters_make_no_difference(ledger: StoredLedger, text: str) -> None:
    subjects: list[Subject] = [ContactPoint(Channel.EMAIL, text), RecordRef("contact", text)]
    entries = [Entry(s, {Scope("topic", text): Registers(NOON)}, {f"list/{text}": seen()}) for s in subjects]
    holds = [held(s, text) for s in subjects]
    ledger.save(entries, [line(s, because=text) for s in subjects], holds)
    for entry in entries:
        assert same(ledger.load([entry.subject])[entry.subject]) == entry
        assert [said.because for said in ledger.history(entry.subject) if said.what == "evidence"] == [text]
    assert list(ledger.members(text)) == [RecordRef("contact", text)]
    assert {hold.location for hold in ledger.holds()} == {f"list/{text}"}
    name = text or "empty"
    assert ledger.set_note(name, text, None)
    assert ledger.note(name) == text


def test_an_entry_that_outgrows_every_limit_of_a_property_comes_back(ledger: StoredLedger) -> None:
    places = {f"row/{number:036}": seen(version=f"{number:064x}") for number in range(3000)}
    lines = [line(ANN, because=f"{number} " * 40) for number in range(700)]
    ledger.save([Entry(ANN, seen=places)], lines, [held(ANN, str(number)) for number in range(150)])
    assert ledger.load([ANN])[ANN].seen == places
    history = ledger.history(ANN)
    assert [said.because for said in history if said.what == "evidence"] == [said.because for said in lines]
    assert [said.number for said in history] == list(range(1, 851))
    assert len(ledger.holds()) == 150


def test_many_subjects_are_loaded_and_saved_at_once(ledger: StoredLedger) -> None:
    points = [ContactPoint(Channel.EMAIL, f"{number}@example.com") for number in range(70)]
    ledger.save([out(point, number) for number, point in enumerate(points)], [line(point) for point in points])
    loaded = ledger.load([*points, ANN])
    assert [loaded[point].of(NEWS).latest_out for point in points] == [NOON + timedelta(days=n) for n in range(70)]
    assert loaded[ANN] == Entry(ANN)


def test_a_saved_entry_can_be_saved_again(ledger: StoredLedger) -> None:
    first = ledger.save([out(A)], [line(A)])
    second = ledger.save([replace(first[A], registers=out(A, 1).registers)], [line(A)])
    ledger.save([second[A]], [])
    assert ledger.load([A])[A].registers == out(A, 1).registers
    assert len(ledger.history(A)) == 2


def test_a_stale_entry_is_refused_and_leaves_nothing_behind(place: Place) -> None:
    one, other = place.open(), place.open()
    mine, theirs = one.load([A])[A], other.load([A])[A]
    other.save([replace(theirs, registers=out(A, 5).registers)], [line(A, because="first")])
    with pytest.raises(LedgerConflict) as refused:
        one.save([replace(mine, registers=out(A).registers)], [line(A, because="second")], [held(A)])
    assert refused.value.kept == {}
    assert one.load([A])[A].registers == out(A, 5).registers
    assert [said.because for said in one.history(A)] == ["first"]
    assert one.holds() == []
    assert one.hold("unknown") is None


def test_of_two_writers_of_one_entry_exactly_one_wins_each_time(place: Place) -> None:
    workers = [place.open() for _ in range(4)]

    def write(worker: int) -> int:
        won = 0
        for _ in range(5):
            entry = workers[worker].load([ANN])[ANN]
            try:
                workers[worker].save([entry], [line(ANN, because=str(worker))])
                won += 1
            except LedgerConflict:
                pass
        return won

    with ThreadPoolExecutor(len(workers)) as pool:
        won = list(pool.map(write, range(len(workers))))
    history = workers[0].history(ANN)
    assert [said.number for said in history] == list(range(1, sum(won) + 1))
    assert [sum(said.because == str(worker) for said in history) for worker in range(len(workers))] == won
    assert workers[0].verify().bad == ()


def test_a_refused_contact_point_keeps_every_record_from_being_saved(place: Place) -> None:
    one, other = place.open(), place.open()
    stale = one.load([A, ANN])
    other.save([out(A, 5)], [])
    with pytest.raises(LedgerConflict) as refused:
        one.save([stale[ANN], stale[A], Entry(B)], [line(ANN), line(A)], [held(ANN)])
    assert set(refused.value.kept) <= {B}
    assert one.load([ANN])[ANN] == Entry(ANN)
    assert one.history(ANN) == one.history(A) == []
    assert one.holds() == []
    one.save(refused.value.kept.values(), [])  # what was kept goes on from there


def test_a_refused_record_leaves_others_whole_or_untouched(place: Place) -> None:
    one, other = place.open(), place.open()
    stale = one.load([A, ANN, BOB])
    other.save([out(ANN, 5)], [])
    with pytest.raises(LedgerConflict) as refused:
        one.save([replace(e, registers=out(A).registers) for e in stale.values()], [line(s) for s in stale])
    assert ANN not in refused.value.kept
    for subject in (A, BOB):
        kept = subject in refused.value.kept
        assert bool(one.load([subject])[subject].registers) is kept
        assert bool(one.history(subject)) is kept


def test_a_revision_tells_what_was_saved_after_a_moment(place: Place) -> None:
    one, other = place.open(), place.open()
    moment = one.revision()
    assert one.load([A])[A].revision <= moment
    other.save([out(A)], [])
    assert one.load([A])[A].revision > moment
    before = one.load([A])[A]
    other.save([other.load([A])[A]], [])
    assert one.load([A])[A].version != before.version


def test_an_entry_that_nobody_saved_keeps_its_version(ledger: StoredLedger) -> None:
    ledger.save([out(A)], [])
    first = ledger.load([A])[A]
    ledger.save([out(B)], [])
    assert ledger.load([A])[A] == first


def test_the_beginning_stays_where_it_was(place: Place) -> None:
    born = place.open().born()
    assert place.open().born() == born


def test_history_says_who_what_when_and_why_in_the_order_of_saving(ledger: StoredLedger) -> None:
    entry = ledger.save([out(A)], [line(A, "out", "form", run="r1"), line(A, "in", by="Kim")])[A]
    ledger.save([entry, on_list(ANN)], [line(A, because="again"), line(ANN)])
    first, second, third = ledger.history(A)
    assert (first.number, first.at, first.what, first.scope) == (1, NOON, "evidence", "topic:news")
    assert (first.location, first.says, first.rule) == ("row/topic:news/1", "out", "changed")
    assert (first.because, first.run, first.by) == ("form", "r1", "")
    assert (second.says, second.by, third.because) == ("in", "Kim", "again")
    assert first.recorded <= second.recorded <= third.recorded
    assert {said.key for said in (first, second, third)} == {ledger.key(A)}


def test_a_contact_point_is_kept_under_a_keyed_hash(place: Place) -> None:
    ledger = place.open()
    assert A.value not in ledger.key(A)
    assert ledger.key(A) != SubjectKeys("another key").of(A)
    assert ledger.key(A) != ledger.key(ContactPoint(Channel.TEXT, A.value))


def test_another_hash_key_is_refused(place: Place) -> None:
    place.open()
    with pytest.raises(WrongHashKey):
        place.open(SubjectKeys("another key"))


def test_what_is_known_from_elsewhere_is_joined_with_its_lines_and_leaves_the_rest_alone(place: Place) -> None:
    ledger = place.open()
    ledger.save([out(A)], [line(A)], [held(A, passing=True)])
    later = {NEWS: Registers(latest_out=NOON + timedelta(days=3)), OFFERS: Registers(latest_out=NOON)}
    assert ledger.learn(A, later, lambda history: [line(A, because=f"after {len(history)} lines")])
    known = place.open().load([A])[A].registers
    assert known == later
    assert [each.because for each in ledger.history(A)] == ["", "import", "after 2 lines"]
    assert [hold.rule for hold in ledger.holds()] == [rules.HOLD_LEFT_OVER.id]
    assert ledger.verify().bad == ()


def test_where_nothing_is_told_nothing_is_learnt(ledger: StoredLedger) -> None:
    assert not ledger.learn(A, {NEWS: Registers(latest_out=NOON)}, lambda _: [])
    assert ledger.load([A])[A].registers == {}


def test_of_two_who_tell_the_same_at_once_one_is_heard(place: Place) -> None:
    """Both look at the history before either has added to it; the later one has to look again."""
    first, second = place.open(), place.open()

    def unless_told(history: Sequence[RecordedLine]) -> list[HistoryLine]:
        if not history and not told:
            told.append(True)
            assert second.learn(A, {NEWS: Registers(latest_out=NOON)}, lambda _: [line(A)])
        return [] if history else [line(A)]

    told: list[bool] = []
    assert not first.learn(A, {NEWS: Registers(latest_out=NOON)}, unless_told)
    assert len(first.history(A)) == 1


def test_who_is_late_is_counted_and_the_oldest_is_known(place: Place) -> None:
    ledger = place.open()
    assert ledger.late() == Late(0, more=False, oldest=None)
    days = {A: 3, B: 1, ANN: 2}
    saved = ledger.save([replace(Entry(who), late=NOON + timedelta(days=n)) for who, n in days.items()], [])
    assert place.open().late() == Late(3, more=False, oldest=NOON + timedelta(days=1))
    assert ledger.load([B])[B].late == NOON + timedelta(days=1)
    assert ledger.late(at_most=2) == Late(2, more=True, oldest=NOON + timedelta(days=1))
    ledger.save([replace(saved[B], late=NEVER), replace(saved[ANN], late=NOON + timedelta(days=9))], [])
    assert place.open().late() == Late(2, more=False, oldest=NOON + timedelta(days=3))
    assert ledger.count_members("late", 10) == 0
