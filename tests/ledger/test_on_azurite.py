"""What only the ledger on Azure Tables has: indexes that a crash or a refusal leaves too long, and their repair."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from consent_sync.consent.registers import Entry
from consent_sync.ledger.store import LedgerVersion
from consent_sync.ledger.tables import TablesLedger
from consent_sync.ledger.tables_account import LedgerUnavailable
from consent_sync.ports.ledger import Late, LedgerConflict
from tests.ledger.conftest import KEYS, TablesPlace
from tests.ledger.death import Fate, put_under
from tests.ledger.people import ANN, NOON, A, held, line, on_list, out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consent_sync.ledger.stored import StoredLedger


@pytest.fixture
def place(table_server: str) -> Iterator[TablesPlace]:
    place = TablesPlace(table_server)
    yield place
    place.close()


@pytest.fixture
def refused(place: TablesPlace) -> StoredLedger:
    """A ledger that refused to put Ann on a list, to hold something of hers, and to know that she is late."""
    ledger = place.open()
    stale = replace(on_list(ANN, "news"), late=NOON)
    ledger.save([Entry(ANN)], [])
    with pytest.raises(LedgerConflict):
        ledger.save([stale], [], [held(ANN)])
    return ledger


@pytest.fixture
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may still be in the middle of a save."""
    monkeypatch.setattr("consent_sync.ledger.tables_account.GRACE", timedelta(days=-1))


def test_who_reads_an_index_is_not_misled_and_leaves_alone_what_somebody_may_just_be_saving(
    refused: StoredLedger,
) -> None:
    for _ in range(2):
        assert list(refused.members("news")) == [ANN]
        assert refused.remembers("news", [ANN]) == set()
        assert refused.holds() == []
        assert refused.late() == Late(0, more=False, oldest=None)


@pytest.mark.usefixtures("an_hour_later")
def test_who_reads_an_index_takes_out_what_it_names_in_vain(refused: StoredLedger, place: TablesPlace) -> None:
    assert refused.remembers("news", [ANN]) == set()
    assert list(refused.members("news")) == []
    assert refused.holds() == []
    assert "hold-loosened" not in place.texts()
    assert refused.late() == Late(0, more=False, oldest=None)
    assert refused.storage.index.late(1) == []


@pytest.mark.usefixtures("an_hour_later")
def test_an_open_hold_that_was_looked_up_once_costs_nothing_more(
    place: TablesPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fate = Fate()
    put_under(fate, monkeypatch)
    ledger = place.open()
    ledger.save([out(A)], [line(A)], [held(A)])
    (hold,) = ledger.holds()
    with fate.sealed():
        assert ledger.holds() == [hold]
    assert fate.calls == 1  # the index alone
    assert ledger.settle(replace(hold, state="applied", settled=NOON, by="Kim", why="asked"), {})
    assert ledger.holds() == []


def test_a_newer_layout_is_refused_and_left_as_it_is(place: TablesPlace) -> None:
    ledger = place.open()
    ledger.save([out(A)], [line(A)])
    assert ledger.storage.documents.set_note("schema", "99", "2")
    before = place.texts()
    with pytest.raises(LedgerVersion, match="99"):
        place.open()
    assert place.texts() == before


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")  # of the SDK
def test_a_wrong_key_opens_nothing(place: TablesPlace) -> None:
    place.open()
    wrong = AzureNamedKeyCredential(place.credential.named_key.name, b64encode(b"wrong").decode())
    with pytest.raises(LedgerUnavailable) as told:
        TablesLedger(place.url, wrong, KEYS)
    assert told.value.status == 403


def test_nobody_is_a_stranger_because_somebody_deleted_a_table(place: TablesPlace) -> None:
    ledger = place.open()
    entry = ledger.save([out(A)], [line(A)])[A]
    place.service.delete_table("ledger")
    for use in (
        lambda: ledger.load([A]),
        lambda: ledger.save([entry], []),
        lambda: ledger.save([out(ANN)], []),
        lambda: place.open().load([A]),
    ):
        with pytest.raises(LedgerUnavailable) as told:
            use()
        assert (told.value.status, told.value.code) == (404, "TableNotFound")
