"""What the log says is what its description says: alerts and queries are written after that."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent_sync.telemetry import SAYS, Event, place_of, say

ROOT = Path(__file__).parents[2]


def said() -> Iterator[tuple[str, set[str], bool]]:
    """Every line that the product can write: its kind, its fields, and whether there may be more."""
    for path in sorted([ROOT / "function_app.py", *(ROOT / "consent_sync").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "say":
                names = [keyword.arg for keyword in node.keywords]
                yield ast.unparse(node.args[0]).removeprefix("Event."), {n for n in names if n}, None in names


def test_every_kind_of_line_is_described_and_written() -> None:
    assert SAYS.keys() == set(Event)
    assert {kind for kind, _, _ in said()} == {event.name for event in Event}


@pytest.mark.parametrize(("kind", "fields", "more"), list(said()))
def test_a_line_has_the_fields_that_its_description_names(kind: str, fields: set[str], more: bool) -> None:  # noqa: FBT001
    described = set(re.findall(r"`(\w+)`", SAYS[Event[kind]]))
    assert fields <= described
    assert more or fields == described


def test_a_line_is_one_json_object_whatever_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        say(Event.REFUSED, detail='two\nlines and a "quote"', status=400)
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert json.loads(record.getMessage()) == {
        "event": "refused", "detail": 'two\nlines and a "quote"', "status": 400,
    }  # fmt: skip


def test_a_mistake_is_told_by_its_place_and_not_by_its_text() -> None:
    with pytest.raises(AttributeError) as caught:
        place_of(None)  # type: ignore[arg-type]
    assert re.fullmatch(r"telemetry\.py:\d+", place_of(caught.value))
    assert place_of(ValueError("ann@example.com")) == ""
