"""What every ledger promises about who was last seen on a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consent_sync.consent.model import RecordRef
from tests.ledger.people import ANN, BOB, A, on_list, out

if TYPE_CHECKING:
    from consent_sync.ledger.stored import StoredLedger


def members(ledger: StoredLedger, name: str = "news") -> set[RecordRef]:
    return set(ledger.members(name))


def test_members_are_the_records_last_seen_there(ledger: StoredLedger) -> None:
    ledger.save([on_list(ANN, "news", "offers"), on_list(BOB, "news"), out(A)], [])
    assert members(ledger) == {ANN, BOB}
    assert members(ledger, "offers") == {ANN}
    assert members(ledger, "unknown") == set()
    assert ledger.remembers("news", [ANN, BOB, RecordRef("contact", "cat")]) == {ANN, BOB}


def test_who_leaves_is_no_member_and_may_come_back(ledger: StoredLedger) -> None:
    entry = ledger.save([on_list(ANN, "news", "offers")], [])[ANN]
    entry = ledger.save([on_list(ANN, "offers", entry=entry)], [])[ANN]
    assert members(ledger) == set()
    assert members(ledger, "offers") == {ANN}
    assert ledger.remembers("news", [ANN]) == set()
    ledger.save([on_list(ANN, "news", entry=entry)], [])
    assert members(ledger) == {ANN}
    assert members(ledger, "offers") == set()


def test_members_are_counted_up_to_a_limit(ledger: StoredLedger) -> None:
    ledger.save([on_list(RecordRef("contact", str(number)), "news") for number in range(120)], [])
    assert [ledger.count_members("news", at_most) for at_most in (1, 119, 120, 121, 5000)] == [1, 119, 120, 120, 120]
    assert ledger.count_members("unknown", 5) == 0


def test_a_forgotten_list_has_no_members_and_nobody_left_it(ledger: StoredLedger) -> None:
    records = [RecordRef("contact", str(number)) for number in range(12)]
    ledger.save([on_list(record, "news", "offers") for record in records], [])
    ledger.forget_members("news")
    assert members(ledger) == set()
    assert members(ledger, "offers") == set(records)
    for entry in ledger.load(records).values():
        assert set(entry.seen) == {"list/offers"}
