"""``export-proof`` and ``verify-proof``: what was recorded, for those outside, and whether it was changed since."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from consent_sync.consent.model import ContactPoint, Subject
from consent_sync.engine.gates import standing
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.explain.explain import concerned, explained
from consent_sync.operate.proof.chain import first_break, is_sealed_with
from consent_sync.operate.proof.decisions import read_rows, read_sidecar, sidecar_of, write_decisions
from consent_sync.operate.proof.person import broken, dossier, page_of, read_dossier
from consent_sync.ports.ledger import BadLine

from .command import TIME_FORMATS, Exit, Shown, command
from .files import new_file, write_new
from .person import RECORD_OPTION, subject
from .session import Session

_SHOWN = 20


class NothingToExport(ConsentSyncError):
    """It is not clear what to export. Give --since for all decisions of a period, or --person for one person."""


class ExportView(BaseModel):
    """What was exported."""

    files: list[str]
    rows: int
    head: str


class BadLineView(BaseModel):
    """The first thing that is wrong with one history."""

    key: str
    number: int
    says: str


class VerifyView(BaseModel):
    """What was verified, and what is wrong with it; `sealed_here` is None where no hash key is set."""

    what: str
    rows: int
    problem: str | None
    sealed_here: bool | None
    bad: list[BadLineView]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "export-proof")(export_proof)
    command(app, "verify-proof")(verify_proof)


def export_proof(
    session: Session,
    out: Annotated[Path, typer.Option(help="The new file to write.", metavar="FILE")],
    since: Annotated[
        datetime | None, typer.Option(help="Every decision recorded from then on (UTC), as CSV.", formats=TIME_FORMATS)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="And before then (UTC); else until now.", formats=TIME_FORMATS)
    ] = None,
    person: Annotated[bool, typer.Option("--person", help="One person, by the address on the standard input.")] = False,
    record: RECORD_OPTION = "",
    html: Annotated[
        Path | None, typer.Option(help="Of a person: also write a page to read or print.", metavar="FILE")
    ] = None,
) -> Shown:
    """Write what was recorded into a file whose hash chain shows later tampering.

    For a period: all decisions as CSV, with the seal in a second file beside it. For a person, whose address is read
    from the standard input or asked for: what stands and why, and their whole history, as JSON and as a page. Tell the
    last digest to whoever gets the file by another way, and they can check it without any key.
    """
    if (since is None) != (person or bool(record)):
        raise NothingToExport("give either a period or a person")
    now = datetime.now(UTC)
    service = session.service
    organization = standing(service.ledger).organization or service.client.whoami().organization_id
    if since is None:
        return _export_person(session, subject(record), organization, now, (out, html))
    period = (since.replace(tzinfo=UTC), until.replace(tzinfo=UTC) if until else now)
    with new_file(out) as file:
        sidecar = write_decisions(service.ledger, *period, organization, now, file, session.settings.ledger_hash_key)
    beside = sidecar_of(out)
    write_new(beside, sidecar.model_dump_json(indent=2))
    view = ExportView(files=[str(out), str(beside)], rows=sidecar.seal.rows, head=sidecar.seal.head)
    return Shown(view, f"{view.rows:,} rows are in {out}, the seal in {beside}.\nLast digest: {view.head}")


def _export_person(
    session: Session, whose: Subject, organization: str, now: datetime, files: tuple[Path, Path | None]
) -> Shown:
    """Write the proof of one person, and the page if one is wanted."""
    service = session.service
    about = whose.value if isinstance(whose, ContactPoint) else f"{whose.table} {whose.id}"
    histories = [service.ledger.history(each) for each in concerned(service.passes.reconcile, whose)]
    explanation = explained(service, whose)
    proof = dossier(about, explanation, histories, organization, now, session.settings.ledger_hash_key)
    out, html = files
    write_new(out, proof.model_dump_json(indent=2))
    if html:
        write_new(html, page_of(proof))
    written = [str(file) for file in files if file]
    view = ExportView(files=written, rows=proof.seal.rows, head=proof.seal.head)
    return Shown(view, f"{view.rows:,} lines are in {' and '.join(written)}.\nLast digest: {view.head}")


def verify_proof(
    session: Session,
    file: Annotated[
        Path | None, typer.Argument(help="An export; without it, the ledger itself.", metavar="FILE")
    ] = None,
) -> Shown:
    """Check an exported file, or the whole ledger, for anything that was changed, added or left out since.

    A file needs no settings to be checked; with LEDGER_HASH_KEY set, its seal is checked too.
    """
    view = _verify_file(session, file) if file else _verify_ledger(session)
    lines = [f"{view.what}: {view.rows:,} rows"]
    lines += [f"BROKEN: {view.problem}"] if view.problem else ["Nothing was changed, added or left out."]
    if view.sealed_here is not None:
        lines.append("The seal was made with the hash key set here." if view.sealed_here else "The seal is not ours.")
    lines += [f"{bad.key}, line {bad.number}: {bad.says}" for bad in view.bad[:_SHOWN]]
    good = view.problem is None and view.sealed_here is not False
    return Shown(view, "\n".join(lines), Exit.IN_STEP if good else Exit.ERROR)


def _verify_person(session: Session, file: Path) -> VerifyView:
    proof = read_dossier(file)
    key = session.environ.get("LEDGER_HASH_KEY")
    return VerifyView(
        what=f"{proof.description.kind}, made {proof.description.made}",
        rows=proof.seal.rows,
        problem=broken(proof),
        sealed_here=is_sealed_with(proof.seal, key) if key else None,
        bad=[],
    )


def _verify_file(session: Session, file: Path) -> VerifyView:
    if file.suffix == ".json":
        return _verify_person(session, file)
    sidecar = read_sidecar(file)
    key = session.environ.get("LEDGER_HASH_KEY")
    of = sidecar.description.of
    return VerifyView(
        what=f"{sidecar.description.kind} from {of['since']} until {of['until']}",
        rows=sidecar.seal.rows,
        problem=first_break(sidecar.description, read_rows(file), sidecar.seal),
        sealed_here=is_sealed_with(sidecar.seal, key) if key else None,
        bad=[],
    )


def _verify_ledger(session: Session) -> VerifyView:
    found = session.service.ledger.verify()
    problem = f"{len(found.bad)} of {found.subjects:,} histories" if found.bad else None
    return VerifyView(
        what=f"the ledger, {found.subjects:,} histories",
        rows=found.lines,
        problem=problem,
        sealed_here=None,
        bad=[_bad(line) for line in found.bad],
    )


def _bad(line: BadLine) -> BadLineView:
    return BadLineView(key=line.key, number=line.number, says=line.says)
