"""The real function app, impatient, and struck by bad luck: a share of its work ends before the checkpoint.

Nothing of the service is replaced: only waiting times are shorter, and checkpoints may be struck.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from consent_sync.engine import open_runs, pages, passes, scopes
from consent_sync.ledger import sqlite
from consent_sync.ports.runs import Part
from consent_sync.queues import storage

FUNCTIONS = Path(__file__).parents[3] / "function_app.py"
BAD_LUCK = float(os.environ.get("BAD_LUCK", "0"))

storage.PAUSE = 1
open_runs.STALLED = timedelta(seconds=2)
scopes.SPLIT_AFTER = 3
pages.PAGE_ROWS = 20


class StruckError(Exception):
    """The process would have ended here, with the work done and nothing to show for it."""


def _strike(ledger: type) -> None:
    advance = ledger.advance

    def struck(self: Any, part: Part, expected_seq: int) -> Any:
        if part.seq > expected_seq and random.random() < BAD_LUCK:  # noqa: S311  - no secret
            raise StruckError
        return advance(self, part, expected_seq)

    ledger.advance = struck


_strike(sqlite.SqliteLedger)
if BAD_LUCK:  # the sweep is to revive what was lost, and to find nothing else meanwhile
    passes.Passes.is_at_work = lambda *_: True
spec = importlib.util.spec_from_file_location("the_real_app", FUNCTIONS)
assert spec
assert spec.loader
module = importlib.util.module_from_spec(spec)
sys.modules["the_real_app"] = module
spec.loader.exec_module(module)
app = module.app
