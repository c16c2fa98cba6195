"""Fixtures for tests anywhere, and which process runs which."""

from collections.abc import Iterable

import pytest

from tests.support.azurite import azurite, queues
from tests.support.browser import chromium
from tests.support.figures import write_figures

__all__ = ["azurite", "chromium", "queues"]


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Keep together what shares fixtures, a file, and in the model what shares its counts, the folder."""
    for item in items:
        group = item.path.parent if item.path.parent.name == "model" else item.path
        item.add_marker(pytest.mark.xdist_group(str(group)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write_figures(terminalreporter)
