"""The action BulkDelete: a job that deletes what a query finds, done by the time the answer leaves.

Source: the Web API reference of BulkDelete and of QueryExpression; clients send one query with `And` conditions.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from . import schema
from .errors import bad_request, no_message, not_modelled
from .sql import Names, Scope, compare, within
from .web import Response, answer

if TYPE_CHECKING:
    from .context import Context
    from .records import Records
    from .schema import Table
    from .web import Request

_JOB = 13  # asyncoperation.operationtype: Bulk Delete
_COMPARISONS = {"Equal": "eq", "NotEqual": "ne", "GreaterThan": "gt", "LessThan": "lt"}


def run(records: Records, request: Request, context: Context) -> Response:
    """POST BulkDelete: gives the id of the job, which `asyncoperations` shows. Raises 400, 403, 501."""
    body = request.json()
    context.rights.require_privilege("prvBulkDelete")
    queries = body.get("QuerySet")
    if not isinstance(queries, list) or not queries or not all(isinstance(query, dict) for query in queries):
        raise bad_request("'QuerySet' must be a list of queries.", "0x80048d19")
    store = records.store
    job = {
        "asyncoperationid": str(uuid.uuid4()),
        "name": body.get("JobName"),
        "operationtype": _JOB,
        "statecode": 3,
        "statuscode": 30,
        "ownerid": context.user,
        "completedon": store.clock.stamp(),
    }
    with records.unit(context):
        for query in queries:
            table, ids = _found(records, context, query)
            for row_id in ids:
                if store.get(table, row_id) is not None:  # else a cascade took it along
                    records.delete(context, table, row_id)
        jobs = schema.BY_NAME["asyncoperation"]
        store.stamp(jobs, job, store.clock.stamp())
        store.insert(jobs, job)
    kind = f"{request.root}$metadata#Microsoft.Dynamics.CRM.BulkDeleteResponse"
    return answer({"@odata.context": kind, "JobId": job["asyncoperationid"]})


def _found(records: Records, context: Context, query: dict[str, Any]) -> tuple[Table, list[str]]:
    """The table of a query and the ids it finds."""
    table = schema.BY_NAME.get(str(query.get("EntityName")))
    if table is None:
        raise bad_request(f"The entity with a name = '{query.get('EntityName')}' was not found.", "0x80041102")
    if "Delete" not in table.messages:
        raise no_message(table.name, "Delete")
    criteria = query.get("Criteria") or {}
    if criteria.get("Filters") or query.get("LinkEntities") or criteria.get("FilterOperator", "And") != "And":
        raise not_modelled("BulkDelete with nested filters, joins or the operator Or")
    scope = Scope(table, Names(context.rights))
    values: list[Any] = []
    parts = [_condition(scope, condition, values) for condition in criteria.get("Conditions") or ()]
    where = " AND ".join(parts) or "1"
    sql = f'SELECT {scope.alias}."{table.id}" FROM {scope.source} WHERE {where}'  # noqa: S608  - schema names
    return table, [row[0] for row in records.store.select(sql, values)]


def _condition(scope: Scope, condition: dict[str, Any], values: list[Any]) -> str:
    column = scope.table.columns.get(str(condition.get("AttributeName")))
    if column is None:
        text = f"'{scope.table.name}' entity doesn't contain attribute with Name = '{condition.get('AttributeName')}'."
        raise bad_request(text, "0x80041103")
    given = [value.get("Value") for value in condition.get("Values") or () if isinstance(value, dict)]
    operator = str(condition.get("Operator"))
    if operator in {"In", "NotIn"}:
        return within(column, scope.alias, given, values, negated=operator == "NotIn")
    if operator in {"Null", "NotNull"}:
        return compare("eq" if operator == "Null" else "ne", column, scope.alias, None, values)
    if operator not in _COMPARISONS or len(given) != 1:
        raise not_modelled(f"BulkDelete with the operator {operator}")
    return compare(_COMPARISONS[operator], column, scope.alias, given[0], values)
