"""What keeps the service from writing although everything works: the ladder, a changed mapping, another installation.

A gate never stops reading and learning; it only lowers the mode.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consent_sync.consent import rules
from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import NEVER
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.ledger import Ledger, StoredHold
from consent_sync.ports.runs import State, state_of
from consent_sync.telemetry import Event, say

from .settle import SERVICE


class ForeignLedger(ConsentSyncError):
    """The ledger is about the people of another environment, as after copying an environment with its settings.

    Give this environment a ledger of its own (LEDGER_URL): it begins empty, and its first look reads restrictively.
    If it is the same environment under a new id, take the note `organization` out of the ledger while nothing runs.
    """

    def __init__(self, known: str, found: str) -> None:
        self.known, self.found = known, found
        super().__init__(f"the ledger belongs to the organization {known}, and this environment is {found}")


LEASE = timedelta(minutes=5)
_MAPPING, _OWNER, _ORGANIZATION = "mapping", "owner", "organization"


@dataclass(frozen=True, slots=True)
class Gates:
    """Says how far the service may go now.

    `chosen` is the mapping's mode, lowered by the environment; `fingerprint` the mapping's; `installation` names this
    deployment, the same for all its instances.
    """

    ledger: Ledger
    chosen: Mode
    fingerprint: str
    installation: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def mode(self) -> Mode:
        """Give the mode in force. Asks the ledger."""
        if not self._approved() or not self._leads():
            return Mode.OBSERVE
        return self.chosen

    def admit(self, organization_id: str) -> None:
        """Bind the ledger to the organization that it is first used with. Raises ForeignLedger for any other one."""
        known = self.ledger.note(_ORGANIZATION)
        if known is None and not self.ledger.set_note(_ORGANIZATION, organization_id, None):
            known = self.ledger.note(_ORGANIZATION)
        if known not in {None, organization_id}:
            self._step_back()
            raise ForeignLedger(str(known), organization_id)

    def _step_back(self) -> None:
        """Leave the lead to whoever the ledger belongs to."""
        stands = self.ledger.note(_OWNER)
        if stands and json.loads(stands)["name"] == self.installation:
            self.ledger.set_note(_OWNER, json.dumps({"name": "", "until": self.now().isoformat()}), stands)

    def _approved(self) -> bool:
        """Whether a person approved this mapping: the first one is taken, a changed one needs a plan and a word."""
        known = self.ledger.note(_MAPPING)
        if known == self.fingerprint:
            return True
        if known is None:
            return self.ledger.set_note(_MAPPING, self.fingerprint, None) or self._approved()
        hold = hold_service(self.ledger, rules.HOLD_MAPPING.id, self.fingerprint, self.now())
        return hold.state == "applied" and self.ledger.set_note(_MAPPING, self.fingerprint, known)

    def _leads(self) -> bool:
        """Whether this installation may write: of two on one ledger, the second watches until the first is gone."""
        stands, now = self.ledger.note(_OWNER), self.now()
        owner = json.loads(stands) if stands else {"name": self.installation, "until": now.isoformat()}
        until = datetime.fromisoformat(owner["until"])
        if owner["name"] == self.installation and until - now > LEASE / 2:
            return True
        if owner["name"] != self.installation and until > now:
            return False
        renewed = json.dumps({"name": self.installation, "until": (now + LEASE).isoformat()})
        return self.ledger.set_note(_OWNER, renewed, stands) or self._leads()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of the approved mapping, its organization and who leads; None where nothing is noted."""

    mapping: str | None
    organization: str | None
    leader: str | None
    leads_until: datetime


def standing(ledger: Ledger) -> Standing:
    """Read what the gates go by, and change nothing."""
    owner = json.loads(ledger.note(_OWNER) or "{}")
    until = datetime.fromisoformat(owner["until"]) if owner else NEVER
    return Standing(ledger.note(_MAPPING), ledger.note(_ORGANIZATION), owner.get("name") or None, until)


def planned_with(ledger: Ledger, fingerprint: str, last: int = 50) -> bool:
    """Whether a complete plan was made with the mapping of that fingerprint."""
    return any(
        run.fingerprint == fingerprint and run.scope == "all" and state_of(ledger.parts(run.id)) is State.DONE
        for run in ledger.runs(last)
    )


def hold_service(ledger: Ledger, rule: str, what: str, now: datetime) -> StoredHold:
    """Open a hold that concerns the whole service, unless it was opened before; say so, for an alert; give it."""
    hold = StoredHold(f"{rule}-{what}", SERVICE, what, rule, *rules.RULES[rule].readings, "", now)
    if known := ledger.hold(hold.id):
        return known
    ledger.open_hold(hold)
    say(Event.HELD, logging.WARNING, rule=rule, hold=hold.id)
    return hold
