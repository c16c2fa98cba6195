"""Whether the service itself stands as it should: webhook, ledger, mode."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from consent_sync.consent import rules
from consent_sync.consent.landscape import Mode
from consent_sync.dataverse.jobs import failed_jobs
from consent_sync.dataverse.registration import Present, find
from consent_sync.engine.gates import ForeignLedger, standing
from consent_sync.operate.http import remedy
from consent_sync.operate.registration import NAME, NoFunctionApp, endpoint_of, registration_drift, takes_key

from .finding import Finding, Grade, Patient, failing, good, of_error, warning

_MOST_JOBS = 100


def webhook(patient: Patient) -> Iterator[Finding]:
    """Compare the registration with what it should be, and look for deliveries that failed."""
    drift = registration_drift(patient.client, patient.settings, patient.mapping.file, patient.webhook_url)
    for says in drift:
        remedy = "Run `register`: it mends the registration. An event that is not here is left out by itself."
        yield Finding(check="webhook", grade=Grade.DRIFT, says=says, remedy=remedy)
    if not drift:
        yield good("webhook", "registered as it should be")
    found = find(patient.client, NAME)
    if found:
        yield from _answer(patient, found)
    failed = failed_jobs(patient.client, found.steps, _MOST_JOBS) if found else []
    if failed:
        count = f"{len(failed)}{' or more' if len(failed) == _MOST_JOBS else ''}"
        says = f"{count} deliveries failed, the last on {failed[0].at:%Y-%m-%d %H:%M}: {failed[0].says}"
        yield warning("webhook", says, "Run `jobs` to see them. The sweep finds what they would have told.")


def _answer(patient: Patient, found: Present) -> Iterator[Finding]:
    """Ask the function app whether it takes the key that Dataverse sends, as far as we know which one that is."""
    key = endpoint_of(patient.settings, found.url).holds(found.description)
    if key is None:
        return
    try:
        taken = takes_key(found.url, key)
    except NoFunctionApp as error:
        yield warning("function app", f"{found.url}: {error}", remedy(error))
        return
    if taken:
        yield good("function app", "answers, and takes the key that Dataverse sends")
    else:
        says = "does not take the key that Dataverse sends: every event is refused, only the sweep finds news"
        yield failing("function app", says, "Give WEBHOOK_KEYS the same value there and here, and restart the app.")


def ledger(patient: Patient) -> Iterator[Finding]:
    """Open the ledger, and see whose it is; nothing is written to it."""
    memory = patient.service.ledger
    stands, here = standing(memory), patient.client.whoami().organization_id
    if stands.organization not in {None, here}:
        yield of_error("ledger", ForeignLedger(str(stands.organization), here))
    elif stands.organization is None:
        yield good("ledger", "can be opened, and nothing was written to it yet")
    else:
        yield good("ledger", f"can be opened, {(len(memory.runs(1)) and 'with runs') or 'without runs'}")


def mode(patient: Patient) -> Iterator[Finding]:
    """Say how far the service may go, and what keeps it from going further."""
    service = patient.service
    stands, chosen = standing(service.ledger), _chosen(patient)
    if stands.mapping not in {None, service.mapping.fingerprint}:
        remedy = "Make a full plan with it (`plan`), look at it, and settle the hold `hold-mapping-changed`."
        yield warning("mode", "the mapping was changed and is not approved: the service only observes", remedy)
    yield good("mode", f"{chosen}{_next_step(chosen)}")
    braked = [hold for hold in service.ledger.holds() if hold.rule in {rules.HOLD_BRAKE.id, rules.HOLD_MANY_OUT.id}]
    for hold in braked:
        says = f"{rules.RULES[hold.rule].says} (run {hold.location}, since {hold.opened:%Y-%m-%d %H:%M})"
        yield Finding(check="brake", grade=Grade.BRAKE, says=says, remedy="Look at the run, then settle the hold.")
    waiting = len(service.ledger.holds()) - len(braked)
    if waiting:
        yield warning("holds", f"{waiting} wait for a person", "Run `holds` to see them, and settle them.")
    if stands.leader not in {None, patient.settings.installation} and stands.leads_until > datetime.now(UTC):
        yield good("installation", f"{stands.leader} leads")


def _chosen(patient: Patient) -> Mode:
    chosen, ceiling = patient.mapping.file.policy.mode, patient.settings.mode_ceiling
    return min(chosen, ceiling, key=lambda mode: mode.step) if ceiling else chosen


def _next_step(chosen: Mode) -> str:
    return {
        Mode.OBSERVE: ": nothing is written; after reading a plan, go on to restrict",
        Mode.RESTRICT: ": opt-outs are written; when they are right, go on to two-way",
        Mode.TWO_WAY: ": opt-outs and proven opt-ins are written",
    }[chosen]
