"""What the first sentence says about the oldest opt-out under way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consent_sync.operate.page.headline import headline, spoken


@pytest.mark.parametrize(
    ("age", "tone"),
    [
        (None, "good"),
        (timedelta(minutes=15), "good"),
        (timedelta(minutes=15, seconds=1), "warn"),
        (timedelta(hours=24), "warn"),
        (timedelta(hours=24, seconds=1), "bad"),
        (timedelta(hours=49), "bad"),
    ],
)
def test_the_tone_follows_the_targets(age: timedelta | None, tone: str) -> None:
    assert headline(age, mode_writes=True, troubles=0).tone == tone


def test_the_ceiling_is_said_to_be_passed_only_when_it_is() -> None:
    assert "near" in headline(timedelta(hours=47), mode_writes=True, troubles=0).detail
    assert "passed" in headline(timedelta(hours=49), mode_writes=True, troubles=0).detail


def test_trouble_and_watching_are_never_good_news() -> None:
    assert headline(None, mode_writes=True, troubles=1).tone == "bad"
    assert headline(None, mode_writes=False, troubles=0).tone == "warn"


@pytest.mark.parametrize(
    ("time", "says"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(hours=3), "3 hours"),
        (timedelta(days=2, hours=5), "2 days"),
    ],
)
def test_times_are_spoken_in_whole_units(time: timedelta, says: str) -> None:
    assert spoken(time) == says
