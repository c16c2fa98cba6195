"""Copying a ledger from one storage into another: everything, so that the service goes on there where it was.

It may be broken off and begun again: what is there already is not copied twice. Nothing else may write to either ledger
meanwhile, so stop the service first; that both are equal is checked at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import batched

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Image
from consent_sync.ports.ledger import LedgerConflict, LedgerTampered
from consent_sync.ports.runs import Run

from .account import step
from .audit import first_bad
from .chain import Chain, Notary
from .store import OWN_NOTES, Kept, Line
from .stored import COPYING, StoredLedger, WrongHashKey

_SUBJECTS = 200  # at a time
_ALL_RUNS = 1_000_000
_IMAGES = 1000


class NotEmpty(ConsentSyncError):
    """The target holds a ledger of its own, and a copy would mix the two. Give an empty place as the target.

    A copy that was broken off is no such ledger: begin it again with the same source.
    """


@dataclass(frozen=True, slots=True)
class Copied:
    """What a ledger holds, in numbers; `digest` is the same for two ledgers that hold the same."""

    subjects: int = 0
    lines: int = 0
    notes: int = 0
    runs: int = 0
    digest: str = ""

    def __str__(self) -> str:
        """Give it in words."""
        return f"{self.subjects} subjects, {self.lines} lines, {self.notes} notes, {self.runs} runs ({self.digest})"


class CopyDiffers(ConsentSyncError):
    """Something changed while the ledger was copied. Stop the service and begin again: only what differs is copied."""

    def __init__(self, source: Copied, target: Copied) -> None:
        self.source, self.target = source, target
        super().__init__(f"the source holds {source}, and the copy {target}")


def copy_ledger(
    source: StoredLedger, target: StoredLedger, progress: Callable[[Copied], None] = lambda _: None
) -> Copied:
    """Copy everything and check it; gives what both hold. `progress` is told how far it is.

    Raises NotEmpty, CopyDiffers, WrongHashKey, and LedgerTampered where the source itself is not whole.
    """
    if source.notary.proof_of_key() != target.notary.proof_of_key():
        raise WrongHashKey
    if _claim(source, target):
        _prune(source, target)
    done = Copied()
    for some in batched(source.storage.documents.scan(), _SUBJECTS, strict=False):
        lines = _copy_subjects(source.notary, target, some)
        done = replace(done, subjects=done.subjects + len(some), lines=done.lines + lines)
        progress(done)
    for name, value in _notes(source):
        target.storage.documents.set_note(name, value, target.storage.documents.note(name))
    for run in source.runs(_ALL_RUNS):
        target.storage.runs.restore(run, source.parts(run.id))
        for images in _images(source, run):
            target.keep_images(run.id, images)
        done = replace(done, runs=done.runs + 1)
        progress(done)
    held, copied = holdings(source), holdings(target)
    if held != copied:
        raise CopyDiffers(held, copied)
    target.set_note(COPYING, "", source.id())
    return copied


def holdings(ledger: StoredLedger) -> Copied:
    """Count what a ledger holds, and give a digest of all of it that does not depend on any order."""
    total, subjects, lines = 0, 0, 0
    for key, kept, history in ledger.storage.documents.scan():
        subjects += 1
        current = _current(kept, history)
        lines += len(current)
        total += _number(
            key, kept.document.seal if kept else "", *(f"{x.recorded} {x.body} {x.digest}" for x in current)
        )
    notes = list(_notes(ledger))
    total += sum(_number(name, value) for name, value in notes)
    runs = ledger.runs(_ALL_RUNS)
    for run in runs:
        total += _number(repr(run)) + sum(_number(repr(part)) for part in ledger.parts(run.id))
        total += sum(_number(run.id, repr(image)) for images in _images(ledger, run) for image in images)
    return Copied(subjects, lines, len(notes), len(runs), f"{total % (1 << 128):032x}")


def _claim(source: StoredLedger, target: StoredLedger) -> bool:
    """Mark the target as the place of this copy, so that nothing takes it for a ledger before it is whole.

    Gives whether it was marked before: then the copy goes on.
    """
    claimed, mark = target.note(COPYING), source.id()
    if claimed == mark:
        return True
    held = holdings(target)
    if claimed or held.subjects or held.runs or not target.set_note(COPYING, mark, claimed):
        raise NotEmpty("the target is not empty")
    return False


def _prune(source: StoredLedger, target: StoredLedger) -> None:
    """Delete what was copied and is gone from the source since."""
    for some in batched(target.storage.documents.scan(), _SUBJECTS, strict=False):
        there = source.storage.documents.fetch([key for key, _, _ in some])
        gone = [step(key, kept, None, ()) for key, kept, _ in some if kept and key not in there]
        target.storage.documents.commit([gone])


def _copy_subjects(notary: Notary, target: StoredLedger, some: tuple[tuple[str, Kept | None, list[Line]], ...]) -> int:
    """Copy what the target does not have yet; gives the number of lines that these subjects have."""
    documents = target.storage.documents
    there = documents.fetch([key for key, _, _ in some])
    changes, lines = [], 0
    for key, kept, history in some:
        if kept is None or first_bad(notary, key, kept, history):
            raise LedgerTampered(key)
        current, before = _current(kept, history), there.get(key)
        lines += len(current)
        known = Chain.from_json(before.document.chain).length if before else 0
        if before is None or before.document != kept.document:
            changes.append(step(key, before, kept.document, [line for line in current if line.number > known]))
    if len(documents.commit([changes])) < len(changes):
        raise LedgerConflict
    return lines


def _current(kept: Kept | None, history: list[Line]) -> list[Line]:
    """Leave out lines that a crash kept from being deleted."""
    trimmed = Chain.from_json(kept.document.chain).trimmed if kept else 0
    return [line for line in history if line.number > trimmed]


def _notes(ledger: StoredLedger) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in ledger.storage.documents.notes().items() if name not in OWN_NOTES)


def _images(ledger: StoredLedger, run: Run) -> Iterator[list[Image]]:
    after = ""
    while some := ledger.images(run.id, after, _IMAGES):
        yield some
        after = some[-1].place


def _number(*texts: str) -> int:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return int.from_bytes(digest.digest()[:16])
