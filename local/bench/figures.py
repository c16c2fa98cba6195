"""What was measured, kept beside the page: each size by itself, since a large company takes hours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from .deciding import Throughput
from .measure import Line


@dataclass(frozen=True, slots=True)
class Size:
    """All about a company of one size, from one run of `command`."""

    contacts: int
    command: str
    day: date
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """The sizes, small ones first, and what deciding alone takes."""

    sizes: tuple[Size, ...] = ()
    deciding: tuple[Throughput, ...] = ()

    def with_size(self, size: Size) -> Figures:
        """Give the figures with `size` in place of what was measured at that size before."""
        others = [each for each in self.sizes if each.contacts != size.contacts]
        return replace(self, sizes=tuple(sorted([*others, size], key=lambda each: each.contacts)))


_FIGURES = TypeAdapter(Figures)


def read_figures(file: Path) -> Figures:
    """Read what was kept, nothing where there is no such file."""
    return _FIGURES.validate_json(file.read_bytes()) if file.exists() else Figures()


def keep_figures(figures: Figures, file: Path) -> None:
    """Keep the figures."""
    file.write_bytes(_FIGURES.dump_json(figures, indent=1) + b"\n")
