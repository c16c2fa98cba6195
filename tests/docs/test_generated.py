"""The generated files are what the code says now, and say it completely."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from consent_sync.consent import rules
from consent_sync.consent.rules import RULES, Rule
from consent_sync.mapping.load import MappingError, load_mapping
from local.docs.cases import GROUPS
from local.docs.mapping_schema import mapping_schema
from local.docs.pages import ROOT, pages
from local.docs.rules_page import rules_page, sentences
from tests.cases.coverage import CASES, OUT_OF_SCOPE

EXAMPLE = ROOT / "mapping.example.yaml"


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    stale = path.read_text(encoding="utf-8") != pages()[path]
    assert not stale, "run: python -m local.docs"


def test_the_files_are_the_same_whatever_order_python_gives_to_sets() -> None:
    program = "from local.docs.mapping_schema import mapping_schema; print(mapping_schema())"
    texts = {
        subprocess.run(  # noqa: S603  - our own module
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1


def test_every_rule_is_used_by_the_product() -> None:
    named = {name: value for name, value in vars(rules).items() if isinstance(value, Rule)}
    assert {rule.id for rule in named.values()} == RULES.keys()
    used = {
        node.attr
        for path in (ROOT / "consent_sync").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "rules"
    }
    assert named.keys() - used == set()


def test_every_case_has_a_title_once() -> None:
    assert sorted(number for cases in GROUPS.values() for number in cases) == list(CASES)


def test_every_case_in_scope_says_what_is_checked() -> None:
    assert set(CASES) - OUT_OF_SCOPE.keys() == sentences(ROOT / "tests" / "cases").keys()


def test_a_case_names_its_rules_or_why_it_is_out_of_scope() -> None:
    writes = Rule("close-it", "It is closed.", (1,), "Because.")
    asks = Rule("hold-it", "Somebody is asked.", (2,), "Because.", passing=True)
    page = rules_page([writes, asks], {3: "no such thing"}, {1: ["It is closed"], 4: ["Nothing happens"]})
    writing, asking = page.index("## Rules that write"), page.index("## Rules that ask")
    assert writing < page.index("### `close-it`") < asking < page.index("### `hold-it`") < page.index("## The cases")
    assert "**1. “Do not bulk email” is set.** [`close-it`](#close-it).\n  - It is closed.\n" in page
    assert "Out of scope: no such thing.\n" in page
    assert "has no value" not in page
    assert "does not exist.** No rule of its own.\n  - Nothing happens.\n" in page


def test_a_test_that_is_known_to_fail_promises_nothing(tmp_path: Path) -> None:
    text = """
import pytest
@pytest.mark.xfail(strict=True, reason="nobody built it")
def test_case_07_an_opt_out_is_loud(): ...
@pytest.mark.parametrize("source", [])
def test_case_08_and_09_it_opts_in_the_gdpr_way(): ...
def helper(): ...
"""
    (tmp_path / "test_x.py").write_text(text, encoding="utf-8")
    assert sentences(tmp_path) == {
        7: ["An opt-out is loud (**not yet**: nobody built it)"],
        8: ["It opts in the GDPR way"],
        9: ["It opts in the GDPR way"],
    }


def complaints(value: Any, schema: dict[str, Any], defs: dict[str, Any], at: str = "") -> list[str]:
    """What a JSON schema finds wrong, of the words that the mapping's schema uses for keys and choices."""
    while "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return min((complaints(value, choice, defs, at) for choice in schema["anyOf"]), key=len)
    kind = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    if schema["type"] in kind and not isinstance(value, kind[schema["type"]]):
        return [f"{at} is no {schema['type']}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return [f"{at} is none of the choices"]
    found = [f"{at} lacks {key}" for key in schema.get("required", []) if key not in value]
    if isinstance(value, list):
        found += [c for i, item in enumerate(value) for c in complaints(item, schema["items"], defs, f"{at}[{i}]")]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        further = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties", True))
        for key, item in value.items():
            inner = known.get(key, further)
            found += complaints(item, inner, defs, f"{at}.{key}") if inner else [f"{at} has an unknown {key}"]
    return found


def check(text: str) -> list[str]:
    schema = json.loads(mapping_schema())
    return complaints(YAML(typ="safe").load(text), schema, schema["$defs"])


def test_the_example_is_right_by_its_schema_and_by_the_service() -> None:
    assert check(EXAMPLE.read_text(encoding="utf-8")) == []
    load_mapping(EXAMPLE)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("opt_out_lists: [c", "optout_lists: [c"),
        ("members: subscribed\n", "members: perhaps\n"),
        ("mode: two-way", "mode: both"),
        ("version: 1", "version: 2"),
        ("write: true", "writes: true"),
        ("profile: c", "compliance_profile: c"),
        ("[preference_center, realtime_form]", "[preference_center, rumour]"),
    ],
)
def test_what_the_service_refuses_the_schema_refuses_too(tmp_path: Path, right: str, wrong: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace(right, wrong, 1)
    assert check(text)
    copy = tmp_path / "mapping.yaml"
    copy.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError):
        load_mapping(copy)


def test_editors_find_the_schema_from_the_example() -> None:
    first = EXAMPLE.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert json.loads((EXAMPLE.parent / first.partition("=")[2]).read_text(encoding="utf-8"))["title"]
