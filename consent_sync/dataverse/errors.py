"""What can go wrong between consent-sync and Dataverse, as data an administrator can act on.

Status codes and error codes: Microsoft's page "Compose HTTP requests and handle errors" and the SDK list of error
codes.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from consent_sync.errors import ConsentSyncError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MESSAGE_LENGTH = 500  # Dataverse names a missing privilege after some 270
# Ids, error codes and annotation names are kept: they help support and point at nobody.
_KEEP_OR_SCRUB = re.compile(
    r"(?P<keep>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|0x[0-9a-f]{8}|@(?:odata|microsoft)\.[\w.]+)"
    r"|(?P<mail>[^\s'\"<>(),;=]+(?:@|%40)(?!odata\.|microsoft\.)[^\s'\"<>(),;]+)"
    r"|(?P<phone>(?:(?:\+|%2b)|(?<![a-z0-9]))\d(?:[\s().\-/]*\d){6,})",
    re.IGNORECASE,
)
_STRING_LITERAL = re.compile(r"'[^']*'")
_PRIVILEGE = re.compile(r"\bprv[A-Za-z0-9_]+|\b(?:Read|Write|Create|Delete|Append|AppendTo|Assign|Share)Access\b")
_TABLE = re.compile(r"\b(?:for|of) entity[\s:=]*'?([a-z][a-z0-9_]+)", re.IGNORECASE)


def scrub(text: str) -> str:
    """Give the start of `text` without anything that looks like an e-mail address or a phone number."""

    def replace(match: re.Match[str]) -> str:
        return match["keep"] or ("<address>" if match["mail"] else "<number>")

    return _KEEP_OR_SCRUB.sub(replace, text)[:_MESSAGE_LENGTH]


def label(method: str, path: str) -> str:
    """Name an operation without its data: no query string, no values of alternate keys."""
    return f"{method} {_STRING_LITERAL.sub("'…'", scrub(path.partition('?')[0]))}"


class DataverseError(ConsentSyncError):
    """Dataverse did not do what was asked. Give Microsoft support the request id of the message.

    Attributes: `status` (HTTP, None without an answer), `code` (`0x` and eight digits, or ""), `message` (scrubbed),
    `request_id` (Dataverse's), `correlation_id` (ours), `operation` (method and path without data), `retry_after`
    (seconds or None).
    """

    def __init__(  # noqa: PLR0913  - keyword data, not steps of an algorithm
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        request_id: str | None = None,
        correlation_id: str | None = None,
        operation: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.message = scrub(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.operation = operation
        self.retry_after = retry_after
        super().__init__(self.message)

    def __str__(self) -> str:
        answer = " ".join(str(part) for part in (self.status, self.code) if part)
        ids = f" [request {self.request_id}]" if self.request_id else ""
        return ": ".join(part for part in (self.operation, answer, self.message) if part) + ids


class Unauthorized(DataverseError):
    """Dataverse refused the token (401).

    Check that the identity is an enabled application user of this environment, and that the tenant of
    `DATAVERSE_TENANT_ID` and the environment of `DATAVERSE_URL` belong together.
    """


class PrivilegeMissing(DataverseError):
    """The application user lacks a privilege (403). Add `privilege` on `table` to its security role."""

    @property
    def privilege(self) -> str | None:
        """The missing privilege (`prvReadContact`) or access right (`ReadAccess`), if Dataverse said it."""
        found = _PRIVILEGE.search(self.message)
        return found[0] if found else None

    @property
    def table(self) -> str | None:
        """The logical name of the table the privilege is about, if Dataverse said it."""
        found = _TABLE.search(self.message)
        return found[1].lower() if found else None


class NotFound(DataverseError):
    """The row, table or function does not exist (404). A missing table means that a solution is not installed."""


class BadRequest(DataverseError):
    """Dataverse does not accept the request (other 4xx, and 501). Check that the columns of the mapping exist here."""


class ConcurrencyConflict(DataverseError):
    """Somebody changed or created the row first (412). Nothing was written: read it again and decide again."""


class Throttled(DataverseError):
    """The service protection limits of the application user are used up (429).

    Nothing to do if it passes: work continues after `retry_after` seconds. If it lasts, look for other integrations
    that use the same application user.
    """


class ServiceUnavailable(DataverseError):
    """Dataverse failed (5xx). Nothing to do if it passes; if it lasts, look at the environment's service health."""


class ConnectionFailed(DataverseError):
    """No answer from Dataverse: name resolution, connection or time-out.

    `sent` is False if it is certain that the request was never delivered. Check `DATAVERSE_URL`, the network and the
    firewall.
    """

    def __init__(self, message: str, *, sent: bool = True, **data: Any) -> None:
        super().__init__(message, **data)
        self.sent = sent


class ProtocolError(DataverseError):
    """The answer makes no sense: something other than Dataverse may answer. Check `DATAVERSE_URL` and proxies."""


class NotRun(DataverseError):
    """An operation of a batch was not run because an earlier one failed. Nothing to do: look at the earlier error."""


class ChangeTrackingOff(BadRequest):
    """Change tracking is off for the table. Turn "Track changes" on in the table's settings."""


class ChangesExpired(BadRequest):
    """The change token is older than Dataverse keeps (7 days by default). A full pass replaces it; nothing to do."""


class SignInSettings(ConsentSyncError):
    """The settings for signing in to Dataverse are incomplete or unsafe. Set what the message names."""


class SignInFailed(ConsentSyncError):
    """No token for Dataverse. The message holds the reason given by Microsoft Entra or by the identity endpoint."""


_BY_STATUS: dict[int, type[DataverseError]] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: PrivilegeMissing,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.PRECONDITION_FAILED: ConcurrencyConflict,
    HTTPStatus.FAILED_DEPENDENCY: NotRun,
    HTTPStatus.TOO_MANY_REQUESTS: Throttled,
    HTTPStatus.NOT_IMPLEMENTED: BadRequest,
}
_BY_CODE: dict[str, type[DataverseError]] = {"0x80044352": ChangesExpired, "0x80072491": ChangeTrackingOff}


def error_code(value: object) -> str:
    """Give an error code as `0x` and eight lower-case digits, also where Dataverse answers a negative number."""
    text = str(value or "").strip().lower()
    if re.fullmatch(r"-?\d+", text):
        return f"0x{int(text) & 0xFFFFFFFF:08x}"
    return text if re.fullmatch(r"0x[0-9a-f]{1,8}", text) else ""


def error_class(status: int, code: str) -> type[DataverseError]:
    """Choose the error for an HTTP status and a code, which says more where both are known."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceUnavailable
    return BadRequest if status >= HTTPStatus.BAD_REQUEST else ProtocolError


def from_answer(  # noqa: PLR0913  - keyword data, not steps of an algorithm
    status: int,
    headers: Mapping[str, str],
    body: object,
    *,
    operation: str,
    correlation_id: str | None = None,
    retry_after: float | None = None,
) -> DataverseError:
    """Turn an answer with an error status into the error. `headers` must be case-insensitive or in lower case."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        error = {}
    code = error_code(error.get("code"))
    return error_class(status, code)(
        str(error.get("message") or "no explanation given").partition("\n")[0],
        status=status,
        code=code,
        request_id=headers.get("x-ms-service-request-id") or headers.get("req_id"),
        correlation_id=correlation_id,
        operation=operation,
        retry_after=retry_after,
    )
