"""``register``, ``unregister``, ``rotate-key`` and ``jobs``: the webhook through which Dataverse reports changes."""

from __future__ import annotations

import secrets
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.table import Table

from consent_sync.dataverse import registration
from consent_sync.dataverse.jobs import failed_jobs, waiting_jobs
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.registration import NAME, NotRegistered, endpoint_of, takes_key
from consent_sync.tenant.events import steps

from .command import Exit, Shown, command
from .files import write_new
from .session import Session

DRY_RUN_OPTION = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


class NoAddress(ConsentSyncError):
    """It is not known where the function app is. Give --url, or set WEBHOOK_URL: https://...azurewebsites.net/api/dataverse-events."""


class KeyNotTaken(ConsentSyncError):
    """The function app does not take the new key yet, so Dataverse keeps sending the old one and nothing is lost.

    Set WEBHOOK_KEYS of the app to both keys, the old one first, restart it, and start this command again.
    """


class RegistrationView(BaseModel):
    """What `register` did, or with `dry_run` would do, in words."""

    url: str
    dry_run: bool
    added: list[str]
    changed: list[str]
    removed: list[str]
    missing: list[str]
    warnings: list[str]


class RemovalView(BaseModel):
    """What `unregister` deleted, or with `dry_run` would delete."""

    dry_run: bool
    removed: list[str]


class JobView(BaseModel):
    """A delivery that failed for good."""

    id: str
    step: str
    at: datetime
    code: str
    says: str


class JobsView(BaseModel):
    """The latest failed deliveries, and how many are still under way."""

    failed: list[JobView]
    waiting: int


class RotationStep(BaseModel):
    """One step of changing the key."""

    says: str
    state: Literal["done", "done now", "open"]


class RotationView(BaseModel):
    """How far the change of the key is, and what to do next."""

    steps: list[RotationStep]
    waiting: int
    next: str


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    command(app, "register")(register)
    command(app, "unregister")(unregister)
    command(app, "rotate-key")(rotate_key)
    command(app, "jobs")(jobs)


def register(
    session: Session,
    url: Annotated[str, typer.Option(help="Where the function app takes events; else WEBHOOK_URL.")] = "",
    dry_run: DRY_RUN_OPTION = False,
    write_key: Annotated[bool, typer.Option("--write-key", help="Write the key even if it seems to be there.")] = False,
) -> Shown:
    """Have Dataverse report every change that matters, or mend what is not as it should be. Twice changes nothing."""
    found = registration.find(session.client, NAME)
    address = url or session.webhook_url or (found.url if found else "")
    if not address:
        raise NoAddress("no --url, no WEBHOOK_URL, and nothing is registered yet")
    wanted = steps(session.mapping.file)
    report = registration.register(
        session.client, endpoint_of(session.settings, address), wanted, write_key=write_key, dry_run=dry_run
    )
    data = asdict(report)
    data.pop("endpoint_id")
    view = RegistrationView(url=address, dry_run=dry_run, **data)
    return Shown(view, _registration(view), Exit.DRIFT if dry_run and not report.in_step else Exit.IN_STEP)


def unregister(session: Session, dry_run: DRY_RUN_OPTION = False) -> Shown:
    """Take the webhook and all its steps out of Dataverse."""
    view = RemovalView(dry_run=dry_run, removed=registration.unregister(session.client, NAME, dry_run=dry_run))
    head = "would be deleted" if dry_run else "deleted"
    text = "\n".join(f"{head}: {what}" for what in view.removed) or "There is no registration."
    return Shown(view, text, Exit.DRIFT if dry_run and view.removed else Exit.IN_STEP)


def rotate_key(
    session: Session,
    new_keys: Annotated[
        Path | None,
        typer.Option(
            help="Write the old key and a new one into this file, as a value for WEBHOOK_KEYS.", metavar="FILE"
        ),
    ] = None,
) -> Shown:
    """Change the webhook's key without losing an event: shows which step is next, and does those it can.

    The new key must be accepted before Dataverse sends it, and the old one until nothing is under way with it.
    """
    found = registration.find(session.client, NAME)
    if found is None:
        raise NotRegistered("no webhook is registered")
    waiting = waiting_jobs(session.client, found.steps)
    endpoint = endpoint_of(session.settings, found.url)
    if not endpoint.also:
        return _without_second_key(session, new_keys, waiting, known=endpoint.holds(found.description) is not None)
    target = replace(endpoint, key=endpoint.also[0], also=())
    sent = target.holds(found.description) is not None
    if not sent:
        if not takes_key(found.url, target.key):
            raise KeyNotTaken("the function app answers 401 to the new key")
        registration.write_key(session.client, target, found.id)
    next_ = "Set WEBHOOK_KEYS to the new key alone, and restart the app."
    if waiting:
        next_ = f"{waiting} deliveries may still carry the old key: start this command again in a minute."
    return _rotation(waiting, next_, ("done", "done", "done" if sent else "done now", "open" if waiting else "done"))


def jobs(session: Session, limit: Annotated[int, typer.Option(min=1, max=5000, help="At most so many.")] = 20) -> Shown:
    """List the deliveries that failed for good. The sweep finds what they would have told; mend the cause they name."""
    found = registration.find(session.client, NAME)
    if found is None:
        raise NotRegistered("no webhook is registered")
    failed = [JobView(**asdict(job)) for job in failed_jobs(session.client, found.steps, limit)]
    view = JobsView(failed=failed, waiting=waiting_jobs(session.client, found.steps))
    return Shown(view, _jobs(view))


def _without_second_key(session: Session, new_keys: Path | None, waiting: int, *, known: bool) -> Shown:
    if not known:
        return _rotation(
            waiting, "Dataverse sends another key than the one in WEBHOOK_KEYS: `register` mends that.", ()
        )
    if new_keys is None:
        next_ = "Start this command with --new-keys FILE, and put what it writes there into WEBHOOK_KEYS of the app."
        return _rotation(waiting, next_, ())
    write_new(new_keys, f"{session.settings.webhook_keys[0]},{secrets.token_urlsafe(32)}")
    next_ = (
        f"Set WEBHOOK_KEYS of the app to what {new_keys} holds, restart it, and start this command again with the same"
        " setting. Then delete the file."
    )
    return _rotation(waiting, next_, ("done now",))


_ROTATION = (
    "two keys in WEBHOOK_KEYS, the old one first",
    "the function app takes the new key",
    "Dataverse sends the new key",
    "no delivery with the old key is under way",
)


def _rotation(waiting: int, next_: str, states: tuple[Literal["done", "done now", "open"], ...]) -> Shown:
    padded = [*states, *["open"] * (len(_ROTATION) - len(states))]
    view = RotationView.model_validate(
        {
            "steps": [{"says": says, "state": state} for says, state in zip(_ROTATION, padded, strict=True)],
            "waiting": waiting,
            "next": next_,
        }
    )
    lines = [f"[{step.state:^8}] {step.says}" for step in view.steps]
    return Shown(view, "\n".join([*lines, "", f"Next: {view.next}"]))


def _registration(view: RegistrationView) -> str:
    would = "would be " if view.dry_run else ""
    groups = ((f"{would}added", view.added), (f"{would}changed", view.changed), (f"{would}removed", view.removed))
    lines = [f"{head}: {what}" for head, group in groups for what in group] or ["The registration is as it should be."]
    lines += [f"not here: {what}" for what in view.missing] + [f"warning: {what}" for what in view.warnings]
    return "\n".join([f"Events go to {view.url}", *lines])


def _jobs(view: JobsView) -> RenderableType:
    waiting = f"{view.waiting} deliveries are under way."
    if not view.failed:
        return f"No delivery failed. {waiting}"
    table = Table("when", "step", "code", "what Dataverse says", box=None, pad_edge=False)
    for job in view.failed:
        table.add_row(f"{job.at:%Y-%m-%d %H:%M:%S}", job.step, job.code, job.says)
    return Group(table, waiting)
