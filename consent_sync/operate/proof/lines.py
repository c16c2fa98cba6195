"""The lines of a history as rows of an export."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from consent_sync.ports.ledger import RecordedLine

COLUMNS = (
    "recorded",
    "at",
    "key",
    "number",
    "what",
    "scope",
    "location",
    "says",
    "rule",
    "because",
    "run",
    "by",
    "digest",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row_of(line: RecordedLine) -> dict[str, str]:
    """Give a line as texts. What a spreadsheet would take for a formula begins with an apostrophe."""
    values = asdict(line)
    return {name: _text(values[name]) for name in COLUMNS}


def _text(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
