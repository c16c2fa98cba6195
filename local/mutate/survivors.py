"""Why a mutant that survives may: kept by hand, by (module, function, change)."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """`equivalent` says that nobody could tell the mutant from the original; otherwise it is accepted, and counts."""

    equivalent: bool
    text: str


REASONS: dict[tuple[str, str, str], Reason] = {}
