"""Killed before or after any call to the storage and started again, a ledger ends where it would have ended.

To die before a call is to die after the one before it, and to die at a call that only reads is to die after the last
one that changed something: so there is one trial for each call that changes something.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.consent.registers import Entry, Registers
from consent_sync.ledger.account import Account, stored
from consent_sync.ledger.codec import NOBODY, decode, late_in, lists_in, read_line
from consent_sync.ports.ledger import StoredHold
from consent_sync.ports.runs import Part, Source
from tests.ledger.death import Fate, KilledError, put_under
from tests.ledger.people import NEWS, NOON, OFFERS, held, line, on_list, out, run, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from consent_sync.ledger.store import Line
    from consent_sync.ledger.stored import StoredLedger
    from tests.ledger.conftest import Place

LATER = "later"
"""The list on which the people are next."""


@dataclass(frozen=True)
class Person:
    """Somebody for one trial. `home` is the list on which only this person is at first."""

    number: int

    @property
    def record(self) -> RecordRef:
        return RecordRef("contact", f"11111111-0000-4000-8000-{self.number:012}")

    @property
    def point(self) -> ContactPoint:
        return ContactPoint(Channel.EMAIL, f"{self.number}@example.com")

    @property
    def home(self) -> str:
        return f"home {self.number}"

    @property
    def run(self) -> str:
        return f"run {self.number}"


SOON = datetime.now(UTC) + timedelta(days=1)


def know(ledger: StoredLedger, people: Collection[Person]) -> None:
    """Know people: each on a list and late, out at the address, with a passing hold and another one."""
    entries, lines, holds = [], [], []
    for who in people:
        record = on_list(who.record, who.home)
        entries += [
            replace(record, points={ledger.key(who.point): NOON}, late=NOON, registers=out(who.record).registers)
        ]
        entries += [out(who.point)]
        lines += [line(who.record), line(who.point)]
        holds += [held(who.record, who.home, passing=True), held(who.point, who.home)]
    ledger.save(entries, lines, holds)


def save(ledger: StoredLedger, who: Person) -> None:
    """Record that the person changed lists, as a look does that is repeated until it succeeds."""
    known = ledger.load([who.record, who.point])
    record, point = known[who.record], known[who.point]
    lines = [] if f"list/{LATER}" in record.seen else [line(who.record, because="left")]
    moved = replace(on_list(who.record, LATER, entry=record), points=record.points, registers=record.registers)
    ledger.save([moved, replace(point, seen={"row/x": seen()})], lines, [held(who.record, LATER)])


def settle(ledger: StoredLedger, who: Person) -> None:
    hold = stored(ledger.key(who.point), held(who.point, who.home), NOON)
    settled = replace(hold, state="applied", settled=NOON, by="Kim", why="asked")
    ledger.settle(settled, {NEWS: Registers(NOON + timedelta(days=9))})


def learn(ledger: StoredLedger, who: Person) -> None:
    told = line(who.point, because="told")
    ledger.learn(who.point, {OFFERS: Registers(latest_out=NOON)}, lambda said: [told] if len(said) == 2 else [])


def open_hold(ledger: StoredLedger, who: Person) -> None:
    ledger.open_hold(
        StoredHold(f"brake {who.number}", ledger.key(who.record), "run", "hold-brake", "see", "see", "", NOON)
    )


def erase_record(ledger: StoredLedger, who: Person) -> None:
    ledger.erase(who.record, "Kim", "asked")


def erase_point(ledger: StoredLedger, who: Person) -> None:
    ledger.erase(who.point, "Kim", "asked")


def forget_members(ledger: StoredLedger, who: Person) -> None:
    ledger.forget_members(who.home)


def start_run(ledger: StoredLedger, who: Person) -> None:
    """Start a run, as a message does that is delivered again."""
    if ledger.run(who.run) is None:
        ledger.start_run(run(who.run), [Part(who.run, part, Source("contact")) for part in "abc"])
    ledger.advance(Part(who.run, "a", Source("contact"), seq=1), 0)


def checked(ledger: StoredLedger, people: Collection[Person]) -> list[object]:
    """Find the histories whole, and no index that says less than the entries; gives how each person stands."""
    assert ledger.verify().bad == ()
    accounts = {
        key: (Account.read(kept.document), lines) for key, kept, lines in ledger.storage.documents.scan() if kept
    }
    holds = {hold.id for account, _ in accounts.values() for hold in account.holds if hold.state == "open"}
    assert {hold.id for hold in ledger.holds()} == holds
    late = {key for _, key in ledger.storage.index.late(1000)}
    assert {key for key, (account, _) in accounts.items() if late_in(account.body)} <= late
    runs = {found.id for found in ledger.runs(1000)}
    on_later = set(ledger.members(LATER))
    found: list[object] = []
    for who in people:
        of_who = [accounts[key] for key in (ledger.key(who.record), ledger.key(who.point)) if key in accounts]
        lists = frozenset[str]().union(*(lists_in(account.body) for account, _ in of_who))
        assert who.home not in lists or who.record in set(ledger.members(who.home))
        assert LATER not in lists or who.record in on_later
        parts = [(part.name, part.seq) for name in runs & {who.run} for part in ledger.parts(name)]
        found.append(([_standing(*each) for each in of_who], parts))
    return found


def _standing(account: Account, lines: list[Line]) -> object:
    """Give what there is to know of an account, without what differs from one person to the next."""
    entry = decode(NOBODY, account.body)
    places = {key.rstrip("0123456789"): place.present for key, place in entry.seen.items()}
    holds = sorted((hold.rule, hold.state) for hold in account.holds)
    said = [read_line("", each).what for each in lines if each.number > account.chain.trimmed]
    return entry.registers, places, entry.erased > NOON, entry.late, holds, said


ERASURES = (erase_record, erase_point)
DEEDS = (save, settle, learn, open_hold, *ERASURES, forget_members, start_run)


@pytest.mark.parametrize("deed", DEEDS)
def test_crash_anywhere(
    place: Place, monkeypatch: pytest.MonkeyPatch, deed: Callable[[StoredLedger, Person], None]
) -> None:
    """One person for each change that may be the last."""
    if deed in ERASURES:  # on Azure Tables, of histories that are longer than what one transaction deletes
        monkeypatch.setattr("consent_sync.ledger.tables._PIECE", 1)
        monkeypatch.setattr("consent_sync.ledger.tables._ROOM", 1)
    fate, spared = Fate(), Person(0)
    put_under(fate, monkeypatch)
    ledger = place.open()
    know(ledger, [spared])
    with fate.sealed():
        deed(ledger, spared)
    victims = [Person(number) for number in range(1, fate.changes + 1)]
    know(ledger, victims)
    for who in victims:
        place.close()
        ledger = place.open()
        with pytest.raises(KilledError), fate.sealed(who.number):
            deed(ledger, who)
    place.close()
    ledger = place.open()
    checked(ledger, [spared, *victims])
    for who in victims:
        deed(ledger, who)
    ended = checked(ledger, [spared, *victims])
    assert ended == [ended[0]] * len(ended)
    assert victims
    if deed is erase_record:
        assert not [who for who in victims if who.record.id in place.texts()]


def test_crash_anywhere_while_histories_are_trimmed(
    places: Callable[[], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two who never opted out; of a history that is longer than what one transaction deletes."""
    monkeypatch.setattr("consent_sync.ledger.tables._PIECE", 1)
    monkeypatch.setattr("consent_sync.ledger.tables._ROOM", 1)
    fate, points, opened = Fate(), [Person(number).point for number in range(2)], []
    put_under(fate, monkeypatch)

    def trims(last: int | None) -> StoredLedger:
        """Trim a new ledger until the process dies, and give the ledger as another one finds it."""
        opened.append(places())
        ledger = opened[-1].open()
        ledger.save([Entry(point) for point in points], [line(point, "in") for point in points for _ in range(3)])
        with suppress(KilledError), fate.sealed(last):
            ledger.trim(SOON, "Kim")
        opened[-1].close()
        return opened[-1].open()

    trims(None)
    for last in range(1, fate.changes + 1):
        ledger = trims(last)
        assert ledger.verify().bad == ()
        ledger.trim(SOON, "Kim")
        assert ledger.verify().bad == ()
        assert [said.what for said in ledger.decisions(NOON, SOON)] == ["trimmed"] * 2
    for place in opened:
        place.close()
