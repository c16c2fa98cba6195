"""Files that commands write: never over one that is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from consent_sync.errors import ConsentSyncError


class CannotWriteFile(ConsentSyncError):
    """The file cannot be written: name one that does not exist yet, in a folder that you may write to."""


@contextmanager
def new_file(path: Path) -> Iterator[IO[str]]:
    """Open a new file that only its owner may read, where the system knows owners. Raises CannotWriteFile."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CannotWriteFile(f"{path}: {type(error).__name__}") from None
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        yield file


def write_new(path: Path, text: str) -> None:
    """Write a new file that only its owner may read, where the system knows owners. Raises CannotWriteFile."""
    with new_file(path) as file:
        file.write(text)
