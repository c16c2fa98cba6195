"""``doctor``: everything the service needs, looked at once."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.text import Text

from consent_sync.operate.doctor import Finding, Grade, diagnose

from .command import Exit, Shown, command
from .session import Session

APPLICATION_OPTION = Annotated[
    str,
    typer.Option(
        help="Client id of the service's own identity, where somebody else runs this; else IDENTITY_CLIENT_ID.",
        metavar="ID",
    ),
]
URL_OPTION = Annotated[str, typer.Option(help="Where the function app takes events; else WEBHOOK_URL.", metavar="URL")]
_STYLES = {
    Grade.OK: "green",
    Grade.WARNING: "yellow",
    Grade.DRIFT: "yellow",
    Grade.BRAKE: "bold red",
    Grade.FAILING: "bold red",
}
_WORST_FIRST = (
    (Grade.FAILING, Exit.ERROR),
    (Grade.BRAKE, Exit.BRAKE),
    (Grade.DRIFT, Exit.DRIFT),
)


class DoctorView(BaseModel):
    """Everything that was looked at, in this order."""

    findings: list[Finding]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "doctor")(doctor)


def doctor(session: Session, application_id: APPLICATION_OPTION = "", url: URL_OPTION = "") -> Shown:
    """Look at everything the service needs, and say what to do about what is not good. Changes nothing."""
    named = {"IDENTITY_CLIENT_ID": application_id, "WEBHOOK_URL": url}
    view = DoctorView(findings=list(diagnose(session.saying(named))))
    grades = {finding.grade for finding in view.findings}
    code = next((code for grade, code in _WORST_FIRST if grade in grades), Exit.IN_STEP)
    return Shown(view, shown(view.findings), code)


def shown(findings: list[Finding]) -> RenderableType:
    """Give the findings for people: one line each, and the remedy under what needs one."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = []
    for finding in findings:
        grade = Text(f"{finding.grade.value:8}", _STYLES[finding.grade])
        lines.append(Text.assemble(grade, f"{finding.check:{width}}  {finding.says}"))
        if finding.remedy:
            lines.append(Text(f"{'':8}{'':{width}}  -> {finding.remedy}"))
    return Group(*lines)
