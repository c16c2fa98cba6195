"""Whether Dataverse can be reached, as whom, with which privileges, and whether the clocks agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from consent_sync.consent.landscape import Mode
from consent_sync.dataverse.errors import PrivilegeMissing
from consent_sync.dataverse.users import EVERYWHERE, User, application_user, privileges_of, user
from consent_sync.tenant.privileges import SERVICE, Privilege

from .finding import Finding, Patient, failing, good, warning

SKEW = timedelta(minutes=1)
"""How far this machine's clock may be from Dataverse's: leases and the age of runs go by it."""

_ROLE = "Add it for the whole organization to the security role of the application user; `setup` does that."


def connection(patient: Patient) -> Iterator[Finding]:
    """Reach the environment and learn who we are."""
    client = patient.client
    me = client.whoami()
    yield good("connection", f"{client.url}, organization {me.organization_id}")
    try:
        yield good("identity", _described(user(client, me.user_id)))
    except PrivilegeMissing:
        yield good("identity", f"user {me.user_id}")
    behind = abs(datetime.now(UTC) - client.server_time) if client.server_time else timedelta(0)
    if behind > SKEW:
        says = f"this machine's clock and Dataverse's differ by {behind.total_seconds():.0f} s"
        yield warning("clock", says, "Set this machine's clock by a time server.")
    else:
        yield good("clock", "agrees with Dataverse's within a minute")


def privileges(patient: Patient) -> Iterator[Finding]:
    """Compare what the service's user may do with what it needs, in the mode of the mapping and above it."""
    client, application_id = patient.client, patient.application_id
    if application_id:
        found = application_user(client, application_id)
        if found is None:
            says = f"there is no application user for the application {application_id}"
            yield failing("privileges", says, "Let the application in: `setup` does that.")
            return
        if not found.enabled:
            yield failing("privileges", f"{_described(found)} is disabled", "Enable the application user.")
        whose = found.id
    else:
        whose = client.whoami().user_id
    try:
        held = privileges_of(client, whose)
    except PrivilegeMissing as error:
        says = f"what the user may do cannot be read: {error}"
        yield warning("privileges", says, "Let an administrator run doctor, with DATAVERSE_AUTH=azure_cli.")
        return
    yield from compared(held, patient.mapping.file.policy.mode)


def compared(held: Mapping[str, str], mode: Mode) -> Iterator[Finding]:
    """Say which privileges are missing or too narrow; `held` gives depths by names in lower case. Pure."""
    lacking = [privilege for privilege in SERVICE if held.get(privilege.name.lower()) != EVERYWHERE]
    for privilege in lacking:
        needed = privilege.needed_from.step <= mode.step
        depth = held.get(privilege.name.lower())
        how = f"reaches only {depth}" if depth else "is missing"
        says = f"{privilege.name} on {privilege.table} {how}: {_reason(privilege)}"
        yield (failing if needed else warning)("privileges", says, _ROLE)
    if not lacking:
        yield good("privileges", f"all {len(SERVICE)} that the service needs")


def _reason(privilege: Privilege) -> str:
    later = "" if privilege.needed_from is Mode.OBSERVE else f" (from {privilege.needed_from} on)"
    return privilege.why + later


def _described(found: User) -> str:
    return f"{found.name or found.id}, {'an application user' if found.application_id else 'a person'}"
