"""The drift port on Dataverse: ask by queries, fall back to comparing where the server does not answer one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from consent_sync.dataverse.batch import Operation, Response
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import (
    BadRequest,
    ConnectionFailed,
    DataverseError,
    ProtocolError,
    ServiceUnavailable,
)
from consent_sync.dataverse.query import Query, rows_of
from consent_sync.ports.drift import DriftPage, Finding
from consent_sync.tenant.observe import Lens

from .model import DriftRule
from .odd import compare_odd
from .query import id_of, query_of, read
from .rules import drift_rules
from .shards import PAGES, PlaceLost, compare_range

_PAGE = 5000
_LEAST = 250
_TOGETHER = 16
"""Queries in one batch: each of them is real work, and a batch that takes too long answers none of them."""

_NO_ANSWER = (ServiceUnavailable, ConnectionFailed, ProtocolError)
_REFUSED = (BadRequest, *_NO_ANSWER)


@dataclass(frozen=True, slots=True)
class DriftFinder:
    """Finds drift through `client`; `look` gives the lens. `pages` is how many make a range that is compared."""

    client: DataverseClient
    look: Callable[[], Lens]
    pages: int = PAGES

    def scan(self, born: datetime, frozen: Collection[str], skip: Collection[str], after: str | None) -> DriftPage:
        """Ask the server for what contradicts, by every rule but those to `skip`."""
        rules = {rule.id: rule for rule in self._rules(born, frozen) if rule.id not in skip}
        begin: dict[str, str] = json.loads(after) if after else dict.fromkeys(rules, "")
        asked = [rule for rule in rules.values() if rule.id in begin]
        size = max(_LEAST, _PAGE // max(1, len(asked)))
        queries = [query_of(rule, begin[rule.id], size) for rule in asked]
        findings: list[Finding] = []
        further: dict[str, str] = {}
        refused: dict[str, str] = {}
        for rule, query, answer in zip(asked, queries, self._answers(queries), strict=True):
            if isinstance(answer.error, _REFUSED):
                refused[rule.id] = type(answer.error).__name__
            elif answer.error is not None:
                raise answer.error
            else:
                rows = rows_of(answer.body, query.first())
                if len(rows) == size:
                    rows, further[rule.id] = _whole(rule, rows)
                findings += read(rule, rows)
        return DriftPage(tuple(dict.fromkeys(findings)), json.dumps(further) if further else None, refused)

    def compare(self, born: datetime, frozen: Collection[str], only: Collection[str], after: str | None) -> DriftPage:
        """Find the same by the rules in `only`, by reading the next range of addresses on both sides."""
        rules = [rule for rule in self._rules(born, frozen) if rule.id in only]
        try:
            return compare_range(self.client, self.look(), rules, after, self.pages)
        except PlaceLost:
            return compare_range(self.client, self.look(), rules, None, self.pages)

    def compare_odd(self, born: datetime, frozen: Collection[str], odd: Collection[str]) -> DriftPage:
        """Find what contradicts at addresses that the server may compare in another way, carried by the rows `odd`."""
        return compare_odd(self.client, self.look(), self._rules(born, frozen), odd)

    def _rules(self, born: datetime, frozen: Collection[str]) -> list[DriftRule]:
        return [rule for rule in drift_rules(self.look(), born) if rule.names.isdisjoint(frozen)]

    def _answers(self, queries: Sequence[Query]) -> list[Response]:
        """Ask in batches; what a batch that failed as a whole had in it is asked one by one.

        Raises what keeps the server from answering anything.
        """
        found: list[Response] = []
        for few in batched([query.first() for query in queries], _TOGETHER, strict=False):
            try:
                found += self.client.batch(few)
            except _NO_ANSWER:
                found += [self._alone(operation) for operation in few]
        if found and all(isinstance(answer.error, _NO_ANSWER) for answer in found):
            self.client.whoami()
        return found

    def _alone(self, operation: Operation) -> Response:
        try:
            return self.client.execute(operation)
        except DataverseError as error:
            return Response(error.status or 0, {}, None, error, None, None)


def _whole(rule: DriftRule, rows: list[dict[str, object]]) -> tuple[list[dict[str, object]], str]:
    """Cut a full page where its last row's contradictions begin, since some of them may be on the next one."""
    last = id_of(rule, rows[-1])
    kept = [row for row in rows if id_of(rule, row) != last]
    return (kept, id_of(rule, kept[-1])) if kept else (rows, last)
