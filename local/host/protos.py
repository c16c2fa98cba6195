"""The protobuf messages that host and worker exchange."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

from local.host.errors import HostError

_DISTRIBUTION = "azure-functions-runtime-v1"
_MODULE = "azfunc_protos"


def load_protos() -> Any:
    """Return the package of generated messages (StreamingMessage and so on).

    No package publishes them on purpose; the wheel of azure-functions-runtime-v1 carries them as ``tests/protos``. They
    are loaded by path under a name of our own, so that the wheel's ``tests`` is never imported.
    """
    if _MODULE in sys.modules:
        return sys.modules[_MODULE]
    files = importlib.metadata.files(_DISTRIBUTION) or []
    init = next((Path(str(f.locate())) for f in files if f.as_posix() == "tests/protos/__init__.py"), None)
    if init is None:
        raise HostError(f"{_DISTRIBUTION} carries no tests/protos any more; pin 1.2.0 as in requirements-dev.txt.")
    spec = importlib.util.spec_from_file_location(_MODULE, init, submodule_search_locations=[str(init.parent)])
    if spec is None or spec.loader is None:
        raise HostError(f"{init} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module
