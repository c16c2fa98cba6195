"""A mistake in the mapping is told with its file, line, key and remedy, and nothing starts with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from consent_sync.consent.landscape import Mode
from consent_sync.mapping.load import MappingError, Problem, load_mapping

EXAMPLE = Path(__file__).parents[2] / "mapping.example.yaml"
TOPIC = "c0000000-0000-4000-8000-000000000021"
LIST = "c0000000-0000-4000-8000-000000000031"
OTHER_LIST = "c0000000-0000-4000-8000-000000000032"


def problems(tmp_path: Path, *changes: tuple[str, str]) -> list[Problem]:
    """Load the example after `changes`, each of which must find its text."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    assert str(path) in str(caught.value)
    for problem in caught.value.problems:
        assert f":{problem.line}: {problem.key}: " in str(caught.value)
    return list(caught.value.problems)


def line_of(text: str) -> int:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_the_example_is_valid() -> None:
    loaded = load_mapping(EXAMPLE)
    assert loaded.file.policy.mode is Mode.TWO_WAY
    assert set(loaded.file.brands) == {"contoso", "fabrikam"}


def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, ("opt_out_lists: [c", "optout_lists: [c"))
    assert (problem.key, problem.says) == ("brands.contoso.optout_lists", "unknown key")
    assert problem.line == line_of("opt_out_lists: [c")
    assert "'opt_out_lists'" in problem.remedy


def test_a_wrong_guid_is_told_with_its_form(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, (f"topic: {TOPIC}", "topic: 4711-not-a-guid"))
    assert problem.key == "brands.contoso.topics[0].topic"
    assert problem.line == line_of(f"topic: {TOPIC}")
    assert "8-4-4-4-12" in problem.remedy


def test_an_unknown_polarity_is_never_guessed(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, ("members: subscribed\n", "members: maybe\n"))
    assert problem.says == "unknown list polarity"
    assert "'subscribed' or 'opted_out'" in problem.remedy


def test_a_missing_polarity_is_missing(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, ("        members: subscribed\n", ""))
    assert problem.key == "brands.contoso.topics[0].members"
    assert problem.line == line_of(f"topic: {TOPIC}")


def test_two_lists_for_one_topic(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, ("topic: c0000000-0000-4000-8000-000000000022", f"topic: {TOPIC}"))
    assert problem.key == "brands.contoso.topics[1].topic"
    assert "brands.contoso.topics[0]" in problem.says


def test_one_list_with_two_meanings(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, (f"list: {OTHER_LIST}", f"list: {LIST}"))
    assert problem.key == "brands.contoso.topics[1].list"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path, (f"topic: {TOPIC}", "topic: x"), ("members: subscribed\n", "members: x\n"), ("mode: two", "mod: t")
    )
    assert [problem.key for problem in found] == [
        "brands.contoso.topics[0].topic",
        "brands.contoso.topics[0].members",
        "policy.mod",
    ]


def test_yaml_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, ("version: 1", "version: [1"))
    assert problem.line >= line_of("version: 1")


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, ("  fabrikam:\n", "  contoso:\n"))
    assert "duplicate key" in problem.says


def test_a_missing_file_says_which_setting_to_mend(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="MAPPING_FILE"):
        load_mapping(tmp_path / "nowhere.yaml")


def test_the_fingerprint_follows_the_meaning_and_not_the_text(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    commented, changed = tmp_path / "a.yaml", tmp_path / "b.yaml"
    commented.write_text("# a remark\n" + text, encoding="utf-8")
    changed.write_text(text.replace("trust_membership: false", "trust_membership: true", 1), encoding="utf-8")
    assert load_mapping(commented).fingerprint == load_mapping(EXAMPLE).fingerprint
    assert load_mapping(changed).fingerprint != load_mapping(EXAMPLE).fingerprint


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    """A changed fingerprint stops all writing, so it must not depend on the order in which a process keeps its sets."""
    program = f"from consent_sync.mapping.load import load_mapping; print(load_mapping({str(EXAMPLE)!r}).fingerprint)"
    found = {
        subprocess.run(  # noqa: S603  - our own interpreter and program
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=EXAMPLE.parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(found) == 1
