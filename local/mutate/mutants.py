"""Finds the mutants of a module: each is one small change of one expression or statement, as a span of its source.

Left alone are texts (they explain, and decide nothing), annotations, decorators and docstrings.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

SWAPPED_OPERATORS: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SWAPPED_FUNCTIONS = {"max": "min", "min": "max", "any": "all", "all": "any"}
SWAPPED_MEMBERS = {
    "Reading": {"OUT": "IN", "IN": "OUT", "SILENT": "IN"},
    "Kind": {"FLAG": "ROW", "LIST": "OPT_OUT_LIST", "OPT_OUT_LIST": "LIST", "ROW": "FLAG"},
    "Mode": {"OBSERVE": "RESTRICT", "RESTRICT": "TWO_WAY", "TWO_WAY": "RESTRICT"},
    "Opened": {"NOT_OUT": "IN", "PRESENT": "NOT_OUT", "IN": "NOT_OUT"},
    "Loosened": {"RESTORE": "HOLD", "HOLD": "RESTORE", "TRUST": "RESTORE"},
    "Breadth": {"SAME": "WIDER", "WIDER": "SAME", "ALL_PARTS": "UNENFORCED", "UNENFORCED": "ALL_PARTS"},
    "Outcome": {"DONE": "CHANGED", "CHANGED": "DONE"},
}
_LONGEST = 90

Node = ast.expr | ast.stmt
Change = tuple[str, Node, Node]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where it is (`module` as a path, `function` qualified, 1-based `line`), and the changed source.

    `change` is the same however the lines around it move; a second one like it in a function ends in "(2)".
    """

    module: str
    function: str
    line: int
    change: str
    source: bytes

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other mutant, for as long as the code at this place stays."""
        return self.module, self.function, self.change


def mutants_of(module: str, source: bytes) -> list[Mutant]:
    """Give every mutant of a module, in the order of its source. Raises SyntaxError where it is no Python."""
    starts = [0]
    for row in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    counted: Counter[tuple[str, str]] = Counter()
    found: list[Mutant] = []
    for function, old, new in _changes(ast.parse(source)):
        begin = starts[old.lineno - 1] + old.col_offset
        end = starts[(old.end_lineno or old.lineno) - 1] + (old.end_col_offset or 0)
        if source[begin:end].startswith(b"elif"):
            continue  # not a statement of its own; its condition is changed all the same
        text = ast.unparse(new)
        change = f"{_short(ast.unparse(old))} -> {_short(text)}"
        counted[function, change] += 1
        times = counted[function, change]
        mutated = source[:begin] + (text if isinstance(new, ast.stmt) else f"({text})").encode() + source[end:]
        name = change + (f" ({times})" if times > 1 else "")
        found.append(Mutant(module, function, old.lineno, name, mutated))
    return sorted(found, key=lambda mutant: mutant.line)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _changes(tree: ast.Module) -> Iterator[Change]:
    """Give the function, the node, and what it becomes."""
    for statement in tree.body:
        yield from _within(statement, "")


def _within(node: ast.AST, function: str) -> Iterator[Change]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield from _within_definition(node, f"{function}.{node.name}".lstrip("."))
        return
    if isinstance(node, ast.expr):
        yield from ((function, node, new) for new in _expression(node))
    elif isinstance(node, ast.Return) and node.value and not _is_none(node.value):
        yield function, node, ast.Return(ast.Constant(None))
    for child in ast.iter_child_nodes(node):
        if child is not getattr(node, "annotation", None):
            yield from _within(child, function)


def _within_definition(node: ast.FunctionDef | ast.ClassDef, function: str) -> Iterator[Change]:
    parts: list[ast.AST] = [*node.body]
    if isinstance(node, ast.FunctionDef):
        yield from ((function, old, new) for old, new in _statements(node))
        parts += [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
    for part in parts:
        yield from _within(part, function)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _expression(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare():
            yield from _compare(node)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            for rest in _one_less(node.values):
                yield ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.Tuple(ctx=ast.Load()) if any(isinstance(e, ast.Starred) for e in node.elts):
            yield from (ast.Tuple(rest, ast.Load()) for rest in _one_less(node.elts))
        case ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield ast.IfExp(node.test, node.orelse, node.body)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield from _unfiltered(node)
        case _:
            yield from _leaf(node)


def _leaf(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float() as number):
            yield ast.Constant(number + 1)
        case ast.Call(func=ast.Name(id=name)) if name in SWAPPED_FUNCTIONS:
            yield ast.Call(ast.Name(SWAPPED_FUNCTIONS[name]), node.args, node.keywords)
        case ast.Attribute(value=ast.Name(id=enum), attr=member) if member in SWAPPED_MEMBERS.get(enum, {}):
            yield ast.Attribute(ast.Name(enum), SWAPPED_MEMBERS[enum][member])
        case _:
            pass


def _compare(node: ast.Compare) -> Iterator[ast.Compare]:
    for i, operator in enumerate(node.ops):
        if swapped := SWAPPED_OPERATORS.get(type(operator)):
            yield ast.Compare(node.left, [*node.ops[:i], swapped(), *node.ops[i + 1 :]], node.comparators)
    match node:
        case ast.Compare(left=ast.Tuple(elts=left), comparators=[ast.Tuple(elts=right)]) if len(left) == len(right):
            for less_left, less_right in zip(_one_less(left), _one_less(right), strict=True):
                yield ast.Compare(ast.Tuple(less_left), node.ops, [ast.Tuple(less_right)])


def _one_less(elements: list[ast.expr]) -> Iterator[list[ast.expr]]:
    yield from (elements[:i] + elements[i + 1 :] for i in range(len(elements)))


def _unfiltered(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Iterator[ast.expr]:
    """Drop one filter of a comprehension."""
    for i, generator in enumerate(node.generators):
        for j in range(len(generator.ifs)):
            new = deepcopy(node)
            del new.generators[i].ifs[j]
            yield new


def _statements(function: ast.FunctionDef) -> Iterator[tuple[Node, Node]]:
    """Remove a statement, or turn a condition round, where the function can still run without it."""
    inner = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node is not function]
    assigned = Counter(
        name.id for name in ast.walk(function) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    )
    for node in inner:
        if _is_docstring(node) or isinstance(node, ast.FunctionDef):
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr):
            yield node.test, ast.UnaryOp(ast.Not(), node.test)
        removable = isinstance(node, ast.AugAssign | ast.Expr | ast.Continue | ast.Raise | ast.Break | ast.If | ast.For)
        returns_early = isinstance(node, ast.Return) and node is not function.body[-1]
        again = isinstance(node, ast.Assign) and all(
            not isinstance(target, ast.Name) or assigned[target.id] > 1 for target in node.targets
        )
        if removable or returns_early or again:
            yield node, ast.Pass()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
