"""One target under atheris, in a process of its own: libFuzzer ends it. Arguments: the target, then libFuzzer's own."""

from __future__ import annotations

import importlib
import sys
from typing import Any

atheris: Any = importlib.import_module("atheris")  # is not there on every system

with atheris.instrument_imports(include=["consent_sync", "local.emulator", "odata_query", "sly"]):
    from .targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer has had enough."""
    name, *arguments = sys.argv[1:]
    atheris.Setup([name, *arguments], TARGETS[name], enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
