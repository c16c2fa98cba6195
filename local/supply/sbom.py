"""The bill of materials in CycloneDX form (specification 1.6): what is deployed, under which licence, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from local.supply.closure import Package
from local.supply.lock import Pin


def sbom(version: str, packages: Iterable[Package], pins: Iterable[Pin]) -> str:
    """Give the document. It says nothing of the time, so that it changes only if what it describes does."""
    packages = list(packages)
    hashes = {pin.name: pin.sha256 for pin in pins}
    product = {"type": "application", "bom-ref": "consent-sync", "name": "consent-sync", "version": version}
    refs = {package.name: f"pkg:pypi/{package.name}@{package.version}" for package in packages}
    direct = sorted(refs[package.name] for package in packages if package.direct)
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": [_component(package, refs, hashes) for package in packages],
        "dependencies": [
            {"ref": "consent-sync", "dependsOn": direct},
            *({"ref": refs[p.name], "dependsOn": [refs[name] for name in p.needs]} for p in packages),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(package: Package, refs: Mapping[str, str], hashes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": refs[package.name],
        "name": package.name,
        "version": package.version,
        "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": hashes[package.name]}],
        "licenses": [{"license": {"name": package.licence}}],
        "purl": refs[package.name],
    }
