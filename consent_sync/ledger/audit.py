"""Checking what is stored against its digests and seals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from consent_sync.ports.ledger import BadLine, Verification

from .chain import Chain, Notary
from .store import Documents, Kept, Line


def verify(documents: Documents, notary: Notary, keys: Collection[str] | None) -> Verification:
    """Check what is stored under `keys`, or everything."""
    subjects = lines = 0
    bad: list[BadLine] = []
    for key, kept, history in documents.scan() if keys is None else _under(documents, keys):
        subjects += 1
        lines += len(history)
        if wrong := first_bad(notary, key, kept, history):
            bad.append(wrong)
    return Verification(subjects, lines, tuple(bad))


def first_bad(notary: Notary, key: str, kept: Kept | None, history: Iterable[Line]) -> BadLine | None:
    """Give the first thing that is wrong under a key, None where all is as it was recorded."""
    if kept is None:
        return BadLine(key, 0, "the entry is missing")
    if not notary.is_sealed(key, kept.document):
        return BadLine(key, 0, "the entry was changed")
    return _bad_line(notary, key, Chain.from_json(kept.document.chain), history)


def _bad_line(notary: Notary, key: str, chain: Chain, history: Iterable[Line]) -> BadLine | None:
    number, head = chain.trimmed, chain.base
    for line in history:
        if line.number <= chain.trimmed:
            continue  # it was to be deleted when the machine died
        number += 1
        if line.number > number:
            return BadLine(key, number, "the line is missing")
        if number > chain.length or line.number < number:
            return BadLine(key, line.number, "the line was added")
        head = notary.digest(key, head, number, line.recorded, line.body)
        if line.digest != head:
            return BadLine(key, number, "the line was changed")
    if number < chain.length:
        return BadLine(key, number + 1, "the line is missing")
    return None if head == chain.head else BadLine(key, number, "the line was changed")


def _under(documents: Documents, keys: Collection[str]) -> Iterator[tuple[str, Kept | None, list[Line]]]:
    found = documents.fetch(keys)
    for key in keys:
        history = documents.lines(key)
        if key in found or history:
            yield key, found.get(key), history
