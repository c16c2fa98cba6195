"""Operations, their answers, and `$batch`: multipart text out, answers in the order of the operations back in.

Source: Microsoft's page "Execute batch operations using the Web API". A change set is atomic and holds no GET; a batch
stops at its first failure unless the client sends `Prefer: odata.continue-on-error`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any

from consent_sync.dataverse.errors import DataverseError, NotRun, ProtocolError, from_answer, label
from consent_sync.dataverse.retry import is_idempotent, retry_after_seconds

API_PATH = "/api/data/v9.2/"
MAX_OPERATIONS = 1000
_BOUNDARY = "batch_consent-sync"  # safe as a constant: JSON without line breaks can not hold a delimiter line
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_ROW_ID = re.compile(r"\(([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\)$")


@dataclass(frozen=True, slots=True)
class Operation:
    """One request: `path` is relative to /api/data/v9.2/ and may end in an encoded query string.

    Operations with an equal `change_set` travel in one change set of a batch, all or nothing; there `$1` in a path or
    in an `@odata.bind` value means the row that the first operation of the change set created.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    if_match: str | None = None
    change_set: str | None = None

    def __post_init__(self) -> None:
        texts = [self.method, self.path, self.if_match or "", *self.headers, *self.headers.values()]
        if any("\r" in text or "\n" in text for text in texts):
            raise ValueError("a line break in a path or header")
        if self.change_set is not None and self.method == "GET":
            raise ValueError("a change set can not hold a GET")

    @property
    def label(self) -> str:
        """Method and path without data, for errors."""
        return label(self.method, self.path)

    @property
    def idempotent(self) -> bool:
        """Whether sending it twice is the same as once."""
        conditional = self.if_match is not None or "If-None-Match" in self.headers
        return is_idempotent(self.method, conditional=conditional)

    def all_headers(self) -> dict[str, str]:
        """Give the headers of its own: condition, preferences and the type of the body."""
        headers = dict(self.headers)
        if self.if_match is not None:
            headers["If-Match"] = self.if_match
        if self.body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return headers

    def content(self) -> bytes:
        """Give the body as JSON in ASCII, or nothing."""
        return b"" if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()


@dataclass(slots=True)
class Response:
    """The answer to one operation. `headers` has lower-case names; `error` is set for every status that is no success.

    `entity_id` is the GUID of the created or changed row (header OData-EntityId), `etag` its version where the answer
    says it.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    error: DataverseError | None
    entity_id: str | None
    etag: str | None


def read_answer(
    status: int, headers: Mapping[str, str], content: bytes, *, operation: Operation, correlation_id: str | None = None
) -> Response:
    """Understand one HTTP answer.

    Raises ProtocolError if a success carries something else than JSON or text, so that nonsense never looks like no
    rows.
    """
    body = _read_body(status, headers, content, operation, correlation_id)
    error = None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and status != HTTPStatus.NOT_MODIFIED:
        wait = retry_after_seconds(headers.get("retry-after"))
        error = from_answer(
            status, headers, body, operation=operation.label, correlation_id=correlation_id, retry_after=wait
        )
    found = _ROW_ID.search(headers.get("odata-entityid", ""))
    etag = headers.get("etag") or (body.get("@odata.etag") if isinstance(body, dict) else None)
    return Response(status, headers, body, error, found[1].lower() if found else None, etag)


def _read_body(
    status: int, headers: Mapping[str, str], content: bytes, operation: Operation, correlation_id: str | None
) -> Any:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content.strip():
        return None
    try:
        text = content.decode("utf-8-sig")
        if kind == "application/json":
            return json.loads(text)
        if kind == "text/plain":
            return text
    except (ValueError, RecursionError):
        kind = f"broken {kind}"
    if status < HTTPStatus.BAD_REQUEST:  # failures may come from a gateway that speaks HTML
        raise ProtocolError(
            f"the body is {kind or 'of no type'}",
            status=status,
            operation=operation.label,
            correlation_id=correlation_id,
            request_id=headers.get("x-ms-service-request-id"),
        )
    return None


def groups(operations: Sequence[Operation]) -> list[list[int]]:
    """Give the indexes of the operations that belong together, in the order of each group's first operation."""
    found: dict[object, list[int]] = {}
    for index, operation in enumerate(operations):
        found.setdefault(index if operation.change_set is None else operation.change_set, []).append(index)
    return list(found.values())


def split(operations: Sequence[Operation], most: int = MAX_OPERATIONS) -> list[list[int]]:
    """Cut into batches of at most `most` operations (indexes), never through a change set, which may be larger."""
    batches: list[list[int]] = [[]]
    for group in groups(operations):
        if len(group) > MAX_OPERATIONS:
            raise ValueError(f"a change set holds at most {MAX_OPERATIONS} operations")
        if len(batches[-1]) + len(group) > most:
            batches.append([])
        batches[-1].extend(group)
    return [batch for batch in batches if batch]


def encode(operations: Sequence[Operation]) -> tuple[str, bytes]:
    """Write the operations as one multipart body; give its content type and the bytes."""
    out = bytearray()
    for number, group in enumerate(groups(operations), start=1):
        out += f"--{_BOUNDARY}\r\n".encode()
        if operations[group[0]].change_set is None:
            out += _part(operations[group[0]])
            continue
        inner = f"changeset_{number}"
        out += f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode()
        for content_id, index in enumerate(group, start=1):
            out += f"--{inner}\r\nContent-ID: {content_id}\r\n".encode()
            out += _part(operations[index])
        out += f"--{inner}--\r\n".encode()
    out += f"--{_BOUNDARY}--\r\n".encode()
    return f"multipart/mixed; boundary={_BOUNDARY}", bytes(out)


def _part(operation: Operation) -> bytes:
    target = operation.path if operation.path.startswith("$") else API_PATH + operation.path
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", ""]
    lines += [f"{operation.method} {target} HTTP/1.1", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in operation.all_headers().items()]
    return "\r\n".join([*lines, "", ""]).encode() + operation.content() + b"\r\n"


def decode(
    content_type: str, content: bytes, operations: Sequence[Operation], *, correlation_id: str | None = None
) -> list[Response]:
    """Read the answer to `encode(operations)`, one Response for each operation, in their order.

    A failed change set answers once, with or without a multipart of its own: each of its operations gets that error.
    Operations that were not run get NotRun (424). Raises ProtocolError if the parts do not fit the operations.
    """
    responses: dict[int, Response] = {}
    parts = _parts(content_type, content)
    for group in groups(operations):
        if not parts:
            responses |= {index: not_run(operations[index], correlation_id) for index in group}
            continue
        part_type, part = parts.pop(0)
        answers = [part]
        if part_type.startswith("multipart/"):
            answers = [answer for _, answer in _parts(part_type, part)]
        once = len(answers) == 1 < len(group)
        if len(answers) != len(group) and not once:
            raise ProtocolError("the answer to a change set has another number of parts", operation="POST $batch")
        for index, answer in zip(group, answers * len(group) if once else answers, strict=True):
            responses[index] = _read_part(answer, operations[index], correlation_id)
        if once and responses[group[0]].error is None:
            raise ProtocolError("a change set that succeeded answered only once", operation="POST $batch")
    stopped = any(response.status == HTTPStatus.FAILED_DEPENDENCY for response in responses.values())
    if parts or (stopped and not any(r.error for r in responses.values() if r.status != HTTPStatus.FAILED_DEPENDENCY)):
        raise ProtocolError("the answer has another number of parts than the batch", operation="POST $batch")
    return [responses[index] for index in range(len(operations))]


def not_run(operation: Operation, correlation_id: str | None = None) -> Response:
    """Give the answer of an operation that was never sent or never run because an earlier one failed."""
    error = NotRun(
        "not run, an earlier operation failed",
        status=HTTPStatus.FAILED_DEPENDENCY,
        operation=operation.label,
        correlation_id=correlation_id,
    )
    return Response(HTTPStatus.FAILED_DEPENDENCY, {}, None, error, None, None)


def _parts(content_type: str, content: bytes) -> list[tuple[str, bytes]]:
    """Cut a multipart body into (content type, body) of its parts. A missing end mark means that something got lost."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_maintype() != "multipart" or not boundary:
        raise ProtocolError("the answer to a batch is not multipart", operation="POST $batch")
    mark = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    pieces = mark.split(content)  # preamble, end mark?, part, end mark?, part, ..., "--", epilogue
    if len(pieces) < 3 or pieces[-2] is None:  # noqa: PLR2004  - at least the end mark
        raise ProtocolError("the answer to a batch is cut off", operation="POST $batch")
    parts = []
    for piece in pieces[2:-1:2]:
        headers, body = _headers_and_body(re.sub(rb"\A\r?\n", b"", piece))
        parts.append((headers.get("content-type", ""), body))
    return parts


def _headers_and_body(piece: bytes) -> tuple[dict[str, str], bytes]:
    if re.match(rb"\r?\n", piece):
        return {}, piece
    head, *rest = _BLANK_LINE.split(piece, maxsplit=1)
    pairs = (line.partition(":") for line in head.decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, rest[0] if rest else b""


def _read_part(part: bytes, operation: Operation, correlation_id: str | None) -> Response:
    line, _, rest = part.lstrip().partition(b"\n")
    found = re.match(rb"HTTP/\d(?:\.\d)? (\d{3})\b", line)
    if not found:
        raise ProtocolError("a part of a batch answer has no status line", operation=operation.label)
    headers, body = _headers_and_body(rest)
    return read_answer(int(found[1]), headers, body, operation=operation, correlation_id=correlation_id)
