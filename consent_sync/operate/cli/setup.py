"""``setup`` and ``uninstall``: into an environment and out of it, step by step."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Group, RenderableType

from consent_sync.dataverse.endpoint import WebhookEndpoint
from consent_sync.engine.scopes import Scope
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.doctor import Finding, Grade, diagnose
from consent_sync.operate.registration import NoFunctionApp, endpoint_of, takes_key
from consent_sync.operate.resync import RunView
from consent_sync.operate.setup import UNINSTALL, Look, Site, setup_steps

from .ask import agrees
from .command import Exit, Shown, command
from .doctor import APPLICATION_OPTION, URL_OPTION, shown
from .files import write_new
from .runs import finish, run_text
from .session import Session
from .webhook import DRY_RUN_OPTION, NoAddress

YES_OPTION = Annotated[bool, typer.Option("--yes", help="Do every step without asking.")]
_SECRETS = ("WEBHOOK_KEYS", "LEDGER_HASH_KEY")
_LADDER = (
    "policy.mode in the mapping is the ladder: observe (writes nothing), restrict (writes opt-outs), two-way (also"
    " proven opt-ins). Read the plan, then go up one step at a time; CONSENT_SYNC_MODE can only step down."
)


class NoIdentity(ConsentSyncError):
    """It is not known which identity the service has. Give --application-id, or set IDENTITY_CLIENT_ID.

    The deployment prints it as IDENTITY_CLIENT_ID: the client id of the managed identity.
    """


class NoSecrets(ConsentSyncError):
    """Secrets of the service are not set. Set them as the function app has them, or let --secrets make fresh ones."""


class StepView(BaseModel):
    """One step: what was found, what was to change, and what became of that."""

    name: str
    found: str
    change: str
    state: str


class SetupView(BaseModel):
    """What `setup` found and did, what the doctor says afterwards, and the first plan."""

    steps: list[StepView]
    findings: list[Finding]
    plan: RunView | None
    next: str


class UninstallView(BaseModel):
    """What `uninstall` found and did."""

    steps: list[StepView]
    next: str


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "setup")(setup)
    command(app, "uninstall")(uninstall)


def setup(
    session: Session,
    application_id: APPLICATION_OPTION = "",
    url: URL_OPTION = "",
    secrets_file: Annotated[
        Path | None,
        typer.Option(
            "--secrets", help="Make the secrets that are not set, and write them to this new file.", metavar="FILE"
        ),
    ] = None,
    yes: YES_OPTION = False,
    dry_run: DRY_RUN_OPTION = False,
) -> Shown:
    """Set the service up in Dataverse: application user, security role, webhook; then check, and make a first plan.

    Every step looks first and asks before it changes anything; starting again does only what is still to do.
    Run it as an administrator of the environment, with DATAVERSE_AUTH=azure_cli.
    """
    session = _with_secrets(session.saying({"IDENTITY_CLIENT_ID": application_id, "WEBHOOK_URL": url}), secrets_file)
    if not session.webhook_url:
        raise NoAddress("no --url, and no WEBHOOK_URL")
    endpoint = endpoint_of(session.settings, session.webhook_url)
    looks = setup_steps(endpoint, session.mapping.file)
    steps = [_key(session, endpoint), *_walk(session, _site(session), looks, yes=yes, dry_run=dry_run)]
    if dry_run:
        changes = any(step.state == "would be done" for step in steps)
        view = SetupView(steps=steps, findings=[], plan=None, next="Start it again without --dry-run.")
        return Shown(view, view.next, Exit.DRIFT if changes else Exit.IN_STEP)
    findings = [finding for finding in diagnose(session) if finding.grade is not Grade.OK]
    failing = any(finding.grade is Grade.FAILING for finding in findings)
    plan = None if failing else _first_plan(session)
    next_ = "Mend what is failing, and start setup again." if failing else _LADDER
    view = SetupView(steps=steps, findings=findings, plan=plan, next=next_)
    text: list[RenderableType] = [shown(findings), *([run_text(plan)] if plan else []), view.next]
    return Shown(view, Group(*text), Exit.ERROR if failing else Exit.IN_STEP)


def uninstall(
    session: Session, application_id: APPLICATION_OPTION = "", yes: YES_OPTION = False, dry_run: DRY_RUN_OPTION = False
) -> Shown:
    """Take out of Dataverse what setup put there: webhook, security role, application user. The ledger stays."""
    session = session.saying({"IDENTITY_CLIENT_ID": application_id})
    steps = _walk(session, _site(session), UNINSTALL, yes=yes, dry_run=dry_run)
    next_ = "The ledger is the memory of every opt-out: keep it for as long as you may have to prove them."
    changes = any(step.state == "would be done" for step in steps)
    return Shown(UninstallView(steps=steps, next=next_), next_, Exit.DRIFT if changes else Exit.IN_STEP)


def _site(session: Session) -> Site:
    if not session.application_id:
        raise NoIdentity("no --application-id, and no IDENTITY_CLIENT_ID")
    return Site(session.client, session.service.ledger, session.application_id)


def _walk(session: Session, site: Site, looks: Sequence[Look], *, yes: bool, dry_run: bool) -> list[StepView]:
    """Do the steps one after the other, and tell of each."""
    views = []
    for look in looks:
        step = look(site)
        if not step.change:
            state = "in place"
        elif dry_run:
            state = "would be done"
        elif yes or agrees(f"{step.name}: {step.found}. {step.change[0].upper()}{step.change[1:]}?"):
            step.carry_out()
            state = "done"
        else:
            state = "declined"
        views.append(StepView(name=step.name, found=step.found, change=step.change, state=state))
        arrow = f" -> {step.change}" if step.change else ""
        session.say(f"[{state:^13}] {step.name}: {step.found}{arrow}")
    return views


def _key(session: Session, endpoint: WebhookEndpoint) -> StepView:
    """See whether the function app takes the key already: Dataverse may only send one that is taken."""
    try:
        taken = takes_key(endpoint.url, endpoint.key)
        found = "the function app takes it" if taken else "the function app does not take it yet"
    except NoFunctionApp as error:
        taken, found = False, f"the function app cannot be asked: {error}"
    change = "" if taken else "set WEBHOOK_KEYS of the app to the value used here, and restart it"
    view = StepView(name="webhook key", found=found, change=change, state="in place" if taken else "to do")
    session.say(f"[{view.state:^13}] {view.name}: {found}{f' -> {change}' if change else ''}")
    return view


def _first_plan(session: Session) -> RunView:
    run, messages = session.service.passes.start_resync(Scope("all"), dry_run=True, reason="first plan, by setup")
    return finish(session, run, messages)


def _with_secrets(session: Session, file: Path | None) -> Session:
    """Give the session with all secrets set; fresh ones are written to a file of their own."""
    lacking = [name for name in _SECRETS if not session.environ.get(name)]
    if not lacking:
        return session
    if file is None:
        raise NoSecrets(f"{' and '.join(lacking)} not set")
    fresh = {name: secrets.token_urlsafe(32) for name in lacking}
    write_new(file, "".join(f"{name}={value}\n" for name, value in fresh.items()))
    session.say(
        f"{file} holds fresh values for {' and '.join(lacking)}: give them to the function app, then delete it."
    )
    return session.saying(fresh)
