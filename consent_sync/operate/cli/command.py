"""What all commands have in common: ``--json``, ``--env-file``, exit codes, and errors told with their remedy."""

from __future__ import annotations

import functools
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Concatenate

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

from consent_sync.errors import ConsentSyncError
from consent_sync.operate.http import remedy

from .session import Session, Wiring, environment


class Exit(IntEnum):
    """What the exit code says."""

    IN_STEP = 0
    ERROR = 1
    DRIFT = 2
    BRAKE = 3


@dataclass(frozen=True)
class Shown:
    """The result of a command: the one object that ``--json`` prints, the same for people, and the exit code."""

    data: BaseModel
    text: RenderableType
    code: Exit = Exit.IN_STEP


@dataclass
class Call:
    """One call of the program: how it is wired, and with what it ends."""

    wiring: Wiring
    code: Exit = Exit.IN_STEP


TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
JSON_OPTION = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
ENV_FILE_OPTION = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        help="Read settings from this file first: lines of NAME=VALUE, or local.settings.json.",
        metavar="FILE",
    ),
]


type Command[**P] = Callable[Concatenate[Session, P], Shown]
"""What a command is written as: a function of a session and the command's own options that gives what to show."""


def command[**P](app: typer.Typer, name: str) -> Callable[[Command[P]], Command[P]]:
    """Make a command of a function."""

    def register(function: Command[P]) -> Command[P]:
        app.command(name)(_runner(function))
        return function

    return register


def group[**P](app: typer.Typer, name: str, function: Command[P]) -> typer.Typer:
    """Make a group of commands; the name of the group alone runs `function`."""
    commands = typer.Typer(help=function.__doc__)
    run = _runner(function)

    @functools.wraps(run)
    def run_alone(ctx: typer.Context, **options: Any) -> None:
        if ctx.invoked_subcommand is None:
            run(ctx, **options)

    commands.callback(invoke_without_command=True)(run_alone)
    app.add_typer(commands, name=name)
    return commands


def _runner(function: Callable[..., Shown]) -> Callable[..., None]:
    """Give what typer calls: it takes the common options as well, and notes how the command ended."""

    def run(ctx: typer.Context, *, as_json: bool, env_file: Path | None, **options: Any) -> None:
        call: Call = ctx.obj
        call.code = _carry_out(call.wiring, env_file, as_json, functools.partial(function, **options))

    signature = _signature(function)
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def _signature(function: Callable[..., Shown]) -> inspect.Signature:
    """Give the options of `function` and the common ones: what typer reads."""
    _, *own = inspect.signature(function, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
            *(parameter.replace(kind=keyword) for parameter in own),
            inspect.Parameter("env_file", keyword, annotation=ENV_FILE_OPTION, default=None),
            inspect.Parameter("as_json", keyword, annotation=JSON_OPTION, default=False),
        ]
    )


def _carry_out(wiring: Wiring, env_file: Path | None, as_json: bool, work: Callable[[Session], Shown]) -> Exit:
    try:
        say = _silent if as_json else console().print
        with Session(wiring, environment(env_file), say) as session:
            shown = work(session)
    except ConsentSyncError as error:
        return _failed(as_json, type(error).__name__, str(error), remedy(error))
    except KeyboardInterrupt:
        return _failed(
            as_json, "Interrupted", "stopped by hand", "Start the command again: it goes on from what is done."
        )
    except Exception as error:  # noqa: BLE001  - nobody is helped by a trace on the terminal
        return _defect(as_json, error)
    if as_json:
        typer.echo(shown.data.model_dump_json(indent=2))
    else:
        console().print(shown.text)
    return shown.code


def _silent(_: str) -> None:
    """Say nothing: the one object is printed at the end."""


def console(*, stderr: bool = False) -> Console:
    """Give the terminal, or the file that stands in for it: lines are only cut where somebody reads them."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 160
    return Console(stderr=stderr, soft_wrap=not stream.isatty(), width=width, highlight=False, markup=False)


def _failed(as_json: bool, kind: str, detail: str, what_to_do: str) -> Exit:
    if as_json:
        typer.echo(json.dumps({"error": {"kind": kind, "detail": detail, "remedy": what_to_do}}, indent=2))
    else:
        out = console(stderr=True)
        out.print(f"error: {detail}", style="red")
        out.print(what_to_do)
    return Exit.ERROR


def _defect(as_json: bool, error: Exception) -> Exit:
    """Tell of an error nobody foresaw: where it arose, not what it says, which may be anybody's address."""
    if sys.flags.dev_mode:  # python -X dev
        traceback.print_exception(error)
    *_, last = traceback.extract_tb(error.__traceback__)
    place = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
    return _failed(as_json, "Defect", place, "This is a defect of consent-sync: report it with the line above.")
