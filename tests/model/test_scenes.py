"""Every interleaving of a few steps where addresses are shared, records have several, and scopes nest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.simulate.engine import Events
from local.simulate.scene import Scene
from local.simulate.scenes import shared_address, topic_under_purpose, two_addresses, two_brands
from local.simulate.table import count_scene

SCENES = [shared_address, two_addresses, two_brands, topic_under_purpose]


def assert_never_wrong(scene: Scene, events: Events, depth: int) -> None:
    found = count_scene(scene, events, depth)
    assert (found.wrong, found.first_wrong) == (0, "")


@pytest.mark.parametrize("make", SCENES)
def test_no_wrong_mail_with_three_steps_however_events_come(make: Callable[[], Scene]) -> None:
    for events in Events:
        assert_never_wrong(make(), events, 3)


@pytest.mark.parametrize("make", SCENES)
def test_no_wrong_mail_with_all_events_lost(make: Callable[[], Scene]) -> None:
    assert_never_wrong(make(), Events.LOST, 5)


@pytest.mark.parametrize("make", SCENES)
def test_no_wrong_mail_with_all_events_late_reversed_and_doubled(make: Callable[[], Scene]) -> None:
    assert_never_wrong(make(), Events.LATE, 4)


@pytest.mark.parametrize("make", SCENES)
def test_no_wrong_mail_within_one_second(make: Callable[[], Scene]) -> None:
    assert_never_wrong(make().varied(one_second=True), Events.LOST, 4)
