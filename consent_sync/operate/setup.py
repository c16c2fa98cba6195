"""Setting the service up in an environment, and taking it away again: one step after the other, each as often as asked.

A step first looks and then says what it would change, so that a person can be asked before. What setting up made is
noted in the ledger: only that is taken away again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from consent_sync.dataverse import registration, roles
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.endpoint import Step as Event
from consent_sync.dataverse.endpoint import WebhookEndpoint
from consent_sync.dataverse.users import EVERYWHERE, application_user
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.schema import MappingFile
from consent_sync.ports.ledger import Ledger
from consent_sync.tenant.events import steps
from consent_sync.tenant.privileges import SERVICE

from .registration import NAME

ROLE = "consent-sync service"
_NOTE = "setup"
_USER, _ROLE, _GIVEN = "user", "role", "role of the user"


class StepMissing(ConsentSyncError):
    """A step needs what an earlier one makes. Start the command again, and agree to the earlier step."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where to set up: the environment, seen by an administrator, and the identity that the service has."""

    client: DataverseClient
    ledger: Ledger
    application_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was found, what it would change (nothing, if that is empty), and how."""

    name: str
    found: str
    change: str
    carry_out: Callable[[], None]


type Look = Callable[[Site], Step]


def _nothing() -> None:
    """There is nothing to do."""


def let_in(site: Site) -> Step:
    """Let the service's identity into the environment."""
    found = application_user(site.client, site.application_id)

    def create() -> None:
        unit = roles.root_business_unit(site.client)
        _remember(site.ledger, _USER, roles.create_application_user(site.client, site.application_id, unit))

    if found is None:
        return Step("application user", "there is none", f"let the application {site.application_id} in", create)
    says = found.name or found.id
    if not found.enabled:
        return Step("application user", f"{says}, disabled: enable it in the Power Platform admin center", "", _nothing)
    return Step("application user", says, "", _nothing)


def make_role(site: Site) -> Step:
    """Make the security role with exactly the privileges that the service needs."""
    client, unit = site.client, roles.root_business_unit(site.client)
    role = roles.find_role(client, ROLE, unit)
    names = [privilege.name for privilege in SERVICE]

    def fill() -> None:
        there = roles.find_role(client, ROLE, unit)
        if there is None:
            there = roles.create_role(client, ROLE, unit)
            _remember(site.ledger, _ROLE, there)
        roles.replace_privileges(client, there, names, unit)

    if role is None:
        return Step("security role", "there is none", f"make '{ROLE}' with {len(names)} privileges", fill)
    held = roles.privileges_in(client, role)
    wanted = {name.lower() for name in names}
    lacking = [name for name in names if held.get(name.lower()) != EVERYWHERE]
    surplus = sorted(name for name in held.keys() - wanted if not name.startswith("prvread"))  # Dataverse adds reads
    if not lacking and not surplus:
        return Step("security role", f"'{ROLE}' holds exactly what is needed", "", _nothing)
    says = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"holds {', '.join(surplus)} too"] * bool(surplus)
    return Step("security role", f"'{ROLE}' {' and '.join(says)}", "let it hold exactly what is needed", fill)


def give_role(site: Site) -> Step:
    """Give the application user the role."""
    client = site.client
    found = application_user(client, site.application_id)
    role = roles.find_role(client, ROLE, roles.root_business_unit(client))
    has_it = found is not None and role in roles.roles_of(client, found.id)

    def give() -> None:
        user = application_user(client, site.application_id)
        there = roles.find_role(client, ROLE, roles.root_business_unit(client))
        if user is None or there is None:
            raise StepMissing("there is no application user, or no security role")
        roles.give_role(client, user.id, there)
        _remember(site.ledger, _GIVEN, there)

    if has_it:
        return Step(_GIVEN, f"the user has '{ROLE}'", "", _nothing)
    return Step(_GIVEN, f"the user does not have '{ROLE}'", "give it the role", give)


def register(site: Site, endpoint: WebhookEndpoint, wanted: Sequence[Event]) -> Step:
    """Have Dataverse report every change that matters."""
    report = registration.register(site.client, endpoint, wanted, dry_run=True)
    changes = len(report.added) + len(report.changed) + len(report.removed)

    def carry_out() -> None:
        registration.register(site.client, endpoint, wanted)

    if report.in_step:
        return Step("webhook", f"events go to {endpoint.url}", "", _nothing)
    found = "there is none" if "endpoint: missing" in report.added else f"{changes} differences"
    return Step("webhook", found, f"have events sent to {endpoint.url}", carry_out)


def unregister(site: Site) -> Step:
    """Take the webhook and all its steps away."""
    there = registration.unregister(site.client, NAME, dry_run=True)

    def carry_out() -> None:
        registration.unregister(site.client, NAME)

    if not there:
        return Step("webhook", "there is none", "", _nothing)
    return Step("webhook", f"an endpoint and {len(there) - 1} steps", "delete them", carry_out)


def take_role(site: Site) -> Step:
    """Take the role from the user, and delete it if setting up made it."""
    client = site.client
    role = roles.find_role(client, ROLE, roles.root_business_unit(client))
    if role is None:
        return Step("security role", "there is none", "", _nothing)
    if _made(site.ledger, _ROLE) == role:
        return Step("security role", f"'{ROLE}', made by setup", "delete it", lambda: roles.delete_role(client, role))
    user = application_user(client, site.application_id)
    if user is None or _made(site.ledger, _GIVEN) != role or role not in roles.roles_of(client, user.id):
        return Step("security role", f"'{ROLE}' was here before setup: it stays", "", _nothing)
    says = f"'{ROLE}' was here before setup, and setup gave it to the user"
    return Step("security role", says, "take it from the user", lambda: roles.take_role(client, user.id, role))


def shut_out(site: Site) -> Step:
    """Take the service's identity out, if setting up let it in."""
    found = application_user(site.client, site.application_id)
    if found is None:
        return Step("application user", "there is none", "", _nothing)
    if _made(site.ledger, _USER) != found.id:
        return Step("application user", f"{found.name or found.id} was here before setup: it stays", "", _nothing)

    def remove() -> None:
        roles.remove_application_user(site.client, found.id)

    return Step("application user", f"{found.name or found.id}, let in by setup", "delete it", remove)


def setup_steps(endpoint: WebhookEndpoint, mapping: MappingFile) -> tuple[Look, ...]:
    """Give the steps of setting up, in their order."""
    return let_in, make_role, give_role, partial(register, endpoint=endpoint, wanted=steps(mapping))


UNINSTALL: tuple[Look, ...] = (unregister, take_role, shut_out)


def _remember(ledger: Ledger, what: str, id_: str) -> None:
    """Note that setting up made something."""
    while True:
        stands = ledger.note(_NOTE)
        if ledger.set_note(_NOTE, json.dumps({**json.loads(stands or "{}"), what: id_}), stands):
            return


def _made(ledger: Ledger, what: str) -> str | None:
    found: str | None = json.loads(ledger.note(_NOTE) or "{}").get(what)
    return found
