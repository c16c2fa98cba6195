"""Who carries an address that servers may compare in different ways: noted by the sweeps, compared by the drift sweep.

Such addresses are rare. The notes hold names of rows and never addresses.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable

from consent_sync.ports.ledger import Ledger

BUCKETS = 64
"""Notes that the names are spread over: what one page finds touches few of them."""
_FULL = 900
"""Names in one note, so that it fits into 64 KB; whatever is beyond is left to the rolling pass."""


def note_odd(ledger: Ledger, names: Iterable[str]) -> None:
    """Remember these rows."""
    buckets: dict[int, list[str]] = defaultdict(list)
    for name in names:
        buckets[zlib.crc32(name.encode()) % BUCKETS].append(name)
    for bucket, found in buckets.items():
        while True:
            stands = ledger.note(_note(bucket))
            known = stands.split() if stands else []
            further = sorted(set(found).difference(known))[: _FULL - len(known)]
            if not further or ledger.set_note(_note(bucket), " ".join([*known, *further]), stands):
                break


def odd_names(ledger: Ledger, bucket: int) -> list[str]:
    """Give the names in one bucket."""
    return (ledger.note(_note(bucket)) or "").split()


def _note(bucket: int) -> str:
    return f"odd addresses {bucket:02}"
