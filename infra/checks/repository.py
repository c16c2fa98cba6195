"""The files that the checks read, and what a check finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from .bicep import File, Resource, read


class Finding(NamedTuple):
    """What is wrong, where, and by which check."""

    check: str
    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.where}: {self.check}: {self.says}"


@dataclass
class Repository:
    """The project's files under `root`; `changed` gives other texts for some of them, by path from there."""

    root: Path
    changed: dict[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str:
        """Give the text of a file, by its path with slashes."""
        return self.changed.get(path) or (self.root / path).read_text(encoding="utf-8")

    @cached_property
    def bicep(self) -> dict[str, File]:
        """Every Bicep file, by its path."""
        paths = sorted(path.relative_to(self.root).as_posix() for path in (self.root / "infra").rglob("*.bicep"))
        return {path: read(path, self.text(path)) for path in paths}

    @cached_property
    def main(self) -> File:
        """The file that the others hang on."""
        return self.bicep["infra/main.bicep"]

    def of_type(self, wanted: str) -> list[Resource]:
        """Give the resources of a type that the files make."""
        every = (resource for file in self.bicep.values() for resource in file.resources.values())
        return [resource for resource in every if resource.type == wanted and not resource.existing]

    def python(self) -> Iterator[str]:
        """Give the text of each Python file that is deployed."""
        for path in sorted([self.root / "function_app.py", *(self.root / "consent_sync").rglob("*.py")]):
            yield self.text(path.relative_to(self.root).as_posix())
