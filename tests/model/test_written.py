"""docs/proof.md says what the enumeration finds today. Runs last here, so that it counts nothing anew."""

from __future__ import annotations

from local.proof.page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python3 dev.py proof --write"
