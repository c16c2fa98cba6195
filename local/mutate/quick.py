"""A pytest plugin for mutants: hypothesis draws the same examples every time, and the model stops at three steps."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings

STEPS = 3

settings.register_profile("mutants", derandomize=True, database=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("mutants")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the interleavings of more steps: they take minutes."""
    deep = [item for item in items if "tests/model/" in item.nodeid and not item.nodeid.endswith(f", {STEPS}]")]
    config.hook.pytest_deselected(items=deep)
    items[:] = [item for item in items if item not in deep]
