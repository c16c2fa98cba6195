"""An app that uses every kind of trigger and output the local host has, and remembers what happened for the tests."""

import json
import os
import threading
import time
from typing import List  # noqa: UP035  - the worker rejects Out[list[str]]

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

STORAGE = "AzureWebJobsStorage"
seen: list[dict[str, object]] = []
lock = threading.Lock()
working = {"now": 0, "most": 0}


def remember(**what: object) -> None:
    with lock:
        seen.append(what)


def as_json(value: object, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), status_code=status, mimetype="application/json")


@app.function_name("seen")
@app.route(route="seen", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def seen_route(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  - the trigger
    with lock:
        return as_json({"seen": seen, "most_at_once": working["most"]})


@app.function_name("reset")
@app.route(route="reset", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def reset(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  - the trigger
    with lock:
        seen.clear()
        working.update(now=0, most=0)
    return func.HttpResponse(status_code=204)


@app.function_name("echo")
@app.route(route="echo/{word}/{number:int?}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    return as_json(
        {
            "method": req.method,
            "url": req.url,
            "route": dict(req.route_params),
            "query": dict(req.params),
            "header": req.headers.get("X-Test"),
            "body": req.get_body().decode(),
        }
    )


@app.function_name("by_id")
@app.route(route="things/{id:guid}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def by_id(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["id"])


@app.function_name("files")
@app.route(route="files/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["path"])


@app.function_name("switched_off")
@app.route(route="switched-off", auth_level=func.AuthLevel.ANONYMOUS)
def switched_off(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  - the trigger
    return func.HttpResponse("never")


@app.function_name("for_admins")
@app.route(route="for-admins", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def for_admins(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  - the trigger
    return func.HttpResponse("hello")


@app.function_name("send")
@app.route(route="send", methods=["POST"])
@app.queue_output(arg_name="work", queue_name="%WORK_QUEUE%", connection=STORAGE)
def send(req: func.HttpRequest, work: func.Out[str]) -> func.HttpResponse:
    """Puts the body into the work queue."""
    work.set(req.get_body().decode())
    return func.HttpResponse(status_code=202)


@app.function_name("send_many")
@app.route(route="send-many", methods=["POST"])
@app.queue_output(arg_name="work", queue_name="%WORK_QUEUE%", connection=STORAGE)
def send_many(req: func.HttpRequest, work: func.Out[List[str]]) -> func.HttpResponse:  # noqa: UP006
    work.set([json.dumps({"n": n, "seconds": 0.05}) for n in range(int(req.params["count"]))])
    return func.HttpResponse(status_code=202)


@app.function_name("fail")
@app.route(route="fail")
def fail(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  - the trigger
    raise ValueError("this function\nalways fails")


@app.function_name("work")
@app.queue_trigger(arg_name="message", queue_name="%WORK_QUEUE%", connection=STORAGE)
def work(message: func.QueueMessage) -> None:
    """Fails for the text "bad", and the first time for "shaky"."""
    text = message.get_body().decode()
    remember(function="work", text=text, dequeue_count=message.dequeue_count)
    if text == "bad" or (text == "shaky" and message.dequeue_count == 1):
        raise RuntimeError(f"no good: {text}")
    if text.startswith("{"):
        with lock:
            working["now"] += 1
            working["most"] = max(working["most"], working["now"])
        time.sleep(json.loads(text).get("seconds", 0))
        with lock:
            working["now"] -= 1


@app.function_name("poisoned")
@app.queue_trigger(arg_name="message", queue_name="%WORK_QUEUE%-poison", connection=STORAGE)
def poisoned(message: func.QueueMessage) -> None:
    remember(function="poisoned", text=message.get_body().decode())


@app.function_name("relay")
@app.queue_trigger(arg_name="message", queue_name="relay", connection=STORAGE)
@app.queue_output(arg_name="$return", queue_name="%WORK_QUEUE%", connection=STORAGE)
def relay(message: func.QueueMessage) -> str:
    return "relayed " + message.get_body().decode()


@app.function_name("every_second")
@app.timer_trigger(schedule="%TICK_SCHEDULE%", arg_name="timer")
def every_second(timer: func.TimerRequest) -> None:
    remember(function="every_second", past_due=timer.past_due)


@app.function_name("at_start")
@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    remember(function="at_start", past_due=timer.past_due)


@app.function_name("nightly")
@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
@app.queue_output(arg_name="work", queue_name="%WORK_QUEUE%", connection=STORAGE)
def nightly(timer: func.TimerRequest, work: func.Out[List[str]]) -> None:  # noqa: UP006
    remember(function="nightly", past_due=timer.past_due)
    work.set(["nightly 1", "nightly 2"])


@app.function_name("settings")
@app.route(route="settings/{name}", methods=["GET"])
def settings(req: func.HttpRequest) -> func.HttpResponse:
    return as_json(os.environ.get(req.route_params["name"]))


meeting: dict[int, threading.Barrier] = {}


@app.function_name("meet")
@app.route(route="meet", methods=["POST"])
def meet(req: func.HttpRequest) -> func.HttpResponse:
    """Answers once as many callers as asked for are inside."""
    people = int(req.params["people"])
    with lock:
        barrier = meeting.setdefault(people, threading.Barrier(people))
    barrier.wait(timeout=20)
    return func.HttpResponse("met")
