"""`$filter` to SQL: the syntax tree comes from odata-query, what Dataverse adds to OData is read here."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from odata_query import ast, exceptions
from odata_query.grammar import ODataLexer, ODataParser

from . import schema
from .clock import stamp_of
from .errors import bad_request, not_modelled
from .schema.model import TEXT_KINDS
from .sql import Scope, between, compare, linked, on_day, within
from .store import fold, operand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .clock import Clock
    from .schema import Column

_QUOTED_OR_LIST = re.compile(r"""'(?:[^']|'')*'|\[((?:[^\[\]'"]|'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")*)\]""")
_QUOTED_OR_ALIAS = re.compile(r"'(?:[^']|'')*'|@\w+")
_JSON_STRING = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\"""")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_TIGHT = re.compile(r"'(?:[^']|'')*'|\)(?=(?:and|or)\b)|\b(?:and|or|not)(?=\()")  # `(a)and(b)` is in use
_LONG_PATH = re.compile(r"(?:\w+/){20}")
_CONDITIONS = 500
_COMPARATORS = {"Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge"}
_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_DAYS = {"On": "on", "OnOrAfter": "on-or-after", "OnOrBefore": "on-or-before"}
_SPANS = {"Minutes": 60, "Hours": 3600, "Days": 86400, "Weeks": 604800}
_NAMESPACE = ("Microsoft", "Dynamics", "CRM")


def _list(match: re.Match[str]) -> str:
    """`['a','b']` or `["a","b"]` in the form the parser knows: `('a','b')`, and `('a',)` for a single value."""
    inner = match[1]
    if inner is None:
        return match[0]
    inner = _JSON_STRING.sub(_single, inner)
    return f"({inner})" if "," in _QUOTED.sub("", inner) else f"({inner},)"


def _single(match: re.Match[str]) -> str:
    """A string of a JSON array, in single quotes."""
    if not match[0].startswith('"'):
        return match[0]
    try:
        text: str = json.loads(match[0])
    except ValueError:
        raise bad_request(f"Syntax error in filter at {match[0]}.", "0x80060888") from None
    return "'" + text.replace("'", "''") + "'"


@lru_cache(maxsize=4096)
def parse(text: str) -> Any:
    """The syntax tree of a filter. Raises 400 when it cannot be read."""
    text = _TIGHT.sub(lambda match: match[0] if match[0].startswith("'") else f"{match[0]} ", text)
    if _LONG_PATH.search(_QUOTED.sub("", text)):
        raise bad_request("A path in the filter is too long.")
    try:
        return ODataParser().parse(ODataLexer().tokenize(_QUOTED_OR_LIST.sub(_list, text.strip())))
    except (exceptions.ODataException, AttributeError, LookupError, TypeError, ValueError) as error:  # the parser's own
        raise bad_request(f"Syntax error in filter '{text}': {error}", "0x80060888") from error


def to_sql(text: str, scope: Scope, clock: Clock, aliases: Mapping[str, str]) -> tuple[str, list[Any]]:
    """The WHERE condition of a filter over `scope` (which gains joins) and its values; `aliases` are `@p1` texts."""
    text = _QUOTED_OR_ALIAS.sub(lambda match: aliases.get(match[0], match[0]), text)
    reader = _Reader(clock)
    where = reader.condition(parse(text), scope)
    if reader.conditions > _CONDITIONS:
        raise bad_request(f"Number of conditions in query exceeded maximum limit {_CONDITIONS}.", "0x8004430C")
    return where, reader.values


class _Reader:
    """Walks a syntax tree; `variables` are the names that any() and all() bind."""

    def __init__(self, clock: Clock) -> None:
        self.values: list[Any] = []
        self.conditions = 0
        self._clock = clock
        self._variables: dict[str, Scope] = {}

    def condition(self, node: Any, scope: Scope) -> str:
        """SQL of a node that is true or false."""
        match node:
            case ast.BoolOp():
                word = "AND" if isinstance(node.op, ast.And) else "OR"
                return "(" + f" {word} ".join(self.condition(part, scope) for part in _flat(node)) + ")"
            case ast.UnaryOp() if isinstance(node.op, ast.Not):
                return f"NOT coalesce({self.condition(node.operand, scope)}, 0)"
            case ast.Compare():
                self.conditions += 1
                return self._compare(node, scope)
            case ast.Call():
                self.conditions += 1
                return self._call(node, scope)
            case ast.CollectionLambda():
                return self._lambda(node, scope)
        raise bad_request("A filter must be a condition, such as statecode eq 0.")

    def _column(self, node: Any, scope: Scope) -> tuple[Column, str]:
        path = _path(node)
        if path[0] in self._variables:
            return self._variables[path[0]].column(path[1:])
        return scope.column(path)

    def _compare(self, node: Any, scope: Scope) -> str:
        name = _COMPARATORS.get(type(node.comparator).__name__)
        if name is None:
            raise not_modelled("the 'in' operator of $filter; use Microsoft.Dynamics.CRM.In")
        left, right = node.left, node.right
        if not _is_column(left):
            left, right, name = right, left, _MIRRORED[name]
        if not _is_column(left):
            raise not_modelled("expressions on both sides of a comparison")
        column, alias = self._column(left, scope)
        if not _is_column(right):
            return compare(name, column, alias, _value(column, right), self.values)
        other, other_alias = self._column(right, scope)
        sign = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[name]
        return f"{operand(column, alias)} {sign} {operand(other, other_alias)}"

    def _call(self, node: Any, scope: Scope) -> str:
        if node.func.namespace == _NAMESPACE:
            return self._dynamics(node, scope)
        name = node.func.name
        if name not in {"contains", "startswith", "endswith"}:
            raise not_modelled(f"the function '{name}' in $filter")
        column, alias = self._column(node.args[0], scope)
        if column.kind not in TEXT_KINDS or not isinstance(node.args[1], ast.String):
            raise bad_request(f"'{name}' needs a text column and a text value.")
        wanted = fold(node.args[1].val)
        left = operand(column, alias)
        if name == "contains":
            self.values.append(wanted)
            return f"instr({left}, ?) > 0"
        self.values += [wanted, wanted]
        part = f"substr({left}, 1, length(?))" if name == "startswith" else f"substr({left}, -length(?))"
        return f"{part} = ?"

    def _dynamics(self, node: Any, scope: Scope) -> str:
        """A query function such as Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=['a'])."""
        arguments: dict[str, Any] = {
            part.name.name: part.param for part in node.args if isinstance(part, ast.NamedParam)
        }
        name = node.func.name
        named = arguments.get("PropertyName")
        if not isinstance(named, ast.String):
            raise bad_request(f"Microsoft.Dynamics.CRM.{name} needs PropertyName='column'.")
        column, alias = scope.column(named.val.split("/"))
        plural = arguments.get("PropertyValues")
        wanted = [_plain(part) for part in plural.val] if isinstance(plural, ast.List) else []
        single = _plain(arguments["PropertyValue"]) if "PropertyValue" in arguments else None
        if name in {"In", "NotIn"}:
            return within(column, alias, wanted, self.values, negated=name == "NotIn")
        if name in {"Between", "NotBetween"}:
            return between(column, alias, wanted, self.values, negated=name == "NotBetween")
        if name in _DAYS:
            return on_day(_DAYS[name], column, alias, single, self.values)
        return self._span(name, column, alias, single)

    def _span(self, name: str, column: Column, alias: str, count: Any) -> str:
        """`LastXDays(PropertyName='x',PropertyValue=3)` and its like."""
        match = re.fullmatch(r"(LastX|OlderThanX)(Minutes|Hours|Days|Weeks)", name)
        if not match:
            raise not_modelled(f"the query function Microsoft.Dynamics.CRM.{name}")
        if not str(count).isdigit():
            raise bad_request(f"Microsoft.Dynamics.CRM.{name} needs PropertyValue=number.")
        now = self._clock.time()
        then = stamp_of(now - int(count) * _SPANS[match[2]])
        self.values.append(then)
        left = operand(column, alias)
        if match[1] == "OlderThanX":
            return f"{left} < ?"
        self.values.append(stamp_of(now))
        return f"{left} BETWEEN ? AND ?"

    def _lambda(self, node: Any, scope: Scope) -> str:
        """`nav/any(x:condition)` and `nav/all(...)` over a collection."""
        path = _path(node.owner)
        if len(path) > 1:
            raise not_modelled("any() and all() behind another navigation property, or inside one another")
        nav = scope.table.navigations.get(path[0])
        if nav is None or not nav.many:
            raise bad_request(f"'{path[0]}' is no collection of '{scope.table.name}'.")
        inner = Scope(schema.BY_NAME[nav.target], scope.names)
        test = "1"
        if node.lambda_ is not None:
            variable = node.lambda_.identifier.name
            self._variables[variable] = inner
            test = self.condition(node.lambda_.expression, inner)
            del self._variables[variable]
        every = isinstance(node.operator, ast.All)
        found = (
            f"EXISTS (SELECT 1 FROM {inner.source} WHERE {linked(nav, scope.alias, inner.alias)}"  # noqa: S608
            f" AND {'NOT coalesce(' + test + ', 0)' if every else test})"
        )
        return f"NOT {found}" if every else found


def _flat(node: Any) -> list[Any]:
    """The parts of a chain of the same operator, so that long chains need no deep recursion."""
    parts: list[Any] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.BoolOp) and part.op == node.op:
            stack += [part.right, part.left]
        else:
            parts.append(part)
    return parts


def _is_column(node: Any) -> bool:
    return isinstance(node, ast.Identifier | ast.Attribute)


def _path(node: Any) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [*_path(node.owner), node.attr]
    if isinstance(node, ast.Identifier):
        return [node.name]
    raise bad_request("A column name is expected here.")


def _plain(node: Any) -> Any:
    """A literal in a query function: these take text for every type. Raises 400 for anything else."""
    if isinstance(node, ast.Null):
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"-{_plain(node.operand)}"
    if not isinstance(node, ast.String | ast.Integer | ast.Float | ast.Boolean | ast.GUID | ast.DateTime | ast.Date):
        raise bad_request("A literal is expected here.")
    return node.val


_LITERALS: dict[str, tuple[type, ...]] = {
    "string": (ast.String,),
    "memo": (ast.String,),
    "boolean": (ast.Boolean,),
    "guid": (ast.GUID,),
    "lookup": (ast.GUID,),
    "datetime": (ast.DateTime, ast.Date),
    "decimal": (ast.Integer, ast.Float),
    "money": (ast.Integer, ast.Float),
}
_CONVERT: dict[type, Callable[[Any], Any]] = {ast.Boolean: lambda node: node.val.lower() == "true"}


def _value(column: Column, node: Any) -> Any:
    """The Python value of a literal. Raises 400 when its type is not the column's, as Dataverse does."""
    if isinstance(node, ast.Null):
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
        return f"-{node.val}" if isinstance(node, ast.Integer | ast.Float) else _value(column, node)
    if not isinstance(node, _LITERALS.get(column.kind, (ast.Integer,))):
        raise bad_request(
            "A binary operator with incompatible types was detected. Found operand types "
            f"'{column.kind}' (column '{column.name}') and '{type(node).__name__}' for the comparison."
        )
    return _CONVERT.get(type(node), lambda part: part.val)(node)
