"""The path of a request in its parts."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import no_segment

_SEGMENT = re.compile(r"^(?P<name>[\w.$]+)(?:\((?P<key>.*)\))?$", re.DOTALL)


class Segment(NamedTuple):
    """One part of a path: `contacts(key)`; `key` is None without parentheses."""

    name: str
    key: str | None


def segments(path: str) -> list[Segment]:
    """The parts of a path, split at slashes outside parentheses. Raises 404 for what cannot be a segment."""
    parts, depth, start = [], 0, 0
    for at, sign in enumerate(path):
        if sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "/" and not depth:
            parts.append(path[start:at])
            start = at + 1
    parts.append(path[start:])
    found = []
    for part in filter(None, parts):
        match = _SEGMENT.match(part)
        if not match:
            raise no_segment(part)
        found.append(Segment(match["name"], match["key"]))
    return found
