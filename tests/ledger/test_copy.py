"""A ledger moves from one storage to the other and back, and nothing is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from consent_sync.consent.model import Channel, ContactPoint, Reading
from consent_sync.consent.registers import Registers
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.copy import CopyDiffers, NotEmpty, copy_ledger, holdings
from consent_sync.ledger.store import Change
from consent_sync.ledger.stored import LedgerIncomplete, WrongHashKey
from consent_sync.ports.images import Image
from consent_sync.ports.ledger import LedgerTampered
from consent_sync.ports.runs import Part, Source
from tests.ledger.conftest import SqlitePlace
from tests.ledger.people import ANN, BOB, NEWS, NOON, A, B, held, line, on_list, out, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from consent_sync.ledger.store import Kept
    from consent_sync.ledger.stored import StoredLedger
    from tests.ledger.conftest import Place


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Place]:
    """A second place, on SQLite."""
    place = SqlitePlace(tmp_path / "elsewhere.sqlite")
    yield place
    place.close()


def fill(ledger: StoredLedger) -> None:
    """Put some of everything into a ledger."""
    ledger.born()
    saved = ledger.save(
        [out(A), out(B), on_list(ANN, "news", "offers"), on_list(BOB, "news")],
        [line(A), line(A, "in"), line(ANN)],
        [held(ANN, passing=True), held(BOB), held(A)],
    )
    ledger.save([on_list(ANN, "offers", entry=saved[ANN])], [line(ANN, because="left")])
    hold = next(hold for hold in ledger.holds() if hold.key == ledger.key(BOB))
    ledger.settle(replace(hold, state="applied", settled=NOON, by="Kim", why="asked"), {NEWS: Registers(NOON)})
    ledger.erase(B, "Kim", "asked")
    ledger.set_note("mapping", "abc", None)
    ledger.start_run(run("r1"), [Part("r1", "a", Source("contact")), Part("r1", "b", Source("lead"))])
    ledger.advance(Part("r1", "a", Source("contact"), seq=3), 0)
    ledger.keep_images("r1", [Image(ledger.key(ANN), "list/news", Reading.IN, True, "1", Reading.OUT, "r", None)])
    ledger.start_run(run("r2", 5), [])


def everything(ledger: StoredLedger) -> object:
    """Give all that can be asked of a ledger, in the same form for every storage."""
    entries = ledger.load([A, B, ANN, BOB]).values()
    return (
        [replace(entry, version=None, revision=0) for entry in entries],
        [ledger.history(subject) for subject in (A, B, ANN, BOB)],
        [sorted(ledger.members(name)) for name in ("news", "offers")],
        ledger.holds(),
        [ledger.hold(hold.id) for hold in ledger.holds()],
        ledger.note("mapping"),
        ledger.born(),
        [(found, ledger.parts(found.id), ledger.images(found.id)) for found in ledger.runs(9)],
        list(ledger.decisions(NOON, NOON + timedelta(days=36500))),
        ledger.verify(),
    )


def test_everything_arrives_and_comes_back(place: Place, elsewhere: Place, tmp_path: Path) -> None:
    source, target = elsewhere.open(), place.open()
    fill(source)
    copied = copy_ledger(source, target)
    assert everything(target) == everything(source)
    assert (copied.subjects, copied.runs) == (4, 2)
    assert copied == holdings(source)
    back = SqlitePlace(tmp_path / "back.sqlite")
    returned = back.open()
    copy_ledger(target, returned)
    assert everything(returned) == everything(source)
    returned.check_complete()
    back.close()


def test_a_copied_ledger_goes_on(place: Place, elsewhere: Place) -> None:
    source, target = elsewhere.open(), place.open()
    fill(source)
    copy_ledger(source, target)
    settled = next(hold for hold in source.storage.index.open_holds())
    target.settle(replace(settled.hold, state="dismissed", settled=NOON, by="Kim", why="no"), {})
    target.save(target.load([A, ANN, BOB]).values(), [line(A), line(ANN)])
    assert target.advance(Part("r1", "a", Source("contact"), seq=4), 3)
    assert target.verify().bad == ()


def test_a_history_of_more_saves_than_one_transaction_takes_arrives(
    place: Place, elsewhere: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count()
    monkeypatch.setattr("consent_sync.ledger.accounts.Accounts.now", lambda _: NOON + timedelta(seconds=next(seconds)))
    source, target = elsewhere.open(), place.open()
    entry = source.load([A])[A]
    for _ in range(220):
        entry = source.save([entry], [line(A)])[A]
    copy_ledger(source, target)
    assert target.history(A) == source.history(A)
    assert target.verify().bad == ()


def test_a_settled_hold_stays_settled_in_the_copy(place: Place, elsewhere: Place) -> None:
    source, target = elsewhere.open(), place.open()
    source.save([on_list(ANN)], [], [held(ANN)])
    (hold,) = source.holds()
    source.settle(replace(hold, state="dismissed", settled=NOON, by="Kim", why="no"), {})
    copy_ledger(source, target)
    kept = target.hold(hold.id)
    assert kept
    assert kept.state == "dismissed"
    assert target.holds() == []


def test_a_copy_that_was_broken_off_is_no_ledger_and_goes_on_where_it_was(
    place: Place, elsewhere: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consent_sync.ledger.copy._SUBJECTS", 10)
    source = elsewhere.open()
    people = [ContactPoint(Channel.EMAIL, f"{number}@example.com") for number in range(45)]
    source.save([out(point) for point in people], [line(point) for point in people])
    target = place.open()
    commit, commits = target.storage.documents.commit, list[int]()

    def die(stages: Sequence[Sequence[Change]]) -> dict[str, Kept]:
        if len(commits) == 3:
            raise KeyboardInterrupt
        commits.append(len(stages[0]))
        return commit(stages)

    with monkeypatch.context() as patch:
        patch.setattr(target.storage.documents, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            copy_ledger(source, target)
    again = place.open()
    with pytest.raises(LedgerIncomplete):
        again.check_complete()
    source.save(source.load(people[:1]).values(), [line(people[0])])
    source.erase(people[0], "Kim", "asked")
    commit, commits = again.storage.documents.commit, []
    monkeypatch.setattr(again.storage.documents, "commit", die)
    commits.clear()
    with pytest.raises(KeyboardInterrupt):
        copy_ledger(source, again)
    assert sum(commits) <= 10  # what was there was not copied again
    monkeypatch.setattr(again.storage.documents, "commit", commit)
    copy_ledger(source, again)
    again.check_complete()
    assert holdings(again) == holdings(source)


def test_what_is_gone_from_the_source_since_is_gone_from_the_copy(place: Place, elsewhere: Place) -> None:
    source, target = elsewhere.open(), place.open()
    source.save([on_list(ANN, "news"), out(A)], [line(ANN)])
    target.set_note("copying", source.id(), None)
    copy_ledger(source, target)
    target.set_note("copying", source.id(), "")
    source.erase(ANN, "Kim", "asked")
    copy_ledger(source, target)
    assert target.history(ANN) == []
    assert set(target.members("news")) == set()


def test_a_ledger_that_holds_something_else_is_left_alone(place: Place, elsewhere: Place) -> None:
    source, target = elsewhere.open(), place.open()
    source.save([out(A)], [])
    target.save([out(B)], [])
    with pytest.raises(NotEmpty):
        copy_ledger(source, target)
    assert target.load([A])[A].registers == {}
    target.check_complete()


def test_a_source_that_changes_meanwhile_is_noticed(place: Place, elsewhere: Place) -> None:
    source, target = elsewhere.open(), place.open()
    source.save([out(A)], [line(A)])
    with pytest.raises(CopyDiffers):
        copy_ledger(source, target, lambda _: None if source.history(B) else source.save([out(B)], [line(B)]))
    with pytest.raises(LedgerIncomplete):
        target.check_complete()
    copy_ledger(source, target)
    target.check_complete()


def test_a_source_that_somebody_changed_is_not_copied(place: Place, elsewhere: Place) -> None:
    source, target = elsewhere.open(), place.open()
    source.save([out(A)], [line(A), line(A)])
    elsewhere.put_lines(source.key(A), source.storage.documents.lines(source.key(A))[:1])
    with pytest.raises(LedgerTampered):
        copy_ledger(source, target)


def test_both_need_the_same_hash_key(place: Place, tmp_path: Path) -> None:
    other = SqlitePlace(tmp_path / "other.sqlite")
    with pytest.raises(WrongHashKey):
        copy_ledger(place.open(), other.open(SubjectKeys("another key")))
    other.close()
