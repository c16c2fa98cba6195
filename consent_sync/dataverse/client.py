"""A client for the Dataverse Web API: rows, batches and pages, with conflicts as data.

Source: Microsoft's Web API pages; names follow the Azure SDK guidelines for Python (`list_*` gives a lazy pager, `etag`
is keyword-only). Any failed read raises: a partial answer never looks like an empty one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

import requests

from consent_sync.dataverse.batch import (
    API_PATH,
    Operation,
    Response,
    decode,
    encode,
    groups,
    not_run,
    read_answer,
    split,
)
from consent_sync.dataverse.errors import BadRequest, DataverseError, ProtocolError, Throttled
from consent_sync.dataverse.odata import with_query
from consent_sync.dataverse.query import Query, rows_of
from consent_sync.dataverse.retry import RetryBudget
from consent_sync.dataverse.transport import Counter, Request, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from consent_sync.dataverse.auth import TokenProvider

MAX_URL = 32 * 1024
MAX_URL_IN_BATCH = 64 * 1024
SECONDS_PER_OPERATION = 0.15  # what the read time-out grows by in a batch, which answers when all is done


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """Who the token is: lower-case GUIDs."""

    user_id: str
    business_unit_id: str
    organization_id: str


class DataverseClient:
    """Talks to one environment as one application user. Thread-safe.

    `url` is the environment's address, `tokens` gives bearer tokens, `tag` marks our data writes so that their events
    can be told apart, `timeout` is (connect, read) in seconds, `budget` bounds the retries of one invocation: of what
    is sent within one `counting()`, else of one call.
    """

    def __init__(  # noqa: PLR0913  - settings and the seams for tests, in keywords
        self,
        url: str,
        tokens: TokenProvider,
        *,
        tag: str = "consent-sync",
        timeout: tuple[float, float] = (5, 60),
        budget: RetryBudget | None = None,
        session_factory: Callable[[], requests.Session] = requests.Session,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tag = tag
        self._transport = Transport(
            url,
            tokens,
            timeout=timeout,
            budget=budget or RetryBudget(),
            session_factory=session_factory,
            sleep=sleep,
            clock=clock,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    @property
    def url(self) -> str:
        """The environment's address, without a path."""
        return self._transport.url

    @property
    def total(self) -> Counter:
        """What was counted since the client was made."""
        return self._transport.total

    @property
    def requests_sent(self) -> int:
        """HTTP round trips of this client so far, repetitions included."""
        return self._transport.total.requests

    @property
    def server_time(self) -> datetime | None:
        """The `Date` of the last answer (UTC, whole seconds), None before the first."""
        return self._transport.server_time

    @property
    def dop_hint(self) -> int | None:
        """How many parallel requests the server last recommended (`x-ms-dop-hint`), None if it did not say."""
        return self._transport.dop_hint

    def counting(self, correlation_id: str = "") -> AbstractContextManager[Counter]:
        """Count the requests of this thread: `with client.counting() as counter: ...; counter.requests`.

        All of them carry the correlation id: the one given, else that of the block around, else a new one.
        """
        return self._transport.counting(correlation_id)

    # One request

    def execute(self, operation: Operation, *, accept: Collection[int] = (), tag: bool = True) -> Response:
        """Run one operation and give its answer; raises its error unless the status is in `accept` (304 never raises).

        An address over 32 KB goes as a batch of one.
        """
        operation = self._tagged(operation, tag=tag)
        if len(self.url + API_PATH + operation.path) > MAX_URL:
            (response,) = self.batch([operation], tag=False)
        else:
            response = self._send(operation)
        if response.error is not None and response.status not in accept:
            raise response.error
        return response

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Read `path`, with query options `params` (not yet encoded), and give the body."""
        return self.execute(Operation("GET", with_query(path, params or {}))).body

    def create(self, entity_set: str, row: Mapping[str, Any], *, tag: bool = True) -> str:
        """Create a row and give its id. Sent again only if the first attempt was certainly not run."""
        created = self.execute(Operation("POST", entity_set, row), tag=tag)
        if created.entity_id is None:
            raise ProtocolError("the answer to a create names no row", operation=f"POST {entity_set}")
        return created.entity_id

    def update(self, path: str, row: Mapping[str, Any], *, etag: str = "*", tag: bool = True) -> None:
        """Change an existing row; with an `etag` only that version, else ConcurrencyConflict. Never creates."""
        self.execute(Operation("PATCH", path, row, if_match=etag), tag=tag)

    def upsert(self, path: str, row: Mapping[str, Any], *, create_only: bool = False, tag: bool = True) -> None:
        """Create or change the row at `path`; with `create_only` an existing row raises ConcurrencyConflict."""
        headers = {"If-None-Match": "*"} if create_only else {}
        self.execute(Operation("PATCH", path, row, headers), tag=tag)

    def delete(self, path: str, *, etag: str | None = None, tag: bool = True) -> None:
        """Delete a row, with an `etag` only that version. NotFound may mean that an earlier attempt did it."""
        self.execute(Operation("DELETE", path, if_match=etag), tag=tag)

    def whoami(self) -> WhoAmI:
        """Ask who we are; also the cheapest check of address, token and application user."""
        body = self.get("WhoAmI")
        try:
            names = ("UserId", "BusinessUnitId", "OrganizationId")
            return WhoAmI(*(str(body[name]).lower() for name in names))
        except (TypeError, KeyError):
            raise ProtocolError("the answer to WhoAmI lacks ids", operation="GET WhoAmI") from None

    # Many requests in one

    def batch(
        self, operations: Sequence[Operation], *, continue_on_error: bool = True, tag: bool = True
    ) -> list[Response]:
        """Run operations in batches of at most 1,000 and give their answers in order, failures as `Response.error`.

        Raises only if a batch as a whole failed. With `continue_on_error`, operations that were throttled or hit a
        passing failure are sent again alone; without, what follows a failure is not run.
        """
        tagged = [self._tagged(operation, tag=tag) for operation in operations]
        for operation in tagged:
            if len(self.url + API_PATH + operation.path) > MAX_URL_IN_BATCH:
                raise BadRequest("an address over 64 KB, even for a batch", operation=operation.label)
        answers: dict[int, Response] = {}
        for indexes in split(tagged):
            chunk = [tagged[index] for index in indexes]
            if not continue_on_error and any(answer.error for answer in answers.values()):
                responses = [not_run(operation) for operation in chunk]
            else:
                responses = self._one_batch(chunk, continue_on_error=continue_on_error)
            answers |= zip(indexes, responses, strict=True)
        return [answers[index] for index in range(len(tagged))]

    def _one_batch(self, operations: list[Operation], *, continue_on_error: bool) -> list[Response]:
        with self._transport.allowing():
            responses = self._send_batch(operations, continue_on_error=continue_on_error)
            attempt = 1
            while continue_on_error and (waits := self._waits(operations, responses, attempt)):
                if not self._transport.pause(*max(waits.values(), key=itemgetter(0))):
                    break
                again = self._send_batch([operations[index] for index in waits], continue_on_error=True)
                for index, response in zip(waits, again, strict=True):
                    responses[index] = response
                attempt += 1
            return responses

    def _waits(
        self, operations: list[Operation], responses: list[Response], attempt: int
    ) -> dict[int, tuple[float, DataverseError]]:
        """Give the operations worth another attempt, with wait and failure of each; a change set only as a whole."""
        waits: dict[int, tuple[float, DataverseError]] = {}
        for group in groups(operations):
            failure = responses[group[0]].error
            if failure is None:
                continue
            idempotent = all(operations[index].idempotent for index in group)
            wait = self._transport.wait(failure, idempotent=idempotent, attempt=attempt)
            if wait is not None:
                waits |= dict.fromkeys(group, (wait, failure))
        return waits

    def _send(self, operation: Operation) -> Response:
        request = Request(
            operation.method,
            API_PATH + operation.path,
            operation.all_headers(),
            operation.content(),
            operation.idempotent,
            operation.label,
            self._transport.correlation_id,
        )
        raw = self._transport.exchange(request)
        return read_answer(
            raw.status, raw.headers, raw.content, operation=operation, correlation_id=request.correlation_id
        )

    def _send_batch(self, operations: list[Operation], *, continue_on_error: bool) -> list[Response]:
        content_type, content = encode(operations)
        headers = {"Content-Type": content_type}
        if continue_on_error:
            headers["Prefer"] = "odata.continue-on-error"
        whole = Operation("POST", "$batch")
        ids = self._transport.correlation_id
        idempotent = all(operation.idempotent for operation in operations)
        raw = self._transport.exchange(
            Request(
                whole.method,
                API_PATH + whole.path,
                headers,
                content,
                idempotent,
                whole.label,
                ids,
                extra_seconds=SECONDS_PER_OPERATION * len(operations),
            )
        )
        if not raw.multipart:
            answer = read_answer(raw.status, raw.headers, raw.content, operation=whole, correlation_id=ids)
            raise answer.error or ProtocolError("the answer to a batch is not multipart", operation=whole.label)
        responses = decode(raw.headers["content-type"], raw.content, operations, correlation_id=ids)
        errors = [response.error for response in responses if response.error is not None]
        for error in errors:
            error.request_id = error.request_id or raw.headers.get("x-ms-service-request-id")
        self._transport.count(throttled=sum(isinstance(error, Throttled) for error in errors))
        return responses

    # Pages

    def list_rows(  # noqa: PLR0913  - the options of a query, in keywords
        self,
        path: str,
        *,
        select: Sequence[str] = (),
        filter: str | None = None,  # noqa: A002  - the name of the OData option
        order_by: Sequence[str] = (),
        expand: str | None = None,
        top: int | None = None,
        fetch_xml: str | None = None,
        page_size: int | None = None,
        annotations: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Give the rows of a query made of these options: see Query for them, and `rows`."""
        query = Query(
            path=path,
            select=tuple(select),
            filter=filter,
            order_by=tuple(order_by),
            expand=expand,
            top=top,
            fetch_xml=fetch_xml,
            page_size=page_size,
            annotations=annotations,
        )
        return self.rows(query)

    def rows(self, query: Query) -> Iterator[dict[str, Any]]:
        """Give the rows of a query, page after page as they are consumed. A failing page raises."""
        operation: Operation | None = query.first()
        number = 0
        while operation is not None:
            number += 1
            body = self.execute(operation).body
            yield from rows_of(body, operation)
            operation = query.following(operation, body, number, self.url)

    def list_many(self, queries: Sequence[Query]) -> list[list[dict[str, Any]]]:
        """Read all rows of several queries, in their order: the first pages of all in one batch, then the next of all.

        Nothing of a query stands in a URL of the outer request. Any failing page raises its error.
        """
        rows: list[list[dict[str, Any]]] = [[] for _ in queries]
        pending = {index: query.first() for index, query in enumerate(queries)}
        number = 0
        while pending:
            number += 1
            responses = self.batch(list(pending.values()))
            asked, pending = pending, {}
            for (index, operation), response in zip(asked.items(), responses, strict=True):
                if response.error is not None:
                    raise response.error
                rows[index] += rows_of(response.body, operation)
                if following := queries[index].following(operation, response.body, number, self.url):
                    pending[index] = following
        return rows

    def _tagged(self, operation: Operation, *, tag: bool) -> Operation:
        if operation.method == "GET" or not (tag and self._tag):
            return operation
        return replace(operation, path=with_query(operation.path, {"tag": self._tag}))
