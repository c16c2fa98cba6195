"""Dataverse is restored from a backup: the ledger is newer than the data, and every opt-out in it still counts."""

from __future__ import annotations

import pytest

from consent_sync.consent.model import Reading
from tests.cases.office import IN, OUT, Office, State
from tests.drills.conftest import sweep

HOUR = 3600
OPT_OUTS: State = {
    ("flag", "donotbulkemail"): True,
    ("flag@example.com", "contoso"): OUT,
    ("flag@example.com", "fabrikam"): OUT,
    ("row@example.com", "newsletter"): OUT,
    ("list@example.com", "newsletter"): OUT,
    ("purpose@example.com", "contoso"): OUT,
    ("first@example.com", "offers"): OUT,
}


@pytest.fixture
def restored(office: Office) -> Office:
    """People opted out in every way after the backup, and one opted in; then the backup is restored."""
    for name in ("flag", "row", "list", "purpose", "first", "back"):
        office.contact(name)
    office.join("list", "newsletter list")
    office.says("row@example.com", "newsletter", IN)
    office.says("purpose@example.com", "contoso", IN)
    office.says("back@example.com", "contoso service", OUT)
    assert sweep(office) == "all"
    office.pass_time(HOUR)
    copy = office.emulator.store.backup()
    office.pass_time(HOUR)
    office.change("flag", donotbulkemail=True)
    office.says("row@example.com", "newsletter", OUT)
    office.leave("list", "newsletter list")
    office.says("purpose@example.com", "contoso", OUT)
    office.says("first@example.com", "offers", OUT)
    office.says("back@example.com", "contoso service", IN)
    office.contact("new")
    office.says("new@example.com", "contoso", OUT)
    assert sweep(office) == "changes"
    assert stands(office) == OPT_OUTS
    office.pass_time(HOUR)
    office.emulator.restore(copy)
    assert stands(office) != OPT_OUTS
    return office


def stands(office: Office) -> State:
    state = office.state()
    return {key: state.get(key) for key in OPT_OUTS}


def test_the_next_sweep_notices_and_looks_at_everything(restored: Office) -> None:
    assert sweep(restored) == "all"
    assert stands(restored) == OPT_OUTS


def test_no_event_and_no_sweep_of_changes_would_have_met_the_restored_rows(
    restored: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is why the sweep looks at some records again."""
    monkeypatch.setattr("consent_sync.engine.backups.watch", lambda *_: None)
    assert sweep(restored) == "changes"
    assert stands(restored) != OPT_OUTS


def test_every_opt_out_is_back_before_anything_is_opened(restored: Office, written: list[Reading]) -> None:
    sweep(restored)
    assert IN in written
    assert OUT not in written[written.index(IN) :]


def test_the_opt_in_that_the_backup_lost_is_carried_again(restored: Office) -> None:
    """It was proven when it was made, and the ledger has the proof."""
    sweep(restored)
    assert restored.state()["back@example.com", "contoso service"] is IN


def test_what_a_restored_row_says_is_no_new_word_of_the_person(restored: Office) -> None:
    """An event in between must not take the row of before the backup for an opt-in."""
    restored.change("row", firstname="Rowena")
    restored.sync()
    assert stands(restored)["row@example.com", "newsletter"] is OUT


def test_somebody_who_is_gone_with_the_backup_is_still_opted_out_when_added_again(restored: Office) -> None:
    sweep(restored)
    restored.contact("again", "new@example.com")
    sweep(restored)
    assert restored.state()["new@example.com", "contoso"] is OUT


def test_after_the_restore_sweeps_go_by_changes_again(restored: Office) -> None:
    assert [sweep(restored) for _ in range(3)] == ["all", "changes", "changes"]
