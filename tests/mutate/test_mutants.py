from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from local.mutate import trial
from local.mutate.__main__ import MODULES, ROOT
from local.mutate.mutants import Mutant, mutants_of
from local.mutate.report import Run, page, summary
from local.mutate.survivors import REASONS, Reason
from local.mutate.trial import BrokenTestsError, Outcome, check_unchanged, trials


def changes(source: str) -> list[str]:
    return [mutant.change for mutant in mutants_of("sample.py", dedent(source).encode())]


@pytest.mark.parametrize(
    ("expression", "change"),
    [
        ("a < b", "a < b -> a <= b"),
        ("a == b", "a == b -> a != b"),
        ("a is b", "a is b -> a is not b"),
        ("a and b", "a and b -> a or b"),
        ("a and b", "a and b -> a"),
        ("a and b", "a and b -> b"),
        ("not a", "not a -> a"),
        ("True", "True -> False"),
        ("3", "3 -> 4"),
        ("max(a)", "max(a) -> min(a)"),
        ("any(a)", "any(a) -> all(a)"),
        ("Reading.OUT", "Reading.OUT -> Reading.IN"),
        ("(a, b) == (c, d)", "(a, b) == (c, d) -> (b,) == (d,)"),
        ("(*a, *b)", "(*a, *b) -> (*b,)"),
        ("[a for a in b if a]", "[a for a in b if a] -> [a for a in b]"),
        ("a if b else c", "a if b else c -> c if b else a"),
    ],
)
def test_an_expression_is_changed(expression: str, change: str) -> None:
    assert change in changes(f"x = {expression}")


@pytest.mark.parametrize(
    ("body", "change"),
    [
        ("return a", "return a -> return None"),
        ("a.append(1)", "a.append(1) -> pass"),
        ("for x in a:\n        continue", "continue -> pass"),
        ("if a:\n        raise E", "a -> not a"),
        ("if a:\n        raise E", "raise E -> pass"),
    ],
)
def test_a_statement_is_removed_or_turned_round(body: str, change: str) -> None:
    assert change in changes(f"def f(a):\n    {body}\n")


def test_texts_annotations_and_decorators_are_left_alone() -> None:
    assert (
        changes('''
        @decorated(slots=True)
        def f(a: Literal[1] = "x") -> Literal[2]:
            """Text."""
            b: Literal[3] = "y"
        ''')
        == []
    )


def test_only_the_span_of_the_change_is_touched_and_letters_beyond_ascii_do_not_shift_it() -> None:
    (mutant,) = mutants_of("sample.py", "x = 'ü', a < b  # why\ny = 'é'\n".encode())
    assert mutant.source.decode() == "x = 'ü', (a <= b)  # why\ny = 'é'\n"


def test_the_same_change_twice_in_a_function_has_two_keys() -> None:
    assert changes("x = (1, 1)") == ["1 -> 2", "1 -> 2 (2)"]


def test_every_mutant_of_the_rules_is_python_that_differs_and_has_a_key_of_its_own() -> None:
    keys = set()
    for module in MODULES:
        source = (ROOT / module).read_bytes()
        original = ast.dump(ast.parse(source))
        for mutant in mutants_of(module, source):
            assert ast.dump(ast.parse(mutant.source)) != original, mutant.change
            assert mutant.key not in keys
            keys.add(mutant.key)


def test_every_reason_belongs_to_a_mutant_that_still_exists() -> None:
    keys = {mutant.key for module in MODULES for mutant in mutants_of(module, (ROOT / module).read_bytes())}
    assert [key for key in REASONS if key not in keys] == []


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of one module, one test and the plugin."""
    (tmp_path / "sample.py").write_text(
        "def allowed(age):\n    while age < 18:\n        return False\n    return True\n"
    )
    (tmp_path / "test_sample.py").write_text(
        "from sample import allowed\n\n\ndef test_allowed():\n    assert allowed(30) and not allowed(10)\n"
    )
    (tmp_path / "local" / "mutate").mkdir(parents=True)
    quick = "local/mutate/quick.py"
    (tmp_path / quick).write_bytes((ROOT / quick).read_bytes())
    monkeypatch.setattr(trial, "NEEDED", ("sample.py", "test_sample.py", "local"))
    monkeypatch.setattr(trial, "SELECTION", ("test_sample.py",))
    return tmp_path


def test_a_mutant_that_the_tests_notice_is_killed_and_one_they_do_not_survives(tree: Path) -> None:
    check_unchanged(tree)
    mutants = mutants_of("sample.py", (tree / "sample.py").read_bytes())
    chosen = [m for m in mutants if m.change in {"age < 18 -> age <= 18", "False -> True"}]
    found = {mutant.change: outcome for mutant, outcome in trials(tree, chosen, seconds=60)}
    assert found == {"age < 18 -> age <= 18": Outcome.SURVIVED, "False -> True": Outcome.KILLED}
    assert "age < 18" in (tree / "sample.py").read_text()


def test_a_mutant_that_never_ends_runs_out_of_time(tree: Path) -> None:
    endless = Mutant("sample.py", "allowed", 1, "endless", b"while True:\n    pass\n")
    assert [outcome for _, outcome in trials(tree, [endless], seconds=2)] == [Outcome.TIMED_OUT]


def test_tests_that_fail_anyway_can_judge_nothing(tree: Path) -> None:
    (tree / "sample.py").write_text("def allowed(age):\n    return False\n")
    with pytest.raises(BrokenTestsError, match="1 failed"):
        check_unchanged(tree)


def test_the_report_tells_equivalent_accepted_and_unexplained_survivors_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    mutants = [Mutant("m.py", "f", line, f"change {line}", b"") for line in range(1, 6)]
    monkeypatch.setitem(REASONS, mutants[0].key, Reason(equivalent=True, text="the same set"))
    monkeypatch.setitem(REASONS, mutants[1].key, Reason(equivalent=False, text="only an order"))
    outcomes = [Outcome.SURVIVED] * 3 + [Outcome.KILLED, Outcome.TIMED_OUT]
    run = Run(40, 7, list(zip(mutants, outcomes, strict=True)))
    assert (run.tried, run.killed, run.equivalent, run.share) == (5, 2, 1, 0.5)
    for text in (summary(run), page(run, date(2026, 1, 1))):
        assert all(
            said in text for said in ["equivalent: the same set", "accepted: only an order", "no reason", "m.py:3"]
        )
        assert "Killed of all: 40.0%; of those that could be: 50.0%" in text
    assert "of a sample of 5 of 40 (seed 7)" in page(run, date(2026, 1, 1))
