"""Settings from a file: lines of ``NAME=VALUE``, or the JSON of ``local.settings.json``."""

from __future__ import annotations

import json
from pathlib import Path

from consent_sync.errors import ConsentSyncError


class BadEnvFile(ConsentSyncError):
    """The file with settings cannot be read. Write one NAME=VALUE on each line, or use the form of local.settings.json.

    `azd env get-values` prints such lines.
    """


def read_env_file(path: Path) -> dict[str, str]:
    """Read the settings in the file that have a value. Raises BadEnvFile, which quotes no value."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows mark the encoding
    except FileNotFoundError:
        raise BadEnvFile(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadEnvFile(f"{path}: {type(error).__name__}") from None
    found = _from_json(path, text) if text.lstrip().startswith("{") else _from_lines(path, text)
    return {name: value for name, value in found.items() if value}


def _from_json(path: Path, text: str) -> dict[str, str]:
    try:
        tree = json.loads(text)
    except ValueError:
        raise BadEnvFile(f"{path}: not JSON") from None
    values = tree.get("Values", tree)
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise BadEnvFile(f"{path}: the settings must be texts under Values")
    return values


def _from_lines(path: Path, text: str) -> dict[str, str]:
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip().removeprefix("export ")  # noqa: PLW2901  - the same line, without what does not count
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise BadEnvFile(f"{path}:{number}: not NAME=VALUE")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
