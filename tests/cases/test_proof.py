"""Case 94: "prove it"."""

from __future__ import annotations

from datetime import UTC, datetime

from consent_sync.consent.model import Channel, ContactPoint
from consent_sync.operate.explain.explain import concerned, explained
from consent_sync.operate.proof.person import broken, dossier
from tests.cases.office import Office


def test_case_94_who_said_what_when_and_what_was_done_about_it_is_proved(office: Office) -> None:
    address = office.contact("ann")
    office.sync()
    office.change("ann", donotbulkemail=True)
    said = office.now
    office.sync()
    ann = ContactPoint.of(Channel.EMAIL, address)
    assert ann
    service = office.service
    histories = [service.ledger.history(each) for each in concerned(service.passes.reconcile, ann)]
    explanation = explained(service, ann)
    proof = dossier(address, explanation, histories, "org", datetime.now(UTC), "hash-key")
    (opt_out,) = [row for row in proof.rows if row["what"] == "evidence" and row["scope"] == "tenant:commercial"]
    assert (opt_out["location"], opt_out["says"]) == ("flag/donotbulkemail", "out")
    assert datetime.fromisoformat(opt_out["at"]).timestamp() <= said
    done = [row for row in proof.rows if row["what"] == "write"]
    writes = [(row["location"].split("/")[0], row["rule"], row["because"]) for row in done]
    assert ("row", "out-covers-narrower", "done") in writes
    assert broken(proof) is None
