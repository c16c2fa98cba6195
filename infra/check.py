#!/usr/bin/env python3
"""Check the Bicep files: `python infra/check.py`. Needs requirements-dev.txt, no network and no Azure account.

Runs the project's own checks, and the type check and the Bicep compiler where they are on this machine; says which of
them were not, and fails for those named by `--need`. `--checkov` runs checkov too, and installs it into .checkov-venv
first, for which it does need the network.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "infra")]

from checks import agreement, alerts, policy, tools  # noqa: E402  - the path comes first
from checks.repository import Finding, Repository  # noqa: E402

CHECKS = (
    policy.secure,
    policy.secrets,
    policy.roles,
    policy.modules,
    policy.budget,
    agreement.queues,
    agreement.app_settings,
    agreement.runtime,
    agreement.sign_in,
    agreement.schedules,
    agreement.parameters,
    alerts.alerts,
    agreement.azd,
)


def own_checks(repository: Repository) -> list[Finding]:
    """Run the project's own checks; a file that can not be read stops the rest."""
    unreadable = list(policy.syntax(repository))
    return unreadable or [finding for check in CHECKS for finding in check(repository)]


def main() -> int:
    """Print what was found and what did not run; 1 if anything was found or is missing that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--need", action="append", default=[], choices=["type check", "bicep build"])
    parser.add_argument("--checkov", action="store_true", help="run checkov too, installed first if need be")
    asked = parser.parse_args()
    repository = Repository(ROOT)
    findings = own_checks(repository)
    say = [f"own checks: {len(repository.bicep)} files, {len(findings)} findings"]
    for name, check in tools.available(ROOT):
        found = check() if check else []
        findings += found
        say.append(f"{name}: {f'{len(found)} findings' if check else 'not run, it is not on this machine'}")
        if name in asked.need and not check:
            findings.append(Finding(name, "this machine", "it was asked for and is not here"))
    if asked.checkov:
        found = tools.checkov(repository, tools.checkov_venv(ROOT))
        findings += found
        say.append(f"checkov: {len(found)} findings")
    sys.stdout.write("\n".join([*map(str, findings), *say, ""]))
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
