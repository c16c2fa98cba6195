"""An opt-out that no location sees: said in a reply, on the phone, in a letter, or to another system.

It enters the registers like any other act of the person, at the time at which the person said it. Nothing here can ever
be an opt-in: whoever records it would have to prove what only the person's own click proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import (
    Kind,
    PurposeType,
    Reading,
    RecordRef,
    Scope,
    Subject,
    purpose,
    tenant,
    topic,
)
from consent_sync.consent.registers import Registers
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.ledger import HistoryLine, Ledger, RecordedLine
from consent_sync.ports.wake import Wake

WIDEST = tenant(PurposeType.COMMERCIAL)
"""What a request means that does not say how much: every commercial purpose of every brand."""

FOR_GOOD = datetime(2999, 12, 31, tzinfo=UTC)
"""The opt-out of whoever complained about spam is later than every opt-in: the mail service never lifts it either."""

PLACE, WHY = "intake/", "intake"


class Way(StrEnum):
    """How the opt-out reached us."""

    REPLY = "reply"
    PHONE = "phone"
    LETTER = "letter"
    IN_PERSON = "in_person"
    OLD_LINK = "old_link"
    COMPLAINT = "complaint"
    SENDER = "sender"
    OTHER = "other"


class AnotherIntake(ConsentSyncError):
    """Under this id, something else was recorded for the same person. Send it with an id of its own."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Whose opt-out it is, of what, when it was said and how; who recorded it, and where the evidence is."""

    id: str
    whose: Subject
    scopes: tuple[Scope, ...]
    said: datetime
    way: Way
    by: str
    evidence: str


def take_in(ledger: Ledger, intake: Intake) -> bool:
    """Record an opt-out; false if the same was recorded before under its id. Raises AnotherIntake."""
    lines = [
        HistoryLine(
            intake.whose,
            intake.said,
            "evidence",
            str(scope),
            f"{PLACE}{intake.id}",
            Reading.OUT.value,
            WHY,
            f"{intake.way.value}: {intake.evidence}",
            by=intake.by,
        )
        for scope in intake.scopes
    ]
    at = FOR_GOOD if intake.way is Way.COMPLAINT else intake.said.replace(microsecond=0)

    def news(history: Sequence[RecordedLine]) -> list[HistoryLine]:
        known = {_content(line) for line in history if line.location == f"{PLACE}{intake.id}"}
        if known and known != {_content(line) for line in lines}:
            raise AnotherIntake("something else was recorded under this id")
        return [] if known else lines

    return ledger.learn(intake.whose, {scope: Registers(latest_out=at) for scope in intake.scopes}, news)


def wake_of(intake: Intake) -> Wake:
    """Give the wake that carries the opt-out to every location."""
    if isinstance(intake.whose, RecordRef):
        return Wake(records=(intake.whose,))
    return Wake(points=(intake.whose,))


def purposes_of(landscape: Landscape, brand: str, type_: PurposeType = PurposeType.COMMERCIAL) -> tuple[Scope, ...]:
    """Give the purposes of a type that belong to `brand`, those that it shares with others included."""
    meanings = ((scope, landscape.meanings.get((Kind.ROW, str(scope)))) for scope in landscape.purposes.get(type_, ()))
    return tuple(scope for scope, meaning in meanings if meaning and brand in (meaning.brand or "").split("+"))


def known_scope(landscape: Landscape, kind: str, id_: str) -> Scope | None:
    """Give the purpose or topic of that id, None where the mapping does not reach it."""
    scope = purpose(id_) if kind == "purpose" else topic(id_)
    return scope if (Kind.ROW, str(scope)) in landscape.meanings else None


def _content(line: HistoryLine | RecordedLine) -> tuple[str, ...]:
    return (line.at.isoformat(), line.scope, line.because)
