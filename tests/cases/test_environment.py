"""Cases 85-87: a copied or restored environment, what may not be read, and columns that went with a product."""

from __future__ import annotations

from typing import Any

import pytest

from consent_sync.consent.model import Channel, ContactPoint
from consent_sync.engine.gates import ForeignLedger
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.load import MappingError
from local.emulator import schema, seed
from local.emulator.faults import RequestFault
from tests.cases.mappings import OpenOffice, flag
from tests.cases.office import IN, OUT, Office

ROWS = "msdynmkt_contactpointconsent4"


def only_flags(mapping: dict[str, Any]) -> None:
    """What is left to map where outbound marketing was never installed: the flag, the brands, no list."""
    mapping["flags"] = {"donotbulkemail": {"means": ["commercial"], "write": True}}
    for brand in mapping["brands"].values():
        brand.update(opt_out_lists=[], topics=[])


def test_case_85_opt_outs_that_a_restored_backup_lost_are_written_again(office: Office) -> None:
    ann = office.contact("ann")
    row = office.says(ann, "newsletter", IN)
    office.join("ann", "newsletter list")
    office.sync()
    store, consent, contact = office.emulator.store, schema.BY_NAME[ROWS], schema.BY_NAME["contact"]
    id_ = office.records["ann"].id
    backup = [(consent, row, store.get(consent, row)), (contact, id_, store.get(contact, id_))]
    office.says(ann, "newsletter", OUT)
    office.change("ann", donotbulkemail=True)
    office.sync()
    for table, key, columns in backup:
        store.update(table, key, dict(columns or {}))
    for brand in ("contoso", "fabrikam"):
        office.remove_row(ann, brand)
    changed = office.sync()
    assert changed.items() >= {("ann", "donotbulkemail"): True, (ann, "contoso"): OUT, (ann, "fabrikam"): OUT}.items()
    assert IN not in changed.values()


def test_case_85_a_ledger_is_never_used_with_a_copy_of_its_environment(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.contact("ann")
    office.sync()
    monkeypatch.setattr(seed, "ORGANIZATION", "00000000-0000-4000-8000-0000000000cc")
    office.emulator.store.execute('UPDATE "organization" SET organizationid = ?', (seed.ORGANIZATION,))
    office.change("ann", donotbulkemail=True)
    with pytest.raises(ConsentSyncError):
        _start_and_sync(office)


def test_case_85_a_ledger_of_another_environment_is_left_as_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = office.contact("ann")
    office.sync()
    point, before = ContactPoint(Channel.EMAIL, ann), office.service.ledger.revision()
    monkeypatch.setattr(seed, "ORGANIZATION", "00000000-0000-4000-8000-0000000000cc")
    office.emulator.store.execute('UPDATE "organization" SET organizationid = ?', (seed.ORGANIZATION,))
    office.change("ann", donotbulkemail=True)
    state = office.state()
    for _ in range(2):
        with pytest.raises(ForeignLedger, match="0000000000cc"):
            _start_and_sync(office)
    assert office.state() == state
    assert office.service.ledger.revision() == before
    assert office.service.ledger.history(point) == []


def test_case_85_a_copy_does_not_keep_the_lead_from_the_environment_of_the_ledger(office: Office) -> None:
    ann = office.contact("ann")
    copy = office.start(office.folder / "ledger.db", "copy")
    copy.ledger.set_note("organization", "00000000-0000-4000-8000-0000000000cc", None)
    with pytest.raises(ForeignLedger):
        office.work(office.everybody(), service=copy)
    copy.ledger.set_note("organization", seed.ORGANIZATION, "00000000-0000-4000-8000-0000000000cc")
    office.change("ann", donotbulkemail=True)
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT}
    copy.ledger.close()
    copy.client.close()


def _start_and_sync(office: Office) -> None:
    office.restart()
    office.sync()


def test_case_86_a_table_that_may_not_be_read_stops_everything(office: Office) -> None:
    office.contact("ann", donotbulkemail=True)
    office.sync()
    office.change("ann", donotbulkemail=False)
    before = office.state()
    office.emulator.faults.replace([RequestFault(path="$batch", status=403, count=1)])
    with pytest.raises(ConsentSyncError):
        office.sync()
    assert office.state() == before
    assert office.holds() == set()


def test_case_86_a_flag_that_cannot_be_read_opens_nothing(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=None)  # as a column that field security hides is answered
    office.sync()
    office.says(ann, "newsletter", IN)
    office.work(office.everybody())
    assert not office.is_on("ann", "newsletter list")


def test_case_86_a_flag_that_cannot_be_read_is_still_set(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=None)
    office.sync()
    office.says(ann, "contoso", OUT)
    office.says(ann, "fabrikam", OUT)
    assert office.sync() == {("ann", "donotbulkemail"): True}


def test_case_86_a_flag_that_is_hidden_later_lets_nothing_go(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.join("ann", "newsletter list")
    office.sync()
    office.change("ann", donotbulkemail=None)
    assert office.sync() == {("ann", "donotbulkemail"): True}
    assert office.state()[ann, "contoso"] is OUT


def test_case_87_flags_alone_are_kept_in_step_where_outbound_marketing_is_gone(open_office: OpenOffice) -> None:
    office = open_office(only_flags)
    ann, bob = office.contact("ann"), office.contact("bob")
    office.sync()
    office.change("ann", donotbulkemail=True)
    office.says(bob, "contoso", OUT)
    office.says(bob, "fabrikam", OUT)
    assert office.sync() == {(ann, "contoso"): OUT, (ann, "fabrikam"): OUT, ("bob", "donotbulkemail"): True}


def test_case_87_a_column_that_went_with_outbound_marketing_is_refused_with_its_remedy(open_office: OpenOffice) -> None:
    office = open_office(flag("msdyncrm_donotmail", "commercial", write=False))
    office.contact("ann")
    with pytest.raises(MappingError, match="Remove the flag"):
        office.sync()
