"""`$batch`: multipart in, multipart out; change sets are atomic (dataverse.md 2.5)."""

from __future__ import annotations

import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from .errors import DataverseError, bad_request
from .web import Request, Response, refusal, split_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .api import Api
    from .callers import Callers
    from .context import Context
    from .records import Records

LIMIT = 1000
_URL_LIMIT = 64 * 1024
_BOUNDARY = re.compile(r'boundary="?([^";\s]+)"?', re.IGNORECASE)
_OPERATION = re.compile(rb"^content-type:\s*application/http", re.IGNORECASE | re.MULTILINE)
_BLANK = re.compile(r"\r?\n[ \t]*\r?\n")
_REQUEST_LINE = re.compile(r"^\s*(GET|POST|PATCH|PUT|DELETE)\s+(\S.*?)(?:\s+HTTP/1\.\d)?\s*$", re.IGNORECASE)
_SERVICE_ROOT = re.compile(r"^/api/data/v9\.[012]/", re.IGNORECASE)
_URL_REFERENCE = re.compile(r"^/?\$(\d+)(?=$|[/?])")
_BODY_REFERENCE = re.compile(r'("[^"]*@odata\.(?:bind|id)"\s*:\s*")/?\$(\d+)(?=["/])')
_INHERITED = ("mscrm.", "mscrmcallerid", "callerobjectid")


class Part(NamedTuple):
    """A request inside a batch, before references to others are filled in."""

    content_id: str
    method: str
    url: str
    headers: dict[str, str]
    body: str


class Batch:
    """Runs batches."""

    def __init__(self, api: Api, callers: Callers, records: Records) -> None:
        self._api = api
        self._callers = callers
        self._records = records

    def run(self, request: Request, context: Context) -> Response:
        """Answer a batch. Raises 400 for one that cannot be read or holds more than 1,000 operations."""
        items = read(request)
        going_on = "odata.continue-on-error" in request.preferences
        pieces, failed = [], False
        for item in items:
            if isinstance(item, Part):
                response = self._single(request, context, item, {})
                pieces.append(_http_part(response, ""))
                failed = response.status >= HTTPStatus.BAD_REQUEST
            else:
                piece, failed = self._change_set(request, context, item)
                pieces.append(piece)
            if failed and not going_on:
                break
        name = f"batchresponse_{uuid.uuid4()}"
        status = HTTPStatus.BAD_REQUEST if failed and not going_on else HTTPStatus.OK
        kind = f"multipart/mixed; boundary={name}"
        return Response(status, _multipart(name, pieces), {"Content-Type": kind, "OData-Version": "4.0"})

    def _single(self, request: Request, context: Context, part: Part, made: dict[str, str]) -> Response:
        try:
            inner = _request_of(request, part, made)
            return self._api.handle(inner, self._callers.context(inner, context.actual, context))
        except DataverseError as error:
            return refusal(error, details="odata.include-annotations" in part.headers.get("prefer", ""))

    def _change_set(self, request: Request, context: Context, parts: list[Part]) -> tuple[str, bool]:
        """All or nothing; a failure answers with the failing part alone."""
        answers: list[str] = []
        failed = False
        try:
            with self._records.unit(context):
                answers = list(self._atomic(request, context, parts))
        except _FailedError as stop:
            answers, failed = [_http_part(stop.response, stop.content_id)], True
        name = f"changesetresponse_{uuid.uuid4()}"
        body = _multipart(name, answers).decode()
        return f"Content-Type: multipart/mixed; boundary={name}\r\n\r\n{body}", failed

    def _atomic(self, request: Request, context: Context, parts: list[Part]) -> Iterator[str]:
        """Answers of the parts of a change set, in order. Raises _FailedError at the first that fails."""
        made: dict[str, str] = {}
        for part in parts:
            response = self._single(request, context, part, made)
            if part.method == "GET":
                error = bad_request("GET is not allowed inside a change set.", "0x80048d19")
                response = refusal(error, details=False)
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise _FailedError(response, part.content_id)
            if entity := response.headers.get("OData-EntityId"):
                made[part.content_id] = entity
            yield _http_part(response, part.content_id)


class _FailedError(Exception):
    """Undoes a change set; carries the answer of the part that failed."""

    def __init__(self, response: Response, content_id: str) -> None:
        super().__init__(content_id)
        self.response = response
        self.content_id = content_id


def read(request: Request) -> list[Part | list[Part]]:
    """The operations of a batch body: single ones, and change sets as lists. Line ends may be CRLF or LF."""
    text = request.body.decode("utf-8", "replace")
    items: list[Part | list[Part]] = []
    for headers, content in _split(text, request.headers.get("content-type", "")):
        if "multipart/mixed" in headers.get("content-type", "").lower():
            inner = _split(content, headers["content-type"])
            items.append([_part(part_headers, part) for part_headers, part in inner])
        else:
            items.append(_part(headers, content))
    if not items:
        raise bad_request("The batch holds no operations, or its boundary is not the announced one.", "0x80048d19")
    if sum(len(item) if isinstance(item, list) else 1 for item in items) > LIMIT:
        raise bad_request(f"A batch may hold at most {LIMIT} operations.", "0x80048d19")
    return items


def operations(body: bytes) -> int:
    """The number of operations in a batch body, for the log: counted, not parsed."""
    return len(_OPERATION.findall(body))


def _split(text: str, content_type: str) -> list[tuple[dict[str, str], str]]:
    """The parts of a multipart text as headers and content."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise bad_request("A batch needs Content-Type: multipart/mixed; boundary=...", "0x80048d19")
    mark = re.compile(rf"(?:^|\r?\n)--{re.escape(found[1])}(--)?[ \t]*(?=\r?\n|$)")
    marks = list(mark.finditer(text))
    ends = [*(there.start() for there in marks[1:]), len(text)]
    return [
        _headed(text[here.end() : end].lstrip("\r\n")) for here, end in zip(marks, ends, strict=False) if not here[1]
    ]


def _headed(text: str) -> tuple[dict[str, str], str]:
    """Headers (names in lower case) and what follows the first blank line."""
    blank = _BLANK.search(text)
    head, rest = (text[: blank.start()], text[blank.end() :]) if blank else (text, "")
    pairs = (line.partition(":") for line in head.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, rest


def _part(headers: dict[str, str], content: str) -> Part:
    line, _, rest = content.lstrip("\r\n").partition("\n")
    match = _REQUEST_LINE.match(line)
    if not match:
        raise bad_request(f"'{line.strip()}' is not a request line.", "0x80048d19")
    inner, body = _headed(rest) if not rest.startswith(("\r\n", "\n")) else ({}, rest)
    return Part(headers.get("content-id", ""), match[1].upper(), match[2], inner, body.strip())


def _request_of(batch: Request, part: Part, made: dict[str, str]) -> Request:
    """The request a part stands for, `$1` replaced by what operation 1 created."""

    def created(content_id: str) -> str:
        if content_id not in made:
            raise bad_request(
                f"Content-ID Reference: '${content_id}' does not exist in the batch context.", "0x80060888"
            )
        return made[content_id]

    if len(part.url) > _URL_LIMIT:
        raise bad_request(f"A URL in a batch may hold at most {_URL_LIMIT} bytes.")
    url = _URL_REFERENCE.sub(lambda match: created(match[1]), part.url)
    body = _BODY_REFERENCE.sub(lambda match: match[1] + created(match[2]), part.body)
    if url.startswith(("http://", "https://")):
        try:
            parsed = urlsplit(url)
        except ValueError as error:
            raise bad_request(f"Invalid URI: {error}") from None
        url = parsed.path + (f"?{parsed.query}" if parsed.query else "")
    path, query = split_url(_SERVICE_ROOT.sub("", url).lstrip("/"))
    inherited = {name: value for name, value in batch.headers.items() if name.startswith(_INHERITED)}
    return Request(part.method, path, query, inherited | part.headers, body.encode(), batch.root)


def _http_part(response: Response, content_id: str) -> str:
    reason = HTTPStatus(response.status).phrase
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {content_id}"] if content_id else []
    lines += ["", f"HTTP/1.1 {response.status} {reason}"]
    headers = dict(response.headers)
    if "OData-EntityId" in headers:
        headers = {"Location": headers["OData-EntityId"], **headers}
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", response.body.decode()])


def _multipart(name: str, pieces: list[str]) -> bytes:
    return "".join([*(f"--{name}\r\n{piece}\r\n" for piece in pieces), f"--{name}--\r\n"]).encode()
