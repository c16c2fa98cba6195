"""When timers run: the NCRONTAB expressions of the Functions host, checked before it would ignore a mistake.

Source: Microsoft's page "Timer trigger for Azure Functions" (six fields, or five without the seconds; ranges, steps,
lists and English names; no L, W, # and no weekday 7).
"""

from __future__ import annotations

import re

_ITEM = re.compile(r"(\*|\d+|[a-z]{3,9})(?:-(\d+|[a-z]{3,9}))?(?:/([1-9]\d*))?", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)


def objection(expression: str) -> str | None:
    """Say what is wrong with an NCRONTAB expression, None where nothing is."""
    given = expression.split()
    if len(given) == len(_FIELDS) - 1:
        given.insert(0, "0")
    if len(given) != len(_FIELDS):
        return "it needs six fields: second minute hour day month weekday"
    for text, (name, low, high, names) in zip(given, _FIELDS, strict=True):
        if not all(_fits(item, low, high, names) for item in text.split(",")):
            return f"the field for the {name} must be * or {low} to {high}, with -, / and commas"
    return None


def _fits(item: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _ITEM.fullmatch(item)
    if match is None:
        return False
    first, last, step = match.groups()
    if first == "*":
        return last is None and int(step or 1) <= high
    ends = [_number(end, low, names) for end in (first, last) if end]
    known = [end for end in ends if end is not None and low <= end <= high]
    return len(known) == len(ends) and known == sorted(known)


def _number(text: str, low: int, names: tuple[str, ...]) -> int | None:
    if text.isdecimal():
        return int(text)
    return next((low + i for i, name in enumerate(names) if text[:3].lower() == name), None)
