from __future__ import annotations

import re
from pathlib import Path

from tests.cases.coverage import CASES, OUT_OF_SCOPE, RULINGS

TESTS = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))


def numbers_of(kind: str) -> set[int]:
    """Numbers in the names of test functions: ``test_case_59_and_60_...`` has two."""
    named = re.findall(rf"^def test_{kind}_(\d+(?:_and_\d+)*)_", TESTS, re.MULTILINE)
    return {int(number) for numbers in named for number in numbers.split("_and_")}


def test_every_case_is_decided_or_has_a_reason() -> None:
    assert numbers_of("case") | OUT_OF_SCOPE.keys() == set(CASES)


def test_no_case_is_both_decided_and_out_of_scope() -> None:
    assert numbers_of("case") & OUT_OF_SCOPE.keys() == set()


def test_every_ruling_is_decided() -> None:
    assert numbers_of("ruling") == set(RULINGS)
