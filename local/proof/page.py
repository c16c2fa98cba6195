"""``docs/proof.md``: what is enumerated and judged, and what came out. Each count is made once in a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .engine import Events
from .scene import Scene
from .scenes import shared_address, topic_under_purpose, two_addresses, two_brands
from .table import STEPS, cases, count_scene
from .walk import Count

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"

SCENES: tuple[Callable[[], Scene], ...] = (shared_address, two_addresses, two_brands, topic_under_purpose)

CASES = {f"{case.rule} {case.variant}".strip(): case for case in cases()}

_INTRODUCTION = f"""# What was proved by trying everything

This page is written by `python3 dev.py proof --write`, and a test fails when it is out of date.

Two places hold one consent. Every sequence of one to {STEPS} steps is enumerated: the person opts out or in at either
place, somebody edits something else in the same row, the service reads both places, writes what it decided on that, or
crashes before the write or after it with nothing recorded. After each sequence the service looks undisturbed until
nothing changes, and then every place is judged. *Wrong*: the person's last act was an opt-out and a place says in, or
a write opened one against an opt-out that had been made when the service read. *Stuck*: the last act was an opt-in and
a place says out. "Two registers" is the production code of `consent_sync/consent` and `consent_sync/engine`, on a model
of the tenant that checks versions (If-Match) as Dataverse does; the last line takes that check away, and shows that the
enumeration finds what goes wrong then. A rule that is never wrong is worth little if it is stuck: compare both columns.
With all events lost, nobody can see a person's return to what a place said before, so no rule does better there; an
audit log gives most of it back. The log records changes only, so an opt-out given twice stays as late as the row's last
edit: "audited, repeats are acts" shows that nothing is opened by believing the log.
"""

_SPACES = """## Smaller spaces

Shared addresses, several addresses, two brands and nested scopes have more places and more kinds of steps, so their
sequences are shorter. Wrong has to be 0 in every one of them. Where something is stuck, two answers fell between two
looks, or a hold leaves it to a person.
"""


@dataclass(frozen=True)
class Space:
    """One scene, walked through to `depth` steps."""

    make: Callable[[], Scene]
    events: Events
    depth: int
    one_second: bool = False

    @property
    def name(self) -> str:
        """The scene in words."""
        return self.make.__name__.replace("_", " ")

    @property
    def variant(self) -> str:
        """The circumstances in words."""
        return f"{self.events.value}, all in one second" if self.one_second else self.events.value


def spaces() -> Iterator[Space]:
    """Give every scene under every circumstance."""
    for make in SCENES:
        for events in Events:
            yield Space(make, events, 3)
        yield Space(make, Events.LATE, 4)
        yield Space(make, Events.LOST, 4, one_second=True)
        yield Space(make, Events.LOST, 5)


@cache
def count_case(name: str) -> Count:
    """Judge every word of a case of :data:`CASES`."""
    return CASES[name].count(STEPS)


@cache
def count_space(space: Space) -> Count:
    """Judge every word of a space."""
    scene = space.make()
    return count_scene(scene.varied(one_second=True) if space.one_second else scene, space.events, space.depth)


def page() -> str:
    """Give the page."""
    lines = [_INTRODUCTION, *_head("rule", "variant")]
    lines += [_row(case.rule, case.variant, count_case(name)) for name, case in CASES.items()]
    lines += ["", _SPACES, *_head("space", "variant", "steps")]
    lines += [_row(space.name, space.variant, count_space(space), space.depth) for space in spaces()]
    return "\n".join(lines) + "\n"


def _head(*columns: str) -> tuple[str, str]:
    numbers = ("steps", "interleavings", "wrong", "stuck")
    names = (*columns, "interleavings", "wrong", "stuck", "shortest wrong, or else stuck")
    return f"| {' | '.join(names)} |", "|" + "|".join("---:" if name in numbers else "---" for name in names) + "|"


def _row(what: str, variant: str, count: Count, *numbers: int) -> str:
    example = count.first_wrong or count.first_stuck
    cells = [what, variant, *(f"{n:,}" for n in (*numbers, count.words, count.wrong, count.stuck))]
    return f"| {' | '.join([*cells, f'`{example}`' if example else ''])} |"
