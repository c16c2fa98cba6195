"""The Azure Functions: thin translations between triggers and the service. No rule and no table name stands here."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Concatenate, List  # noqa: UP035  - the worker refuses the built-in list inside func.Out

import azure.functions as func

from consent_sync.bootstrap import mapping, organization, service, settings
from consent_sync.engine.intake import take_in, wake_of
from consent_sync.engine.open_runs import cancel as cancel_run
from consent_sync.engine.open_runs import resume as resume_run
from consent_sync.engine.tries import turn_page
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.body import read_body
from consent_sync.operate.endpoints import ENDPOINTS
from consent_sync.operate.explain.explain import explained, read_explain
from consent_sync.operate.holds import SettledView, holds_of, read_settlement
from consent_sync.operate.http import Answer, Call, answer, answered, call_id
from consent_sync.operate.intake import IntakeView, read_intake
from consent_sync.operate.measures import measure
from consent_sync.operate.openapi import document
from consent_sync.operate.page.asked import asking, explaining
from consent_sync.operate.page.overview import overview
from consent_sync.operate.parked import parked_of, replay
from consent_sync.operate.plans import UndoRequest, need_run, plan_of, read_apply
from consent_sync.operate.registration import registration_drift
from consent_sync.operate.resync import read_request, run_of, runs_of
from consent_sync.operate.status import HealthView, NotHealthy, status_of
from consent_sync.operate.watch import watch_registration
from consent_sync.operate.webhook import wake_from
from consent_sync.ports.queue import Delivery
from consent_sync.ports.runs import Run, RunKind
from consent_sync.ports.wake import PageTurn, Wake
from consent_sync.telemetry import Event, say

STORAGE = "AzureWebJobsStorage"
WAKES, PAGES = "wakes", "resync-pages"

app = func.FunctionApp()
log = logging.getLogger("consent_sync")

try:
    mapping()
except ConsentSyncError as mistake:
    # indexing goes on, so that the status can say what is wrong; nothing that needs the mapping will run
    say(Event.NOT_STARTED, logging.CRITICAL, kind=type(mistake).__name__, detail=str(mistake))


def _answering[**P](handler: Callable[Concatenate[Call, P], Answer]) -> Callable[..., func.HttpResponse]:
    """Check a call as the table of endpoints says, and turn the handler's answer, or its error, into the response."""
    endpoint = ENDPOINTS[handler.__name__]

    @functools.wraps(handler)
    def respond(req: func.HttpRequest, *args: P.args, **kwargs: P.kwargs) -> func.HttpResponse:
        call = Call(call_id(req.headers), req.headers, req.params, req.route_params, req.get_body())
        given = answered(
            endpoint, call, lambda call: handler(call, *args, **kwargs), lambda: settings().needs_principal
        )
        return func.HttpResponse(given.body, status_code=given.status, headers=dict(given.headers))

    # the worker compares the annotations with the bindings
    respond.__annotations__ = handler.__annotations__ | {"req": func.HttpRequest, "return": func.HttpResponse}
    return respond


@app.function_name("dataverse_events")
@app.route(route="dataverse-events", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.queue_output(arg_name="wakes", queue_name=WAKES, connection=STORAGE)
@_answering
def dataverse_events(req: Call, wakes: func.Out[str]) -> Answer:
    """Check a webhook call and queue the wake; the key stands in a header of its own, checked before anything else."""
    wake = wake_from(req.body, req.headers, settings().webhook_keys, lambda: mapping().file, organization)
    if wake:
        wakes.set(wake.to_json())
    return answer({"queued": int(wake is not None)}, HTTPStatus.ACCEPTED)


@app.function_name("reconcile")
@app.queue_trigger(arg_name="msg", queue_name=WAKES, connection=STORAGE)
def reconcile(msg: func.QueueMessage) -> None:
    """Reconcile what a wake names, together with what else waits."""
    service().bursts(_delivery(msg))


@app.function_name("resync_page")
@app.queue_trigger(arg_name="msg", queue_name=PAGES, connection=STORAGE)
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
def resync_page(msg: func.QueueMessage, pages: func.Out[List[str]]) -> None:  # noqa: UP006
    """Work one page of a run and queue what comes after it."""
    turns = turn_page(service().passes, service().queues.get(PAGES), _delivery(msg))
    if turns:
        pages.set([turn.to_json() for turn in turns])


@app.function_name("sweep")
@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%")
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
def sweep(timer: func.TimerRequest, pages: func.Out[List[str]]) -> None:  # noqa: ARG001, UP006  - the binding's shape
    """Revive what got lost, and begin a sweep, which only finds what to look at: it may be broken off at any time."""
    at_work = service()
    measure(at_work.passes, at_work.queues)
    watch_registration(
        at_work.ledger,
        lambda: registration_drift(at_work.client, at_work.settings, at_work.mapping.file),
        datetime.now(UTC),
    )
    turns: list[Wake | PageTurn] = [*at_work.passes.revive()]
    if not at_work.passes.is_at_work(RunKind.SWEEP):
        turns += _begun(at_work.passes.start_sweep())
    if tracking := at_work.passes.start_tracking():
        turns += _begun(tracking)
    pages.set([turn.to_json() for turn in turns])


@app.function_name("drift")
@app.timer_trigger(arg_name="timer", schedule="%DRIFT_SCHEDULE%")
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
def drift(timer: func.TimerRequest, pages: func.Out[List[str]]) -> None:  # noqa: ARG001, UP006  - the binding's shape
    """Begin a sweep for what contradicts, unless the last one is still at work."""
    passes = service().passes
    if not passes.is_at_work(RunKind.DRIFT):
        pages.set([turn.to_json() for turn in _begun(passes.start_drift())])


@app.function_name("audit")
@app.timer_trigger(arg_name="timer", schedule="%AUDIT_SCHEDULE%")
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
def audit(timer: func.TimerRequest, pages: func.Out[List[str]]) -> None:  # noqa: ARG001, UP006  - the binding's shape
    """Begin the next slice of the rolling pass over everything."""
    pages.set([turn.to_json() for turn in _begun(service().passes.start_audit())])


@app.function_name("resync")
@app.route(route="resync", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@app.queue_output(arg_name="wakes", queue_name=WAKES, connection=STORAGE)
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
@_answering
def resync(req: Call, wakes: func.Out[List[str]], pages: func.Out[List[str]]) -> Answer:  # noqa: UP006
    """Begin a resync that a person asked for."""
    request, scope = read_request(req.body, mapping().file)
    run, messages = service().passes.start_resync(scope, dry_run=request.dry_run, reason=request.reason)
    return _started(req, run, messages, wakes, pages)


@app.function_name("apply_plan")
@app.route(route="resync/{id}/apply", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@app.queue_output(arg_name="wakes", queue_name=WAKES, connection=STORAGE)
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
@_answering
def apply_plan(req: Call, wakes: func.Out[List[str]], pages: func.Out[List[str]]) -> Answer:  # noqa: UP006
    """Write what a dry run planned, in the name of a person."""
    request, wake = read_apply(req.body)
    plan = need_run(service().ledger, req.route["id"])
    by = req.by(request.by)
    run, messages = service().passes.start_apply(plan.id, by=by, reason=request.reason, wake=wake)
    return _started(req, run, messages, wakes, pages)


@app.function_name("undo")
@app.route(route="resync/{id}/undo", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@app.queue_output(arg_name="wakes", queue_name=WAKES, connection=STORAGE)
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
@_answering
def undo(req: Call, wakes: func.Out[List[str]], pages: func.Out[List[str]]) -> Answer:  # noqa: UP006
    """Take back what a run wrote; loosening needs a person's approval."""
    request = read_body(UndoRequest, req.body)
    undone = need_run(service().ledger, req.route["id"])
    by = req.by(request.by) if request.approve else ""
    run, messages = service().passes.start_undo(undone.id, by=by, why=request.reason, dry_run=request.dry_run)
    return _started(req, run, messages, wakes, pages)


@app.function_name("cancel")
@app.route(route="resync/{id}/cancel", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def cancel(req: Call) -> Answer:
    """Stop a run where it stands."""
    run = need_run(service().ledger, req.route["id"])
    cancel_run(service().ledger, run.id)
    return answer(run_of(service().ledger, run.id))


@app.function_name("resume")
@app.route(route="resync/{id}/resume", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
@_answering
def resume(req: Call, pages: func.Out[List[str]]) -> Answer:  # noqa: UP006
    """Let a run that failed or was cancelled go on."""
    run = need_run(service().ledger, req.route["id"])
    pages.set([turn.to_json() for turn in resume_run(service().ledger, run.id)])
    return answer(run_of(service().ledger, run.id))


@app.function_name("plan")
@app.route(route="resync/{id}/plan", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def plan(req: Call) -> Answer:
    """Show what a run would write, or wrote."""
    return answer(plan_of(service().ledger, req.route["id"], req.query.get("after", "")))


@app.function_name("resync_status")
@app.route(route="resync/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def resync_status(req: Call) -> Answer:
    """Show how a run stands."""
    return answer(run_of(service().ledger, req.route["id"]))


@app.function_name("runs")
@app.route(route="runs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def runs(req: Call) -> Answer:  # noqa: ARG001  - the binding's shape
    """Show the latest runs."""
    return answer(runs_of(service().ledger))


@app.function_name("intake")
@app.route(route="intake", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@app.queue_output(arg_name="wakes", queue_name=WAKES, connection=STORAGE)
@_answering
def intake(req: Call, wakes: func.Out[str]) -> Answer:
    """Record an opt-out that no location sees, and wake whose it is."""
    told = read_intake(req, service().passes.tenant.landscape())
    new = take_in(service().ledger, told)
    say(Event.INTAKE, way=told.way.value, scopes=len(told.scopes), repeated=not new, request_id=req.id)
    wakes.set(replace(wake_of(told), correlation=req.id).to_json())
    view = IntakeView(id=told.id, scopes=[str(scope) for scope in told.scopes], repeated=not new, queued=1)
    return answer(view, HTTPStatus.ACCEPTED)


@app.function_name("holds")
@app.route(route="holds", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def holds(req: Call) -> Answer:  # noqa: ARG001  - the binding's shape
    """Show what waits for a person."""
    return answer(holds_of(service().ledger))


@app.function_name("settle")
@app.route(route="holds/{id}/settle", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@app.queue_output(arg_name="wakes", queue_name=WAKES, connection=STORAGE)
@app.queue_output(arg_name="pages", queue_name=PAGES, connection=STORAGE)
@_answering
def settle(req: Call, wakes: func.Out[List[str]], pages: func.Out[List[str]]) -> Answer:  # noqa: UP006
    """Settle a hold, in the name of a person and with a reason."""
    messages = service().passes.settle(req.route["id"], read_settlement(req))
    _send(req, messages, wakes, pages)
    return answer(SettledView(id=req.route["id"], queued=len(messages)))


@app.function_name("parked")
@app.route(route="parked", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def parked(req: Call) -> Answer:  # noqa: ARG001  - the binding's shape
    """Show what was given up."""
    return answer(parked_of(service().queues))


@app.function_name("replay_parked")
@app.route(route="parked/replay", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def replay_parked(req: Call) -> Answer:
    """Put what was given up back into its queue."""
    return answer(replay(service().queues, req.body))


@app.function_name("status")
@app.route(route="status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def status(req: Call) -> Answer:  # noqa: ARG001  - the binding's shape
    """Show the mode, what keeps the service from working, and the latest runs."""
    return answer(status_of(service().passes, service().queues))


@app.function_name("health")
@app.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@_answering
def health(req: Call) -> Answer:  # noqa: ARG001  - the binding's shape
    """Say one word to anybody: whether the settings and the mapping can be used."""
    try:
        service()
    except ConsentSyncError as error:
        say(Event.NOT_STARTED, logging.ERROR, kind=type(error).__name__, detail=str(error))
        raise NotHealthy("failing") from None
    return answer(HealthView())


@app.function_name("explain")
@app.route(route="contact-points/explain", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def explain(req: Call) -> Answer:
    """Explain how a contact point stands, and why."""
    return answer(explained(service(), read_explain(req.body)))


@app.function_name("explain_page")
@app.route(route="page/explain", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def explain_page(req: Call) -> Answer:
    """Let people ask for an explanation."""
    return asking(req, datetime.now(UTC))


@app.function_name("explained_page")
@app.route(route="page/explain", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def explained_page(req: Call) -> Answer:
    """Explain to people how a contact point stands, and why."""
    return explaining(req, service(), datetime.now(UTC))


@app.function_name("page")
@app.route(route="page", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def page(req: Call) -> Answer:
    """Show people how everything stands."""
    return overview(req, service().passes, service().queues, datetime.now(UTC))


@app.function_name("openapi")
@app.route(route="openapi.json", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@_answering
def openapi(req: Call) -> Answer:  # noqa: ARG001  - the binding's shape
    """Give the description of this interface."""
    return answer(document())


def _send(call: Call, messages: list[Wake | PageTurn], wakes: func.Out[List[str]], pages: func.Out[List[str]]) -> None:  # noqa: UP006
    if named := [replace(message, correlation=call.id).to_json() for message in messages if isinstance(message, Wake)]:
        wakes.set(named)
    if turns := [message.to_json() for message in messages if isinstance(message, PageTurn)]:
        pages.set(turns)


def _started(
    req: Call,
    run: Run,
    messages: list[Wake | PageTurn],
    wakes: func.Out[list[str]],
    pages: func.Out[List[str]],  # noqa: UP006
) -> Answer:
    _send(req, messages, wakes, pages)
    return answer({"run": run.id}, HTTPStatus.ACCEPTED, Location=f"/api/resync/{run.id}")


def _begun(started: tuple[Run, list[Wake | PageTurn]]) -> list[Wake | PageTurn]:
    run, messages = started
    say(Event.RUN_STARTED, run=run.id, kind=run.kind.value, scope=run.scope, parts=len(messages))
    return messages


def _delivery(msg: func.QueueMessage) -> Delivery:
    return Delivery(msg.get_body().decode(), msg.dequeue_count or 1)
