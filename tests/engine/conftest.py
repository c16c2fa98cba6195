from __future__ import annotations

from datetime import timedelta

import pytest

from consent_sync.consent.evidence import Lesson, Told, learn
from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Act, ContactPoint, Kind, Location, Observation, Reading, Snapshot
from consent_sync.consent.registers import Entry, Seen
from consent_sync.consent.rules import Rule
from consent_sync.engine.reconcile import Reconciler, Task
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ports.runs import Tally
from consent_sync.ports.wake import Wake
from tests.support.world import ANN, START, T1, A, B, World, landscape

IN, OUT, SILENT = Reading.IN, Reading.OUT, Reading.SILENT
LATER = START + timedelta(seconds=60)
ROW = Location(A, Kind.ROW, str(T1), "row1")


class Bench:
    """A world with Ann in it, and a service that looks when told to."""

    def __init__(self, world: World | None = None, mode: Mode = Mode.TWO_WAY) -> None:
        self.world, self.mode = world or World(), mode
        self.ledger = SqliteLedger(":memory:", SubjectKeys("key"))
        self.ledger.born = lambda: START  # type: ignore[method-assign]

    def look(self, *acts: Act, dry_run: bool = False) -> Tally:
        """Reconcile everybody, a moment later; `acts` are the events that arrive with it."""
        self.world.wait()
        reconcile = Reconciler(self.world, self.ledger, lambda: self.mode, sleep=lambda _: None)
        return reconcile(Wake((A, B), (), acts), Task(dry_run=dry_run))

    def written(self, *acts: Act) -> list[tuple[str, Reading]]:
        """Look, and give what was written."""
        before = len(self.world.writes)
        self.look(*acts)
        return [(w.location.key.split("/row")[0], w.to) for w in self.world.writes[before:]]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.world.add(ANN, A)
    bench.world.join(ANN, "l1")
    bench.world.join(ANN, "l2")
    bench.look()
    return bench


def read(*observations: Observation) -> Snapshot:
    """Give a snapshot in which nobody holds the two addresses."""
    points = frozenset({A, B})
    return Snapshot(LATER, LATER, observations, frozenset(), {p: frozenset() for p in points}, points)


def learnt(seen: Seen | None, now: Observation) -> Lesson:
    """Learn from one observation, after `seen`."""
    entry = Entry(A, seen={now.location.key: seen} if seen else {}, looked=START)
    return learn(read(now), {A: entry, B: Entry(B)}, landscape(), Told(START))


def rule_of(bench: Bench, kind: Kind, subject: ContactPoint | object) -> list[str]:
    """Name the rules of the writes to a kind of location of `subject`."""
    return [w.rule for w in bench.world.writes if w.location.kind is kind and w.location.subject == subject]


def ids(*wanted: Rule) -> list[str]:
    return [rule.id for rule in wanted]
