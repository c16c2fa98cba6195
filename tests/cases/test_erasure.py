"""Cases 47 and 48: a person who asks to be erased, and the address that turns up again."""

from __future__ import annotations

from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.engine.settle import Settlement
from consent_sync.ports.ledger import Verdict
from consent_sync.ports.wake import Wake
from tests.cases.office import IN, OUT, Office
from tests.cases.scenes import both_out


def point_of(address: str) -> ContactPoint:
    return ContactPoint(Channel.EMAIL, address)


def erase(office: Office, name: str, address: str) -> RecordRef:
    """Erase a person in the ledger, then in the tenant, then what a look in between may have brought back."""
    record = office.records.pop(name)
    forget(office, record, address)
    office.people.delete(f"contacts({record.id})")
    look = Wake((point_of(address),), (record,))
    office.work(look)
    for scope in office.scopes:
        office.remove_row(address, scope)
        assert office.work(look) == {}
    forget(office, record, address)
    return record


def forget(office: Office, record: RecordRef, address: str) -> None:
    for subject in (record, point_of(address)):
        office.service.ledger.erase(subject, "Kim", "asked by letter")


def test_case_47_an_erased_person_leaves_only_opt_outs_under_a_hash(office: Office) -> None:
    ann = office.contact("ann")
    office.join("ann", "newsletter list", "offers list")
    office.sync()
    office.leave("ann", "newsletter list")
    office.sync()
    record = erase(office, "ann", ann)
    files = b"".join(path.read_bytes() for path in office.folder.glob("ledger.db*"))
    assert record.id.encode() not in files
    assert ann.encode() not in files
    known = office.service.ledger.load([point_of(ann)])[point_of(ann)].registers
    assert {str(scope) for scope, registers in known.items() if registers.out} == {
        f"topic:{office.scopes['newsletter']}"
    }
    assert office.holds() == set()


def test_case_47_who_never_opted_out_is_forgotten(office: Office) -> None:
    bob = office.contact("bob")
    office.says(bob, "newsletter", IN)
    office.sync()
    erase(office, "bob", bob)
    assert office.service.ledger.load([point_of(bob)])[point_of(bob)].registers == {}
    assert office.service.ledger.history(point_of(bob)) == []


def test_case_48_an_erased_address_that_is_imported_again_stays_out_says_why_and_asks(office: Office) -> None:
    ann = office.contact("ann")
    office.says(ann, "newsletter", OUT)
    office.sync()
    erase(office, "ann", ann)
    office.contact("ann again", ann)
    office.join("ann again", "newsletter list")
    changed = office.sync()
    assert changed == {("ann again", "newsletter list"): None, (ann, "newsletter"): OUT}
    said = [line.rule for line in office.service.ledger.history(point_of(ann)) if line.what == "write"]
    assert said == ["erased-stays-out"]
    assert {rule for _, rule in office.holds()} == {"hold-erased-returned"}
    assert office.sync() == {}


def test_case_48_a_flag_of_an_erased_record_stops_the_address_on_a_new_one(office: Office) -> None:
    ann = office.contact("ann", donotbulkemail=True)
    office.sync()
    erase(office, "ann", ann)
    office.contact("ann again", ann)
    changed = office.sync()
    assert changed.items() >= both_out(ann).items() | {(("ann again", "donotbulkemail"), True)}
    assert {location for location, rule in office.holds() if rule == "hold-erased-returned"} >= {"flag donotbulkemail"}


def test_case_48_a_person_may_lift_what_an_erasure_kept(office: Office) -> None:
    with office.years_ago():
        ann = office.contact("ann")
        office.says(ann, "newsletter", OUT)
        office.sync()
        erase(office, "ann", ann)
    office.contact("ann again", ann)
    office.join("ann again", "newsletter list")
    office.sync()
    (hold,) = (hold for hold in office.service.ledger.holds() if hold.key.startswith("point:"))
    yes = Settlement(Verdict.APPLY, "Kim", "she asked for it on the phone")
    office.service.passes.settle(hold.id, yes)
    office.pass_time(60)
    changed = office.sync()
    assert changed[ann, "newsletter"] == IN
    assert office.is_on("ann again", "newsletter list")
