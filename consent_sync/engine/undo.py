"""Taking back what a run wrote, place by place, as far as each place still says what the run made it say.

An undo writes nothing itself. Restricting needs no more than the wish: the place counts as opted out from the undo on.
Loosening is a person's word, like a hold that is applied: the place counts as opted in from the undo on, in the name of
whoever approved it, and only where it was open before and nobody opted out since. The reconcile decides what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from consent_sync.consent.evidence import Lesson
from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import Kind, Location, Observation, Reading, RecordRef, Scope, Snapshot
from consent_sync.consent.registers import Evidence
from consent_sync.consent.state import Knowledge
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Image, Stage
from consent_sync.ports.ledger import Ledger

type Amend = Callable[[Snapshot, Lesson], Lesson]
"""Adds to what was learnt from a snapshot, before anything is decided."""

_WRITTEN = {Stage.DONE, Stage.BEGUN}


class CannotUndo(ConsentSyncError):
    """There is nothing to take back: the run is unknown, or it wrote nothing. Look at the list of runs."""


def named_in(images: Iterable[Image]) -> tuple[tuple[RecordRef, ...], tuple[str, ...]]:
    """Give the records and the consent rows that hold the places of these images."""
    records: dict[RecordRef, None] = {}
    rows: dict[str, None] = {}
    for image in images:
        what, table, id_ = (*image.key.split(":"), "")[:3]
        if image.stage not in _WRITTEN:
            continue
        if what == "record":
            records[RecordRef(table, id_)] = None
        elif row_id := _key_now(image).partition("/")[2].partition("/")[2]:
            rows[row_id] = None
    return tuple(records), tuple(rows)


def taking_back(images: Iterable[Image], ledger: Ledger, landscape: Landscape, at: datetime, by: str) -> Amend:
    """Give what has to be learnt at time `at` to take these images back, loosening only with a name `by`."""
    written = {f"{image.key} {_key_now(image)}": image for image in images if image.stage in _WRITTEN}

    def amend(snapshot: Snapshot, lesson: Lesson) -> Lesson:
        know = Knowledge(landscape, lesson.entries, snapshot)
        entries, words = dict(lesson.entries), list[Evidence]()
        for o in snapshot.observations:
            image = written.get(f"{ledger.key(o.location.subject)} {o.location.key}")
            if image is None or any(e.location == o.location for e in lesson.evidence):
                continue  # the run did not write here, or somebody touched it since the last look
            scopes, since = landscape.meaning(o.location).scopes, _Since(image.at, know, o)
            if image.to is Reading.IN and o.reading is not Reading.OUT and not since.opted_in(scopes):
                says = Reading.OUT
            elif by and _is_ours(o, lesson) and _was_open(image, o.location, landscape) and not since.opted_out(scopes):
                says = Reading.IN
            else:
                continue
            words += [Evidence(o.location.subject, scope, says, at, o.location, by, "undo") for scope in scopes]
        for word in words:
            entries[word.subject] = entries[word.subject].joined(word)
        return replace(lesson, entries=entries, evidence=(*lesson.evidence, *words))

    return amend


def _key_now(image: Image) -> str:
    """Give the key of the location that was written: a row that did not exist before has an id since."""
    return f"{image.location}/{image.row_id}" if image.row_id and image.location.count("/") == 1 else image.location


def _is_ours(o: Observation, lesson: Lesson) -> bool:
    """Whether the place says out because we wrote it."""
    seen = lesson.entries[o.location.subject].seen.get(o.location.key)
    return seen is not None and seen.wrote is Reading.OUT and o.location in lesson.ours


def _was_open(image: Image, at: Location, landscape: Landscape) -> bool:
    """Whether mail could be sent before, as far as this place tells: by a row that says nothing only where it may."""
    if image.was is Reading.OUT:
        return False
    if at.kind is Kind.LIST:
        return image.present
    if at.kind is not Kind.ROW or image.was is Reading.IN:
        return True
    chains = (landscape.upwards(scope) for scope in landscape.meaning(at).scopes)
    return all(landscape.restrictive.isdisjoint(chain) for chain in chains)


class _Since:
    """What anybody who speaks for a place did after the time `at`; perhaps everything where that is not known."""

    def __init__(self, at: datetime | None, know: Knowledge, o: Observation) -> None:
        self._at, self._around = at, know.around(o.location.subject)

    def opted_out(self, scopes: Iterable[Scope]) -> bool:
        causes = [standing.cause_of_out(scope) for standing in self._around for scope in scopes]
        return self._at is None or any(cause.at > self._at for cause in causes if cause)

    def opted_in(self, scopes: Iterable[Scope]) -> bool:
        at = self._at
        return at is not None and any(standing.said_yes(s) > at for standing in self._around for s in scopes)
