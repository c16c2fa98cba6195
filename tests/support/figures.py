"""Figures that a test measured, for whoever reads the run: they stand at its end, whichever process measured them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

type Record = Callable[[str, Any], None]
"""The fixture `record_property`."""

_NAME = "figure"


def show(record_property: Record, text: str) -> None:
    record_property(_NAME, text)


def write_figures(reporter: pytest.TerminalReporter) -> None:
    reports = [each for kind in reporter.stats.values() for each in kind if isinstance(each, pytest.TestReport)]
    for text in (
        text for report in reports if report.when == "call" for name, text in report.user_properties if name == _NAME
    ):
        reporter.write_line(str(text))
