"""Every interleaving of a few steps where addresses are shared, records have several, and scopes nest."""

from __future__ import annotations

import pytest

from local.proof.page import Space, count_space, spaces


@pytest.mark.parametrize("space", list(spaces()), ids=lambda space: f"{space.name}, {space.variant}, {space.depth}")
def test_no_wrong_mail_in_any_interleaving(space: Space) -> None:
    found = count_space(space)
    assert (found.wrong, found.first_wrong) == (0, "")
