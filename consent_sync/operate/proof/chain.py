"""The chain through an exported file: whoever has the file can see whether a row was changed, added or left out. Pure.

Each row carries a digest over itself and the digest before it; the first goes on from the description of the export.
So much anybody can check who knows the last digest from elsewhere, such as a letter. The seal is a digest of that one
which only the owner of the hash key can make: it shows where the file comes from.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

LINK = "chain"
"""The name under which a row carries its digest."""

type Row = Mapping[str, str]


class Description(BaseModel):
    """What an export is of, when it was made, and with which version of this format."""

    kind: str
    version: int = 1
    organization: str
    made: str
    of: dict[str, str]

    def start(self) -> str:
        """Give the digest that the first row goes on from."""
        return _digest("", self.model_dump())


class Seal(BaseModel):
    """The number of rows, the last digest, and the digest of both that needs the hash key."""

    rows: int
    head: str
    seal: str


def linked(description: Description, rows: Iterable[Row]) -> Iterator[dict[str, str]]:
    """Give the rows with their digests."""
    head = description.start()
    for row in rows:
        head = _digest(head, dict(row))
        yield {**row, LINK: head}


def seal(rows: int, head: str, hash_key: str) -> Seal:
    """Seal an export that ends with the digest `head`."""
    mac = hmac.new(hash_key.encode(), f"consent-sync export\n{rows}\n{head}".encode(), hashlib.sha256)
    return Seal(rows=rows, head=head, seal=mac.hexdigest())


def first_break(description: Description, rows: Iterable[Row], sealed: Seal) -> str | None:
    """Say what is wrong with an export first, None if it is as it was made."""
    head, number = description.start(), 0
    for row in rows:
        number += 1
        head = _digest(head, {name: value for name, value in row.items() if name != LINK})
        if row.get(LINK) != head:
            return f"row {number} was changed, or something before it was left out or added"
    if number != sealed.rows:
        return f"the file has {number} rows, and was made with {sealed.rows}"
    return None if head == sealed.head else "the last digest is not the one of the seal"


def is_sealed_with(sealed: Seal, hash_key: str) -> bool:
    """Say whether the owner of this hash key made the seal."""
    return hmac.compare_digest(seal(sealed.rows, sealed.head, hash_key).seal, sealed.seal)


def _digest(before: str, content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()
