"""Errors as Dataverse reports them: HTTP status, code and message (dataverse.md 2.2)."""

from __future__ import annotations


class DataverseError(Exception):
    """A refusal the client sees as `{"error": {"code", "message"}}`.

    Carries the HTTP `status`, the hexadecimal `code` and extra response `headers` such as Retry-After.
    """

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad_request(message: str, code: str = "0x80060888") -> DataverseError:
    """400: the request itself is wrong (a URL segment, a query option, a property)."""
    return DataverseError(400, code, message)


def invalid(message: str, code: str = "0x80040203") -> DataverseError:
    """400: a value is not acceptable (InvalidArgument unless another code is given)."""
    return DataverseError(400, code, message)


def no_row(table: str, key: str) -> DataverseError:
    """404: ObjectDoesNotExist."""
    return DataverseError(404, "0x80040217", f"{table} With Id = {key} Does Not Exist")


def no_segment(segment: str) -> DataverseError:
    """404: no such entity set, column, navigation property or action."""
    return DataverseError(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")


def no_property(table: str, name: str) -> DataverseError:
    """400: a query names a column that the table does not have."""
    return bad_request(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def no_message(table: str, message: str, status: int = 400) -> DataverseError:
    """400 (405 for a method): the table does not support this message."""
    text = f"The '{message}' method does not support entities of type '{table}'."
    return DataverseError(status, "0x80040800", text)


def stale() -> DataverseError:
    """412: ConcurrencyVersionMismatch."""
    return DataverseError(
        412, "0x80060882", "The version of the existing record doesn't match the RowVersion property provided."
    )


def forbidden(message: str) -> DataverseError:
    """403: the caller may not do this."""
    return DataverseError(403, "0x80040220", message)


def not_modelled(what: str) -> DataverseError:
    """501: Dataverse may do this, the emulator does not; it says so instead of guessing."""
    return DataverseError(501, "0x80040800", f"The emulator does not model {what}.")
