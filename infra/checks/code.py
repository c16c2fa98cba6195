"""What the deployed Python code asks of Azure: queues, connections, settings and open paths."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from typing import Any

from .repository import Repository

_SETTING = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


@dataclass
class Bindings:
    """What the decorators of function_app.py name."""

    functions: set[str] = field(default_factory=set)
    queues: set[str] = field(default_factory=set)
    connections: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    schedules: set[str] = field(default_factory=set)
    open_paths: set[str] = field(default_factory=set)


def bindings(repository: Repository) -> Bindings:
    """Read the decorators. Names at the top of the module are followed to their values."""
    tree = ast.parse(repository.text("function_app.py"))
    names = _constants(tree)
    prefix = json.loads(repository.text("host.json"))["extensions"]["http"]["routePrefix"]
    found = Bindings()
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        for call in (node for node in function.decorator_list if isinstance(node, ast.Call)):
            given = {keyword.arg: _constant(keyword.value, names) for keyword in call.keywords}
            if isinstance(call.func, ast.Attribute) and call.func.attr == "function_name":
                found.functions.add(_constant(call.args[0], names))
            found.settings |= {name for text in given.values() for name in re.findall(r"%(\w+)%", text)}
            found.queues |= {given["queue_name"]} if "queue_name" in given else set()
            found.connections |= {given["connection"]} if "connection" in given else set()
            found.schedules |= set(re.findall(r"%(\w+)%", given.get("schedule", "")))
            if given.get("auth_level", "").endswith("ANONYMOUS"):
                found.open_paths.add(f"/{prefix}/{given['route']}")
    return found


def settings(repository: Repository) -> set[str]:
    """Give the names that consent_sync/settings.py reads: its strings that look like one."""
    tree = ast.parse(repository.text("consent_sync/settings.py"))
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in strings if _SETTING.fullmatch(text)}


def tables(repository: Repository) -> set[str]:
    """Give the names of the tables that the ledger keeps."""
    return set(_assigned(repository.text("consent_sync/ledger/tables_account.py"), "TABLES"))


def events(repository: Repository) -> dict[str, set[str]]:
    """Give the fields of each kind of line that the service writes to its log, by the kind's name."""
    text = repository.text("consent_sync/telemetry.py")
    kinds = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == "Event")
    names = {
        f"Event.{ast.unparse(node.targets[0])}": ast.literal_eval(node.value)
        for node in kinds.body
        if isinstance(node, ast.Assign)
    }
    return {names[kind]: set(re.findall(r"`(\w+)`", says)) for kind, says in _assigned(text, "SAYS").items()}


def hold_rules(repository: Repository) -> set[str]:
    """Give the ids of the rules that open holds."""
    return set(re.findall(r'"(hold-[a-z-]+)"', repository.text("consent_sync/consent/rules.py")))


def _assigned(text: str, name: str) -> Any:
    """Give what is assigned to a name at the top of a module; keys that are no literals as they are written."""
    nodes = (node for node in ast.parse(text).body if isinstance(node, ast.Assign))
    value = next(node.value for node in nodes if ast.unparse(node.targets[0]) == name)
    if isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        return {ast.unparse(key): ast.literal_eval(says) for key, says in pairs if key}
    return ast.literal_eval(value)


def modes(repository: Repository) -> list[str]:
    """Give the steps of the ladder, lowest first."""
    tree = ast.parse(repository.text("consent_sync/consent/landscape.py"))
    ladder = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Mode")
    return [ast.literal_eval(node.value) for node in ladder.body if isinstance(node, ast.Assign)]


def _constants(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        (target,) = node.targets
        left = target.elts if isinstance(target, ast.Tuple) else [target]
        right = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        pairs = zip(left, right, strict=False)
        names |= {ast.unparse(name): _constant(given, names) for name, given in pairs}
    return names


def _constant(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    text = ast.unparse(node)
    return names.get(text, text)
