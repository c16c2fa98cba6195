"""Ids and times that a seed fixes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

FIRST_DAY = 1_483_228_800  # 2017-01-01, in seconds
LAST_DAY = 1_777_593_600  # 2026-05-01: outbound marketing is switched off


def guid(rng: Random) -> str:
    """Return a random version 4 GUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def times(rng: Random) -> tuple[str, str]:
    """Return when a row was created and when it was last modified, ISO 8601 in UTC."""
    created = int(FIRST_DAY + rng.random() * (LAST_DAY - FIRST_DAY))
    modified = int(created + rng.random() ** 2 * (LAST_DAY - created))
    return _iso(created), _iso(modified)


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
