"""Which files are generated, and from what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from consent_sync.consent.rules import RULES
from consent_sync.operate.openapi import document
from consent_sync.settings import names
from consent_sync.telemetry import SAYS
from local.bench.figures import read_figures
from local.bench.table import page as bench_page
from local.docs.cli_page import cli_page
from local.docs.mapping_schema import mapping_schema
from local.docs.rules_page import rules_page, sentences
from local.scale.page import scale_page
from tests.cases.coverage import OUT_OF_SCOPE

ROOT = Path(__file__).resolve().parents[2]


def pages() -> dict[Path, str]:
    """Give the text of every generated file."""
    tests = sentences(ROOT / "tests" / "cases")
    operations = ROOT / "docs" / "operations.md"
    return {
        operations: _filled(
            operations.read_text(encoding="utf-8"),
            {
                "settings": _table(("setting", "meaning"), names()),
                "telemetry": _table(("`event`", "says"), {event.value: says for event, says in SAYS.items()}),
            },
        ),
        ROOT / "docs" / "cli.md": cli_page(),
        ROOT / "docs" / "scale.md": scale_page(),
        ROOT / "docs" / "bench.md": bench_page(read_figures(ROOT / "docs" / "bench.json")),
        ROOT / "docs" / "rules.md": rules_page(RULES.values(), OUT_OF_SCOPE, tests),
        ROOT / "docs" / "mapping.schema.json": mapping_schema(),
        ROOT / "docs" / "openapi.json": json.dumps(document(), indent=2, ensure_ascii=False) + "\n",
    }


def _table(head: tuple[str, str], rows: Mapping[str, str]) -> str:
    return "\n".join(
        [f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| `{name}` | {says} |" for name, says in rows.items())]
    )


def _filled(page: str, parts: Mapping[str, str]) -> str:
    """Put each part between its marks; everything else in the page is written by hand."""
    for name, text in parts.items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{text}\n\n{end}{after}"
    return page
