"""Fixtures for tests anywhere."""

import pytest

from tests.support.azurite import azurite
from tests.support.browser import chromium
from tests.support.figures import write_figures

__all__ = ["azurite", "chromium"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write_figures(terminalreporter)
