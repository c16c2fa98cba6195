"""What is deployed: pinned with hashes, what the tests ran with, and listed in the bill of materials."""

from __future__ import annotations

import json
import re

import pytest
from packaging.utils import canonicalize_name

from local.supply.closure import closure, direct_requirements
from local.supply.files import CHECKOV, LOCK, REQUIREMENTS, SBOM, bill
from local.supply.lock import read

from .conftest import ROOT

LOCKED = LOCK.read_text(encoding="utf-8")


def pinned(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def test_all_that_is_deployed_is_pinned_and_nothing_else() -> None:
    """And it is what the tests run with: the versions are those installed here."""
    needed = {package.name: package.version for package in closure(direct_requirements(REQUIREMENTS))}
    assert {pin.name: pin.version for pin in read(LOCKED)} == needed


def test_the_lock_and_the_constraints_agree() -> None:
    constraints = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert {name: constraints.get(name) for name in pinned(LOCKED)} == pinned(LOCKED)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda text: text.replace("sha256:", "md5:", 1),
        lambda text: re.sub(r" \\\n    --hash=\S+", "", text, count=1),
        lambda text: text + "requests\n",
        lambda text: text.replace("==", ">=", 1),
        lambda text: "--extra-index-url somewhere\n" + text,
    ],
    ids=["weak hash", "no hash", "not pinned", "a range", "another index"],
)
def test_a_lock_file_that_pins_less_is_refused(mistake: object) -> None:
    assert callable(mistake)
    with pytest.raises(ValueError, match="hash"):
        read(mistake(LOCKED))


def test_the_bill_of_materials_is_current() -> None:
    assert SBOM.read_text(encoding="utf-8") == bill(), "run: python3 dev.py lock"


def test_the_bill_lists_each_package_with_version_hash_licence_and_purpose() -> None:
    document = json.loads(SBOM.read_text(encoding="utf-8"))
    listed = {part["name"]: (part["version"], part["hashes"][0]["content"]) for part in document["components"]}
    assert listed == {pin.name: (pin.version, pin.sha256) for pin in read(LOCKED)}
    assert [p["name"] for p in document["components"] if not p["licenses"][0]["license"]["name"]] == []
    reached, waiting = set(), ["consent-sync"]
    needs = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
    while waiting:
        reached.add(ref := waiting.pop())
        waiting += [other for other in needs[ref] if other not in reached]
    assert reached == needs.keys()


def test_checkov_is_pinned_whole() -> None:
    lines = CHECKOV.read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    (asked,) = direct_requirements(CHECKOV.with_suffix(".in"))
    assert str(asked) in lines
