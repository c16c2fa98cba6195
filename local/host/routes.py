"""Route templates of HTTP functions as werkzeug rules."""

from __future__ import annotations

import re

from werkzeug.routing import BaseConverter, Rule

from local.host.errors import HostError
from local.host.functions import Function, HttpTrigger

_PARAMETER = re.compile(r"\{(?P<rest>\*?)(?P<name>\w+)(?::(?P<kind>\w+))?\??\}")
_OPTIONAL_TAIL = re.compile(r"/\{[^{}]*\?\}$")


class _Text(BaseConverter):
    regex = "[^/]+"


class _Int(BaseConverter):
    regex = "-?[0-9]+"


class _Alpha(BaseConverter):
    regex = "[A-Za-z]+"


class _Guid(BaseConverter):
    regex = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


class _Rest(BaseConverter):
    regex = ".*"
    part_isolating = False


CONVERTERS = {"default": _Text, "int": _Int, "alpha": _Alpha, "guid": _Guid, "rest": _Rest}


def route_rules(function: Function, prefix: str) -> list[Rule]:
    """Translate the route of an HTTP function; the rules need a Map with `CONVERTERS`, their endpoint is the name.

    Knows ``{p}``, ``{p?}`` at the end, ``{p:int}``, ``{p:alpha}``, ``{p:guid}`` and ``{*rest}``. Raises HostError for
    anything else in braces. A disabled function has no rules, one with an optional parameter has two.
    """
    trigger = function.trigger
    if not isinstance(trigger, HttpTrigger) or function.disabled:
        return []
    template = "/".join(part for part in (prefix, trigger.route) if part)
    path = "/" + _PARAMETER.sub(_placeholder, template)
    if "{" in path or "}" in path or any(kind not in CONVERTERS for kind in re.findall(r"<(\w+):", path)):
        raise HostError(f"Function {function.name}: the local host does not model the route {trigger.route!r}.")
    paths = [path]
    if _OPTIONAL_TAIL.search(template):
        paths.append(path[: path.rindex("/")] or "/")
    return [Rule(path, methods=trigger.methods, endpoint=function.name) for path in paths]


def _placeholder(match: re.Match[str]) -> str:
    kind = "rest" if match["rest"] else match["kind"] or "default"
    return f"<{kind}:{match['name']}>"
