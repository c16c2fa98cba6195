"""What is deployed: the direct requirements and all they need in turn, as the installed packages say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

AZURE: Mapping[str, str] = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""Where the product runs: dependencies of other systems are not part of it, whoever asks."""


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package; `needs` names the packages that it cannot do without, `direct` whether we asked for it."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]
    direct: bool


def direct_requirements(path: Path) -> list[Requirement]:
    """Read the requirements of a file, without its options and comments."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def closure(direct: Iterable[Requirement]) -> list[Package]:
    """Give all packages that `direct` leads to, in the order of their names.

    Raises PackageNotFoundError for one that is not installed here.
    """
    waiting = list(direct)
    asked = {canonicalize_name(requirement.name) for requirement in waiting}
    needs: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) not in seen:
            seen.add((name, extras))
            needed = list(_needed(name, extras))
            needs.setdefault(name, set()).update(canonicalize_name(other.name) for other in needed)
            waiting += needed
    return [_package(name, needs[name], direct=name in asked) for name in sorted(needs)]


def _package(name: str, needs: Iterable[str], *, direct: bool) -> Package:
    installed = distribution(name)
    return Package(name, installed.version, _licence(installed.metadata.json), tuple(sorted(needs)), direct)


def _needed(name: str, extras: Iterable[str]) -> Iterator[Requirement]:
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({**AZURE, "extra": extra}) for extra in ("", *extras)):
            yield requirement


def _licence(metadata: Mapping[str, str | list[str]]) -> str:
    """Give the licence as the package declares it: as an expression, by a classifier, or in a line of its own."""
    if expression := metadata.get("license_expression"):
        return str(expression)
    kinds = [kind.rpartition(" :: ")[2] for kind in metadata.get("classifier", ()) if kind.startswith("License :: ")]
    named = [kind for kind in kinds if kind != "OSI Approved"]
    return named[0] if named else str(metadata.get("license", "")).partition("\n")[0]
