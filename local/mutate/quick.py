"""A pytest plugin for mutants: the same examples every time, three steps of the model, and no more time than allowed.

It limits the processor's time of its own process, which other work on the machine does not use up.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest
from hypothesis import HealthCheck, Phase, settings

STEPS = 3
LIMIT = "MUTANT_SECONDS"
"""The environment variable with the seconds that this process may use, 0 for as many as it likes."""

settings.register_profile(
    "mutants",
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow,),
)

if sys.platform == "win32":
    RAN_OUT = None

    def seconds_of_children() -> float:
        """Give the time: Windows limits no process."""
        return time.monotonic()

    def _limit(_seconds: int) -> None:
        pass

else:
    import resource

    RAN_OUT = -signal.SIGXCPU
    """What a process returns that used up its time."""

    def seconds_of_children() -> float:
        """Give the processor time that all ended processes of ours took."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def _limit(seconds: int) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))


def pytest_configure() -> None:
    """Take the settings on; done here, so that whoever only imports this keeps their own."""
    settings.load_profile("mutants")
    if seconds := int(os.environ.get(LIMIT, "0")):
        _limit(seconds)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the interleavings of more steps: they take minutes."""
    deep = [item for item in items if "tests/model/" in item.nodeid and not item.nodeid.endswith(f", {STEPS}]")]
    config.hook.pytest_deselected(items=deep)
    items[:] = [item for item in items if item not in deep]
