"""How many contact points there are: counted by full passes, remembered for whoever asks in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter

from consent_sync.ports.ledger import Ledger
from consent_sync.ports.runs import State, state_of, total

from .scopes import EVERYTHING

_NOTE = "census"
_LATEST = 20


@dataclass(frozen=True, slots=True)
class Census:
    """What the full pass `run` counted until `at`; `excluded` are contact points that are left alone, by the reason."""

    run: str
    at: datetime
    contact_points: int
    excluded: dict[str, int] = field(default_factory=dict)


def census(ledger: Ledger) -> Census | None:
    """Give the latest count, None before the first full pass has ended."""
    stands = ledger.note(_NOTE)
    return _CENSUS.validate_json(stands) if stands else None


def take_census(ledger: Ledger) -> None:
    """Remember what the latest full pass counted, if it has ended since the last time."""
    stands = ledger.note(_NOTE)
    for run in ledger.runs(_LATEST):
        parts = ledger.parts(run.id) if run.scope == EVERYTHING else []
        if not parts or state_of(parts) is not State.DONE:
            continue
        tally, ended = total(parts), max(part.finished for part in parts if part.finished)
        found = Census(run.id, ended, tally.read, tally.excluded)
        if stands is None or _CENSUS.validate_json(stands).run != run.id:
            ledger.set_note(_NOTE, _CENSUS.dump_json(found).decode(), stands)
        return


_CENSUS = TypeAdapter(Census)
