"""Reads Bicep files into plain values with the tree-sitter grammar: no evaluation, no types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import tree_sitter
import tree_sitter_bicep
from tree_sitter import Node

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))


class Expression(str):
    """The source text of something that only a deployment can evaluate."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and str.__eq__(self, other)

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"Expression({str(self)!r})"


@dataclass
class Resource:
    """A resource or module declaration. `target` is the type, or the module's path; `over` what a loop runs over."""

    file: str
    line: int
    symbol: str
    target: str
    body: dict[str, Any]
    existing: bool = False
    over: Expression | None = None
    condition: Expression | None = None

    @property
    def type(self) -> str:
        """The resource type without its API version."""
        return self.target.partition("@")[0]

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"

    def get(self, path: str) -> Any:
        """Give the value at a dotted path of the body, None if there is none."""
        value: Any = self.body
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value


@dataclass
class Parameter:
    """A parameter: its type, its default (None for none) and the arguments of its decorators by their names."""

    type: str
    default: Any = None
    has_default: bool = False
    decorators: dict[str, Any] = field(default_factory=dict)


@dataclass
class File:
    """What one file declares. `errors` are lines that the grammar does not understand."""

    path: str
    text: str
    root: Node
    errors: list[int]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    modules: dict[str, Resource] = field(default_factory=dict)


def read(path: str, text: str) -> File:
    """Read one file; where the grammar does not understand it, only `errors` say so."""
    root = _PARSER.parse(text.encode()).root_node
    wrong = [node.start_point.row + 1 for node in walk(root) if node.type == "ERROR" or node.is_missing]
    file = File(path, text, root, wrong)
    if wrong:
        return file
    decorators: list[Node] = []
    for node in root.named_children:
        if node.type == "decorators":
            decorators = node.named_children
            continue
        _declare(file, node, decorators)
        decorators = []
    return file


def walk(node: Node) -> Iterator[Node]:
    """Give the node and everything below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def value(node: Node) -> Any:
    """Give the plain value of an expression: dict, list, str, int, bool, None, or an Expression."""
    match node.type:
        case "object":
            pairs = [child.named_children for child in node.named_children if child.type == "object_property"]
            return {_text(pair[0]).strip("'"): value(pair[-1]) for pair in pairs if len(pair) > 1}
        case "array":
            return [value(child) for child in node.named_children if child.type != "comment"]
        case "string" if not any(child.type == "interpolation" for child in node.named_children):
            return _text(node)[1:-1]
        case "number" | "boolean" | "null":
            return json.loads(_text(node))
    return Expression(_text(node))


def _declare(file: File, node: Node, decorators: list[Node]) -> None:
    match node.type:
        case "parameter_declaration":
            name, kind, *default = node.named_children
            given = value(default[0]) if default else None
            calls = dict(_decorator(decorator) for decorator in decorators)
            file.parameters[_text(name)] = Parameter(_text(kind), given, bool(default), calls)
        case "variable_declaration":
            file.variables[_text(node.named_children[0])] = value(node.named_children[-1])
        case "output_declaration":
            file.outputs[_text(node.named_children[0])] = value(node.named_children[-1])
        case "resource_declaration":
            resource = _resource(file.path, node)
            file.resources[resource.symbol] = resource
        case "module_declaration":
            resource = _resource(file.path, node)
            file.modules[resource.symbol] = resource


def _resource(path: str, node: Node) -> Resource:
    over = condition = None
    body = node.named_children[-1]
    while body.type in {"for_statement", "if_statement"}:
        if body.type == "for_statement":
            over = Expression(_text(body.named_children[-2]))
        else:
            condition = Expression(_text(body.named_children[0]))
        body = body.named_children[-1]
    return Resource(
        file=path,
        line=node.start_point.row + 1,
        symbol=_text(node.named_children[0]),
        target=_text(node.named_children[1]).strip("'"),
        body=value(body),
        existing=any(child.type == "existing" for child in node.children),
        over=over,
        condition=condition,
    )


def _decorator(node: Node) -> tuple[str, Any]:
    call = node.named_children[0]
    name = re.match(r"[\w.]*", _text(call))
    arguments = call.child_by_field_name("arguments")
    given = arguments.named_children if arguments else []
    return name[0] if name else "", value(given[0]) if given else None


def _text(node: Node) -> str:
    return (node.text or b"").decode()
