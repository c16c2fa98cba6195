"""What is compared: each rule under each circumstance, over the same words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .engine import LIVES_FOR, Engine, Events
from .naive import Naive, State, last_modified_wins, out_always_wins, three_way_base
from .scene import Scene
from .scenes import two_places
from .walk import Count, walk

DEEDS = tuple(two_places().deeds)
"""On each side: opt out, opt in, and an unrelated edit of the same row."""

MACHINE = ("read", "write", "crash-before", "crash-after")
"""Crashes lose what is in memory: before the write, or after it and before the ledger is told. With several rows to
write there is one `crash-amid`, too."""

STEPS = 6


@dataclass(frozen=True)
class Case:
    """A rule under some circumstances."""

    rule: str
    variant: str
    subject: Naive | Engine

    @property
    def must_hold(self) -> bool:
        """Whether nothing may end wrong: our own rule, on a tenant that checks versions."""
        return isinstance(self.subject, Engine) and self.subject.scene.if_match

    def count(self, depth: int = STEPS) -> Count:
        """Judge every word of up to `depth` steps on two places."""
        alphabet = (*DEEDS, *MACHINE)
        if isinstance(self.subject, Naive):
            return walk(State(), alphabet, self.subject.step, self.subject.judge, depth)
        return walk(self.subject.start(), alphabet, self.subject.step, self.subject.judge, depth)


def count_scene(scene: Scene, events: Events, depth: int) -> Count:
    """Judge every word of up to `depth` steps in a scene of more than two places."""
    engine = Engine(scene, events)
    return walk(engine.start(), (*scene.deeds, "read", *LIVES_FOR), engine.step, engine.judge, depth)


def cases() -> Iterator[Case]:
    """Give everything that is compared, the naive rules first."""
    yield Case("last-modified-wins", "", Naive(last_modified_wins, if_match=False))
    yield Case("out-always-wins", "", Naive(out_always_wins, if_match=False))
    yield Case("three-way-base", "If-Match", Naive(three_way_base, if_match=True))
    scene, ours = two_places(), "two registers"
    for events in Events:
        yield Case(ours, events.value, Engine(scene, events))
    yield Case(ours, "late, and exact times", Engine(scene.varied(exact_times=True), Events.LATE))
    yield Case(ours, "lost, repeats are acts", Engine(scene.varied(repeats=True)))
    yield Case(ours, "audited, repeats are acts", Engine(scene.varied(repeats=True), Events.AUDITED))
    yield Case(ours, "lost, all in one second", Engine(scene.varied(one_second=True)))
    yield Case(ours, "lost, never looked before", Engine(scene.varied(first_look=False)))
    yield Case(ours, "lost, WITHOUT If-Match", Engine(scene.varied(if_match=False)))


HEADING = f"{'rule':20}{'variant':37}{'interleavings':>14}{'wrong':>8}{'stuck':>8}  shortest wrong, or else stuck"


def line(case: Case, count: Count) -> str:
    """Give one line of the table under :data:`HEADING`."""
    example = count.first_wrong or count.first_stuck
    return f"{case.rule:20}{case.variant:37}{count.words:>14,}{count.wrong:>8,}{count.stuck:>8,}  {example}"
