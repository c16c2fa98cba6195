"""Every interleaving of a few steps where addresses are shared, records have several, and scopes nest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.simulate.engine import Events
from local.simulate.scene import Scene
from local.simulate.scenes import shared_address, topic_under_purpose, two_addresses, two_brands
from local.simulate.table import count_scene

SCENES = [shared_address, two_addresses, two_brands, topic_under_purpose]

FOUND_UNCONFIRMED = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="p- read f- crash-before: the record's own flag is taken for our unconfirmed write, and only covers one "
    "of its addresses (evidence._may_be_ours, pending)",
)
FOUND_NOT_A_MEMBER = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="t- read t+ l- write: the person left the list while we were about to take them off; the 404 counts as our "
    "own removal, and the later opt-out is lost (tenant.apply._outcome)",
)


def but[T](scenes: list[T], scene: T, mark: pytest.MarkDecorator) -> list[object]:
    return [pytest.param(s, marks=mark) if s is scene else s for s in scenes]


def assert_never_wrong(scene: Scene, events: Events, depth: int) -> None:
    found = count_scene(scene, events, depth)
    assert (found.wrong, found.first_wrong) == (0, "")


@pytest.mark.parametrize("make", SCENES)
def test_no_wrong_mail_with_three_steps_however_events_come(make: Callable[[], Scene]) -> None:
    for events in Events:
        assert_never_wrong(make(), events, 3)


@pytest.mark.parametrize(
    "make",
    [
        shared_address,
        pytest.param(two_addresses, marks=FOUND_UNCONFIRMED),
        two_brands,
        pytest.param(topic_under_purpose, marks=FOUND_NOT_A_MEMBER),
    ],
)
def test_no_wrong_mail_with_all_events_lost(make: Callable[[], Scene]) -> None:
    assert_never_wrong(make(), Events.LOST, 5)


@pytest.mark.parametrize("make", SCENES)
def test_no_wrong_mail_with_all_events_late_reversed_and_doubled(make: Callable[[], Scene]) -> None:
    assert_never_wrong(make(), Events.LATE, 4)


@pytest.mark.parametrize("make", but(list(SCENES), two_addresses, FOUND_UNCONFIRMED))
def test_no_wrong_mail_within_one_second(make: Callable[[], Scene]) -> None:
    assert_never_wrong(make().varied(one_second=True), Events.LOST, 4)
