"""Which files are generated, and from what."""

from __future__ import annotations

from pathlib import Path

from consent_sync.consent.rules import RULES
from local.docs.mapping_schema import mapping_schema
from local.docs.rules_page import rules_page, sentences
from tests.cases.coverage import OUT_OF_SCOPE

ROOT = Path(__file__).resolve().parents[2]


def pages() -> dict[Path, str]:
    """Give the text of every generated file."""
    tests = sentences(ROOT / "tests" / "cases")
    return {
        ROOT / "docs" / "rules.md": rules_page(RULES.values(), OUT_OF_SCOPE, tests),
        ROOT / "docs" / "mapping.schema.json": mapping_schema(),
    }
