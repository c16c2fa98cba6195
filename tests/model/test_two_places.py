"""Every interleaving of up to six steps on two places, through the production reconcile.

The space is the one of the published comparison: the counts of the naive rules are reproduced to the last word.
"""

from __future__ import annotations

import pytest

from local.proof.page import CASES, count_case

OURS = [name for name, case in CASES.items() if case.must_hold]
WORDS = 1_055_124

# With all events lost, a person's return to what a place said before cannot be seen, whatever the rule: no bound there.
STUCK_AT_MOST = {
    "two registers all events late, reversed, doubled": 5_586,
    "two registers all events told at every look": 5_586,
}
EXACT = "two registers late, and exact times"


@pytest.mark.parametrize(
    ("rule", "wrong", "stuck"),
    [("last-modified-wins", 96_950, 6_560), ("out-always-wins", 0, 53_352), ("three-way-base If-Match", 20, 44_410)],
)
def test_the_naive_rules_fail_as_published(rule: str, wrong: int, stuck: int) -> None:
    found = count_case(rule)
    assert (found.words, found.wrong, found.stuck) == (WORDS, wrong, stuck)


@pytest.mark.parametrize("name", OURS)
def test_no_wrong_mail_in_any_interleaving(name: str) -> None:
    found = count_case(name)
    assert (found.words, found.wrong, found.first_wrong) == (WORDS, 0, "")


@pytest.mark.parametrize("name", STUCK_AT_MOST)
def test_liveness_is_as_good_as_published(name: str) -> None:
    assert count_case(name).stuck <= STUCK_AT_MOST[name]


def test_liveness_with_exact_times_is_as_good_as_published() -> None:
    assert count_case(EXACT).stuck <= 178


def test_the_model_can_fail_without_if_match_acts_are_overwritten() -> None:
    found = count_case("two registers lost, WITHOUT If-Match")
    assert (found.wrong, found.first_wrong) == (144, "a- read a+ b- write")
