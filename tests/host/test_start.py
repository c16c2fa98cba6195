"""An app that Azure, or this host, could not run is refused at once with a sentence that says what to change."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.host.errors import HostError
from local.host.functions import read_function
from local.host.routes import route_rules
from local.host.settings import QueueOptions, read_host_json
from tests.host.conftest import APP, REPOSITORY, SETTINGS, running_host, wait_until

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
from typing import List
import azure.functions as func
app = func.FunctionApp()
"""
OUTPUT_OF_THE_WRONG_LIST = """
@app.route(route="f")
@app.queue_output(arg_name="out", queue_name="q", connection="AzureWebJobsStorage")
def f(req: func.HttpRequest, out: func.Out[list[str]]) -> func.HttpResponse: ...
"""
RENAMED_PARAMETER = """
@app.queue_trigger(arg_name="message", queue_name="q", connection="AzureWebJobsStorage")
def f(text: func.QueueMessage) -> None: ...
"""
MISSING_MODULE = "import no_such_module"
RETRIED_TIMER = """
@app.timer_trigger(schedule="0 0 * * * *", arg_name="timer")
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:10")
def f(timer: func.TimerRequest) -> None: ...
"""
UNKNOWN_TRIGGER = """
@app.blob_trigger(arg_name="blob", path="in/{name}", connection="AzureWebJobsStorage")
def f(blob: func.InputStream) -> None: ...
"""


def run_host(app: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603  - our own command
        [sys.executable, "-m", "local.host", "--port", "0", "--app", str(app), *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (OUTPUT_OF_THE_WRONG_LIST, ["worker rejects", "function_app.py", "cannot load the f function", "out"]),
        (RENAMED_PARAMETER, ["worker rejects", "cannot load the f function", "text"]),
        (MISSING_MODULE, ["worker rejects", "No module named 'no_such_module'", "function_app.py:5"]),
        (RETRIED_TIMER, ["Function f", "retry policy"]),
        (UNKNOWN_TRIGGER, ["Function f", "no blobTrigger"]),
        ("", ["declares no functions"]),
    ],
)
def test_an_app_that_cannot_run_is_refused(tmp_path: Path, source: str, words: list[str]) -> None:
    (tmp_path / "function_app.py").write_text(HEAD + source, encoding="utf-8")
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    code, said = run_host(tmp_path)
    assert code == 1
    sentence = said.splitlines()[-1]
    assert sentence.startswith("error: ")
    for word in words:
        assert word in sentence


def test_a_folder_that_holds_no_app_is_refused(tmp_path: Path) -> None:
    assert "host.json" in run_host(tmp_path)[1]
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    assert "holds no function_app.py" in run_host(tmp_path)[1]


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = run_host(APP, "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "--port" in said.splitlines()[-1]


def test_a_process_hosts_one_app() -> None:
    program = (
        "import pathlib, sys; from local.host import Host, HostError\n"
        "first = Host(pathlib.Path(sys.argv[1])); first.start(); first.stop()\n"
        "try: Host(pathlib.Path(sys.argv[1])).start()\n"
        "except HostError as error: print(error)"
    )
    done = subprocess.run(  # noqa: S603  - our own command
        [sys.executable, "-c", program, str(APP)],
        cwd=REPOSITORY,
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "one per process" in done.stdout


def test_local_settings_fill_in_what_the_environment_does_not_set(tmp_path: Path) -> None:
    for name in ("function_app.py", "host.json"):
        (tmp_path / name).write_bytes((APP / name).read_bytes())
    values = {"WORK_QUEUE": "from-the-file", "TICK_SCHEDULE": "0 0 0 1 1 *", "COUNT": 5}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}), encoding="utf-8")
    with running_host(tmp_path, {"TICK_SCHEDULE": "0 0 1 1 1 *"}, app=tmp_path) as host:
        assert "from-the-file" in host.status()["queues"]
        wait_until(lambda: host.seen("at_start"))
        read = {name: host.call("GET", f"/api/settings/{name}").json() for name in ("COUNT", "TICK_SCHEDULE")}
    assert read == {"COUNT": "5", "TICK_SCHEDULE": "0 0 1 1 1 *"}


TIMER = {"type": "timerTrigger", "name": "timer", "schedule": "0 0 * * * *"}
QUEUE = {"type": "queueTrigger", "name": "message", "queueName": "work", "connection": "AzureWebJobsStorage"}
HTTP = {"type": "httpTrigger", "name": "req", "route": "f"}
BLOB = {"type": "blob", "direction": "OUT", "name": "blob"}
QUEUE_IN = {"type": "queue", "direction": "IN", "name": "queue"}


@pytest.mark.parametrize(
    ("bindings", "words"),
    [
        ([QUEUE | {"connection": "Elsewhere"}], "Elsewhere"),
        ([QUEUE | {"queueName": "Work_Queue"}], "'Work_Queue' is no queue name"),
        ([QUEUE | {"queueName": "a" * 64}], "is no queue name"),
        ([QUEUE | {"queueName": "%NOT_SET%"}], "set the app setting NOT_SET"),
        ([TIMER | {"schedule": "%NOT_SET%"}], "set the app setting NOT_SET"),
        ([TIMER | {"schedule": "every hour"}], "'every hour' is not a schedule"),
        ([TIMER, BLOB], "no blob"),
        ([TIMER, QUEUE_IN], "no queue (in) binding"),
        ([TIMER, QUEUE], "2 triggers"),
        ([], "0 triggers"),
    ],
)
def test_what_a_function_asks_for_and_would_not_get_is_refused(bindings: list[dict[str, str]], words: str) -> None:
    with pytest.raises(HostError, match="Function f") as refused:
        read_function("f", "id", bindings)
    assert words in str(refused.value)


@pytest.mark.parametrize("route", ["f/{id:length(5)}", "f/{id:int:min(3)}", "f/{id=5}", "f/{id", "f/{id:regex(a+)}"])
def test_a_route_with_a_constraint_that_is_not_modelled_is_refused(route: str) -> None:
    function = read_function("f", "id", [HTTP | {"route": route}])
    with pytest.raises(HostError, match="Function f"):
        route_rules(function, prefix="api")


def test_queue_settings_of_host_json_are_read(tmp_path: Path) -> None:
    given = {"batchSize": 10, "maxDequeueCount": 2, "visibilityTimeout": "01:02:03", "messageEncoding": "base64"}
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"queues": given}}), encoding="utf-8")
    expected = QueueOptions(batch_size=10, new_batch_threshold=5, max_dequeue_count=2, visibility_timeout=3723)
    assert read_host_json(tmp_path).queues == expected


@pytest.mark.parametrize(
    ("queues", "words"),
    [
        ({"newBatchSize": 8}, "newBatchSize"),
        ({"visibilityTimeout": "30"}, "'30' is not a time span"),
        ({"messageEncoding": "none"}, "base64"),
        ({"batchSize": 33}, "batchSize"),
    ],
)
def test_queue_settings_the_real_host_does_not_have_are_refused(
    tmp_path: Path, queues: dict[str, object], words: str
) -> None:
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"queues": queues}}), encoding="utf-8")
    with pytest.raises(HostError, match=r"host\.json") as refused:
        read_host_json(tmp_path)
    assert words in str(refused.value)
