"""The arithmetic for large companies agrees with what happens when it is played through under the emulator's limits."""

from __future__ import annotations

import pytest

from local.scale.arithmetic import Means, Work, times
from local.scale.page import LOOK, REPAIR, TOLERANCE
from local.scale.throttled import play

PAGES = 2000
MEANS = (Means(16), Means(32), Means(32, users=1, servers=2), Means(64, users=2, servers=2))


@pytest.mark.parametrize("means", MEANS, ids=str)
@pytest.mark.parametrize("page", [LOOK, REPAIR], ids=["look", "repair"])
def test_the_formulas_agree_with_the_play(page: tuple[float, ...], means: Means) -> None:
    work = Work(PAGES, page, 0.1)
    assert play(work, means).seconds == pytest.approx(times(work, means).seconds, rel=TOLERANCE)


def test_more_users_and_servers_shorten_what_the_limits_bound() -> None:
    work = Work(PAGES * 10, REPAIR, 0.1)
    alone, together = times(work, Means(64)), times(work, Means(64, users=2, servers=2))
    assert alone.bound == together.bound == "execution time"
    assert together.seconds < alone.seconds / 3
