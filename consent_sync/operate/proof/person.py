"""The proof for one person: what stands and why, and the whole history, sealed, as JSON and as a page to read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, ValidationError

from consent_sync.operate.explain.view import ExplainView
from consent_sync.ports.ledger import RecordedLine

from .chain import LINK, Description, Seal, first_break, linked, seal
from .decisions import NotAnExport
from .lines import row_of

KIND = "consent-sync proof of one person"
_ABOUT, _EXPLANATION = "about", "explanation"


class Dossier(BaseModel):
    """Everything about one person; `rows` are the lines of the history with their digests."""

    description: Description
    explanation: ExplainView
    rows: list[dict[str, str]]
    seal: Seal

    @property
    def about(self) -> str:
        """The address or record that it is about."""
        return self.description.of[_ABOUT]


def dossier(  # noqa: PLR0913  - what it holds
    about: str,
    explanation: ExplainView,
    histories: Iterable[Iterable[RecordedLine]],
    organization: str,
    made: datetime,
    hash_key: str,
) -> Dossier:
    """Put the proof together and seal it."""
    of = {_ABOUT: about, _EXPLANATION: _digest(explanation)}
    description = Description(kind=KIND, organization=organization, made=made.isoformat(timespec="seconds"), of=of)
    rows = list(linked(description, map(row_of, chain.from_iterable(histories))))
    head = rows[-1][LINK] if rows else description.start()
    return Dossier(description=description, explanation=explanation, rows=rows, seal=seal(len(rows), head, hash_key))


def read_dossier(path: Path) -> Dossier:
    """Read a proof of one person. Raises NotAnExport."""
    try:
        return Dossier.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        raise NotAnExport(f"{path} is no proof of a person") from None


def broken(found: Dossier) -> str | None:
    """Say what is wrong with a proof first, None if it is as it was made."""
    if found.description.of.get(_EXPLANATION) != _digest(found.explanation):
        return "the explanation was changed"
    return first_break(found.description, found.rows, found.seal)


def page_of(found: Dossier) -> str:
    """Give the proof as a page of HTML that needs nothing else and prints well."""
    return _pages().get_template("person.html").render(proof=found, explanation=found.explanation)


def _digest(explanation: ExplainView) -> str:
    return hashlib.sha256(explanation.model_dump_json().encode()).hexdigest()


@cache
def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("consent_sync.operate.proof"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
