"""The real function app, impatient, and struck by bad luck: a share of its work ends before the checkpoint.

Nothing of the service is replaced: only waiting times are shorter, and checkpoints may be struck.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from pathlib import Path
from typing import Any

from consent_sync.ledger import sqlite
from consent_sync.queues import storage

FUNCTIONS = Path(__file__).parents[3] / "function_app.py"
BAD_LUCK = float(os.environ.get("BAD_LUCK", "0"))

storage.PAUSE = 1


class StruckError(Exception):
    """The process would have ended here, with the work done and nothing to show for it."""


def _strike(ledger: type) -> None:
    advance = ledger.advance

    def struck(self: Any, *arguments: Any) -> Any:
        if random.random() < BAD_LUCK:  # noqa: S311  - no secret
            raise StruckError
        return advance(self, *arguments)

    ledger.advance = struck


_strike(sqlite.SqliteLedger)
spec = importlib.util.spec_from_file_location("the_real_app", FUNCTIONS)
assert spec
assert spec.loader
module = importlib.util.module_from_spec(spec)
sys.modules["the_real_app"] = module
spec.loader.exec_module(module)
app = module.app
