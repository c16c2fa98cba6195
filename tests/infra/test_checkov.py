"""Reading checkov's report: it is silent about files that it can not read, so silence must not pass for approval."""

from __future__ import annotations

from typing import Any

from .conftest import ROOT

from checks import tools  # isort: skip  - conftest makes it importable
from checks.repository import Repository  # isort: skip

REPOSITORY = Repository(ROOT)


def report() -> dict[str, Any]:
    """What checkov says when all is well: the exceptions fail, everything else passes."""
    seen = [
        {"file_path": path.removeprefix("infra"), "resource": f"{resource.type}.{resource.symbol}"}
        for path, file in REPOSITORY.bicep.items()
        for resource in file.resources.values()
        if resource.type in tools.CHECKED_TYPES and not resource.existing
    ]
    skipped = [line.split()[1] for line in REPOSITORY.text(".checkov.yaml").splitlines() if line.startswith("  - ")]
    failed = [one | seen[0] for one in map(check, skipped)]
    return {"results": {"passed_checks": seen, "failed_checks": failed, "parsing_errors": []}}


def check(id_: str) -> dict[str, Any]:
    return {"check_id": id_, "check_name": "a name", "file_line_range": [7, 9]}


def says(changed: dict[str, Any]) -> list[str]:
    return [str(finding) for finding in tools.read_report(REPOSITORY, changed)]


def test_nothing_is_found_where_only_the_exceptions_fail() -> None:
    assert says(report()) == []


def test_a_failed_check_is_found() -> None:
    given = report()
    given["results"]["failed_checks"].append(given["results"]["passed_checks"][0] | check("CKV_AZURE_1"))
    assert says(given) == ["infra/modules/functionapp.bicep:7: checkov: CKV_AZURE_1 a name"]


def test_a_resource_that_checkov_passes_over_is_found() -> None:
    given = report()
    passed = given["results"]["passed_checks"]
    given["results"]["passed_checks"] = [one for one in passed if "vault" not in one["file_path"]]
    (line,) = says(given)
    assert "checkov did not see Microsoft.KeyVault/vaults.vault" in line


def test_an_exception_that_nothing_needs_is_found() -> None:
    given = report()
    given["results"]["failed_checks"].pop()
    assert says(given) == [".checkov.yaml: checkov: CKV_AZURE_88 is skipped for nothing"]


def test_a_file_that_checkov_can_not_read_is_found() -> None:
    given = report()
    given["results"]["parsing_errors"] = ["/modules/vault.bicep"]
    assert says(given) == ["/modules/vault.bicep: checkov: checkov can not read it"]


def test_a_report_of_nothing_is_found() -> None:
    assert says({"passed": 0, "failed": 0}) == ["infra: checkov: it checked nothing: {'passed': 0, 'failed': 0}"]
