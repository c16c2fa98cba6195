"""``discover``: what the environment has, and a mapping proposed for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from consent_sync.operate.discover.found import look
from consent_sync.operate.discover.match import Matches, match, worth_asking
from consent_sync.operate.discover.propose import proposal

from .command import Shown, command
from .files import write_new
from .session import Session

_NOT_NEEDED = {"MAPPING_FILE": "mapping.yaml", "LEDGER_URL": "sqlite:///:memory:"}
_SECRETS = {"LEDGER_HASH_KEY": "0" * 16, "WEBHOOK_KEYS": "0" * 16}


class PairView(BaseModel):
    """A topic and the list that seems to stand for it: how alike their names are, and what members' rows say."""

    brand: str
    topic: str
    list: str
    alike: float
    opted_in: int
    opted_out: int


class PurposeView(BaseModel):
    """A purpose and how strictly it is enforced for e-mail."""

    id: str
    name: str
    type: str
    enforcement: str


class DiscoverView(BaseModel):
    """What was found, and the mapping proposed for it."""

    brands: dict[str, str]
    purposes: list[PurposeView]
    pairs: list[PairView]
    opt_out_lists: dict[str, list[str]]
    mapping: str


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "discover")(discover)


def discover(
    session: Session,
    out: Annotated[
        Path | None, typer.Option(help="Write the mapping to this new file instead of the output.", metavar="FILE")
    ] = None,
) -> Shown:
    """Find compliance profiles, purposes, topics and lists, and propose a commented mapping.

    Topics and lists are put together by their names and by what the lists' members said. What being on a list means is
    left for a person to choose: a wrong guess would turn consent around.
    """
    # only Dataverse is needed, and may be all that is set up so far
    client = session.lacking(_NOT_NEEDED | _SECRETS).client
    found = look(client, worth_asking)
    matches = match(found)
    text = proposal(found, matches)
    view = DiscoverView(
        brands={brand.name: brand.profile.id for brand in matches.brands},
        purposes=[
            PurposeView(id=p.id, name=p.name, type=p.type, enforcement=p.enforcement)
            for p in found.facts.purposes.values()
        ],
        pairs=_pairs(matches),
        opt_out_lists={brand.name: [e.list.id for e in brand.excluders] for brand in matches.brands},
        mapping=text,
    )
    if out is None:
        return Shown(view, text)
    write_new(out, text)
    return Shown(view, f"{out} is written. Read it, choose wherever it says CHOOSE, then run `doctor` and `plan`.")


def _pairs(matches: Matches) -> list[PairView]:
    return [
        PairView(
            brand=brand.name,
            topic=pair.topic.id,
            list=pair.list.id,
            alike=round(pair.alike, 2),
            opted_in=pair.says.opted_in,
            opted_out=pair.says.opted_out,
        )
        for brand in matches.brands
        for pair in brand.pairs
    ]
