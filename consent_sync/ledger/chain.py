"""The seals on what is stored: nobody without the hash key can change it, take a line out or cut the end off unseen.

Each line of a subject's history carries a digest over itself and the digest before it; the subject's document carries
the last digest and the number of lines, and is sealed as a whole. Who can read and write the storage but does not have
the key can only destroy, or put an old copy of everything about a subject back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from .store import Document, Line

_DIGITS = 32  # 128 bits of a digest, in hexadecimal


@dataclass(frozen=True, slots=True)
class Chain:
    """How far a history goes: its number of lines, the digest of the last, and when that was recorded.

    The first `trimmed` lines are no longer kept; `base` is the digest that the next one goes on from.
    """

    length: int = 0
    head: str = ""
    last: str = ""
    trimmed: int = 0
    base: str = ""

    def cut(self, number: int, digest: str) -> Chain:
        """Give the chain without its lines up to `number`, which has this digest."""
        return replace(self, trimmed=number, base=digest)

    def to_json(self) -> str:
        """Give the stored form."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Chain:
        """Read the stored form."""
        return cls(**json.loads(text))


def stamp(at: datetime) -> str:
    """Give the stored form of the time of recording, whose order as text is that of time."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


class Notary:
    """Makes the digests and seals, and checks them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def extend(self, key: str, chain: Chain, bodies: Iterable[str], now: datetime) -> tuple[Chain, tuple[Line, ...]]:
        """Give the lines that hold `bodies`, and the chain with them at its end."""
        recorded = max(chain.last, stamp(now))  # two clocks may differ, the order must not
        number, head, lines = chain.length, chain.head, []
        for body in bodies:
            number += 1
            head = self.digest(key, head, number, recorded, body)
            lines.append(Line(number, recorded, body, head))
        last = recorded if lines else chain.last
        return Chain(number, head, last, chain.trimmed, chain.base), tuple(lines)

    def digest(self, key: str, before: str, number: int, recorded: str, body: str) -> str:
        """Give the digest of a line of `key` that follows a line with the digest `before`."""
        return self._mac("line", key, before, str(number), recorded, body)

    def seal(self, key: str, body: str, holds: str, chain: str) -> Document:
        """Give the sealed document of `key`."""
        return Document(body, holds, chain, self._mac("document", key, body, holds, chain))

    def is_sealed(self, key: str, document: Document) -> bool:
        """Say whether a document of `key` is as we left it."""
        expected = self.seal(key, document.body, document.holds, document.chain)
        return hmac.compare_digest(expected.seal, document.seal)

    def proof_of_key(self) -> str:
        """Give what only the owner of this key can give, and what tells nothing about it."""
        return self._mac("key")

    def _mac(self, *parts: str) -> str:
        text = json.dumps(parts, separators=(",", ":"))  # unlike joined text, it shows where a part ends
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
