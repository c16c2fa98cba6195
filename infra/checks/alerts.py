"""Whether the alert rules read what the code writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import code
from .bicep import Expression
from .repository import Finding, Repository

_PATH = "infra/modules/alerts.bicep"


def alerts(repository: Repository) -> Iterator[Finding]:
    """Each rule reads what exists: a rule is on if, and only if, the code writes the lines that it looks for."""
    for rule in repository.bicep[_PATH].variables.get("rules") or []:
        says = [*_names(repository, rule["query"]), *_lines(repository, rule)]
        yield from (Finding("alerts", f"{_PATH} ({rule['name']})", text) for text in says)
    rules = repository.of_type("Microsoft.Insights/scheduledQueryRules")
    if [rule.over for rule in rules] != [Expression("rules")]:
        yield Finding("alerts", _PATH, "no alerts are made from the rules")


def _names(repository: Repository, query: str) -> Iterator[str]:
    """Look for the functions, rules and texts that a query names."""
    functions, holds = code.bindings(repository).functions, code.hold_rules(repository)
    for name in re.findall(r'OperationName == "([a-z_]+)"', query):
        if name not in functions:
            yield f"there is no function {name}"
    for name in re.findall(r'"(hold-[a-z-]+)"', query):
        if name not in holds:
            yield f"there is no rule {name}"
    for line in re.findall(r'Message startswith "([^"]+)"', query):
        if not any(line in text for text in repository.python()):
            yield f"the code never writes {line!r}"


def _lines(repository: Repository, rule: dict[str, Any]) -> Iterator[str]:
    """Look for the kinds of lines, and their fields, that a query goes by."""
    events, kinds = code.events(repository), re.findall(r'Said\.event == "([^"]+)"', rule["query"])
    if kinds and rule["enabled"] != all(kind in events for kind in kinds):
        yield f"the code {'never writes' if rule['enabled'] else 'now writes'} {kinds}: set enabled accordingly"
    elif rule["enabled"]:
        known = {"event"}.union(*(events[kind] for kind in kinds))
        yield from (
            f"{kinds} has no field {name}" for name in re.findall(r"Said\.(\w+)", rule["query"]) if name not in known
        )
