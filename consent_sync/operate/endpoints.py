"""The HTTP functions, as a table: the functions are checked against it, and the OpenAPI document is made from it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .access import Role
from .explain.view import ExplainRequest, ExplainView
from .holds import HoldsView, SettledView, SettleRequest
from .http import Endpoint
from .intake import IntakeRequest, IntakeView
from .parked import ParkedView, ReplayedView, ReplayRequest
from .plans import ApplyRequest, PlanView, UndoRequest
from .resync import ResyncRequest, RunsView, RunView
from .status import HealthView, StatusView

_ACCEPTED, _NOT_FOUND = HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND
_CONFLICT, _CANNOT = HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_CONTENT
_UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE


class EventBody(BaseModel):
    """What a Dataverse webhook sends (RemoteExecutionContext); of its many members, these must be there."""

    model_config = ConfigDict(extra="allow")

    MessageName: Annotated[str, Field(min_length=1)]
    PrimaryEntityName: Annotated[str, Field(min_length=1)]
    OrganizationId: UUID


class QueuedView(BaseModel):
    """How many looks a call put in the queue."""

    queued: int


class RunStarted(BaseModel):
    """The run that a call began; its address stands in the header ``Location``."""

    run: str


_ALL = (
    Endpoint(
        "dataverse_events",
        "POST",
        "dataverse-events",
        "Dataverse says that something changed.",
        None,
        QueuedView,
        _ACCEPTED,
        EventBody,
        problems=(HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN),
    ),
    Endpoint(
        "resync",
        "POST",
        "resync",
        "Look at everything, a brand, a list, a record or a contact point, or plan to.",
        Role.OPERATOR,
        RunStarted,
        _ACCEPTED,
        ResyncRequest,
        problems=(_CANNOT,),
    ),
    Endpoint(
        "resync_status",
        "GET",
        "resync/{id}",
        "How a run stands.",
        Role.READER,
        RunView,
        problems=(_NOT_FOUND,),
    ),
    Endpoint(
        "plan",
        "GET",
        "resync/{id}/plan",
        "What a run would write, or wrote, place by place.",
        Role.READER,
        PlanView,
        problems=(_NOT_FOUND,),
    ),
    Endpoint(
        "apply_plan",
        "POST",
        "resync/{id}/apply",
        "Write what a dry run planned, if it still is what would be written.",
        Role.APPROVER,
        RunStarted,
        _ACCEPTED,
        ApplyRequest,
        problems=(_NOT_FOUND, _CONFLICT, _CANNOT),
    ),
    Endpoint(
        "undo",
        "POST",
        "resync/{id}/undo",
        "Take back what a run wrote: without an approval it only restricts.",
        Role.APPROVER,
        RunStarted,
        _ACCEPTED,
        UndoRequest,
        problems=(_NOT_FOUND, _CONFLICT, _CANNOT),
    ),
    Endpoint(
        "cancel",
        "POST",
        "resync/{id}/cancel",
        "Stop a run where it stands.",
        Role.OPERATOR,
        RunView,
        problems=(_NOT_FOUND, _CONFLICT),
    ),
    Endpoint(
        "resume",
        "POST",
        "resync/{id}/resume",
        "Let a run that failed or was cancelled go on.",
        Role.OPERATOR,
        RunView,
        problems=(_NOT_FOUND, _CONFLICT),
    ),
    Endpoint("runs", "GET", "runs", "The latest runs, newest first.", Role.READER, RunsView),
    Endpoint(
        "intake",
        "POST",
        "intake",
        "Record an opt-out that arrived by reply, phone, letter or another system.",
        Role.OPERATOR,
        IntakeView,
        _ACCEPTED,
        IntakeRequest,
        problems=(_CONFLICT, _CANNOT),
    ),
    Endpoint("holds", "GET", "holds", "What waits for a person, oldest first.", Role.READER, HoldsView),
    Endpoint(
        "settle",
        "POST",
        "holds/{id}/settle",
        "Settle a hold, in the name of a person and with a reason.",
        Role.APPROVER,
        SettledView,
        body=SettleRequest,
        problems=(_CONFLICT, _CANNOT),
    ),
    Endpoint(
        "parked",
        "GET",
        "parked",
        "What was given up, and why.",
        Role.READER,
        ParkedView,
        problems=(_CONFLICT,),
    ),
    Endpoint(
        "replay_parked",
        "POST",
        "parked/replay",
        "Put what was given up back into its queue, some messages or all.",
        Role.OPERATOR,
        ReplayedView,
        body=ReplayRequest,
        problems=(_NOT_FOUND, _CONFLICT),
    ),
    Endpoint(
        "status",
        "GET",
        "status",
        "Mode, troubles, the latest runs.",
        Role.READER,
        StatusView,
    ),
    Endpoint(
        "health",
        "GET",
        "health",
        "One word for a monitor.",
        None,
        HealthView,
        problems=(_UNAVAILABLE,),
    ),
    Endpoint(
        "explain",
        "POST",
        "contact-points/explain",
        "Why a contact point, or a record with all of its contact points, may or may not be mailed.",
        Role.READER,
        ExplainView,
        body=ExplainRequest,
        problems=(_CANNOT,),
    ),
    Endpoint("explain_page", "GET", "page/explain", "Ask for an explanation.", Role.READER, None, media="text/html"),
    Endpoint(
        "explained_page",
        "POST",
        "page/explain",
        "The explanation as a page: a form, so that no contact point stands in an address.",
        Role.READER,
        None,
        media="text/html",
    ),
    Endpoint("page", "GET", "page", "The operator's page.", Role.READER, None, media="text/html"),
    Endpoint("openapi", "GET", "openapi.json", "This document.", Role.READER, None),
)
ENDPOINTS = {endpoint.name: endpoint for endpoint in _ALL}
