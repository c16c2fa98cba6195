"""The auditor's export: everything that was recorded in a period, as CSV with a seal beside it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

from consent_sync.errors import ConsentSyncError
from consent_sync.ports.ledger import Archive

from .chain import LINK, Description, Seal, linked, seal
from .lines import COLUMNS, row_of

KIND = "consent-sync decisions"


class NotAnExport(ConsentSyncError):
    """The file is no export of consent-sync, or a part of it is missing. Name the file that export-proof wrote."""


class Sidecar(BaseModel):
    """The file beside the CSV: what it is of, and its seal."""

    description: Description
    seal: Seal


def write_decisions(  # noqa: PLR0913  - what it is of, and where it goes
    archive: Archive, since: datetime, until: datetime, organization: str, made: datetime, file: IO[str], hash_key: str
) -> Sidecar:
    """Write everything recorded from `since` on and before `until` into `file`, and give what belongs beside it."""
    of = {"since": since.isoformat(), "until": until.isoformat()}
    description = Description(kind=KIND, organization=organization, made=made.isoformat(timespec="seconds"), of=of)
    writer = csv.DictWriter(file, (*COLUMNS, LINK), lineterminator="\n")
    writer.writeheader()
    rows, head = 0, description.start()
    for row in linked(description, map(row_of, archive.decisions(since, until))):
        writer.writerow(row)
        rows, head = rows + 1, row[LINK]
    return Sidecar(description=description, seal=seal(rows, head, hash_key))


def sidecar_of(path: Path) -> Path:
    """Give the file beside an export."""
    return path.with_name(f"{path.name}.seal.json")


def read_sidecar(path: Path) -> Sidecar:
    """Read the file beside the export at `path`. Raises NotAnExport."""
    try:
        return Sidecar.model_validate_json(sidecar_of(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise NotAnExport(f"{sidecar_of(path)} cannot be read") from None
    except ValidationError:
        raise NotAnExport(f"{sidecar_of(path)} is no seal") from None


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Read the rows of the export at `path`. Raises NotAnExport."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != (*COLUMNS, LINK):
                raise NotAnExport(f"{path} has other columns")
            for row in reader:
                yield {name: value or "" for name, value in row.items() if name}
    except (OSError, UnicodeDecodeError, csv.Error):
        raise NotAnExport(f"{path} cannot be read") from None
