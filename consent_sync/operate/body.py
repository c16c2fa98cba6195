"""Reading request bodies: what is wrong is said, what was sent is not repeated."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consent_sync.consent.model import Channel, ContactPoint, RecordRef
from consent_sync.errors import ConsentSyncError


class Strict(BaseModel):
    """A body that is refused if it has a field that nobody knows: a typing mistake must not be read as a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def absent() -> Any:
    """Give the default of a field that may be left out; whoever names it has to give it a value."""
    return Field(None, json_schema_extra=_never_null)


def _never_null(schema: dict[str, Any]) -> None:
    only, _ = schema.pop("anyOf")
    schema.pop("default")
    schema.update(only)


def exactly_one(body: BaseModel) -> None:
    """Refuse a body that names none or several of its fields, or one without a value: it would mean something else."""
    if len(body.model_fields_set) != 1 or getattr(body, *body.model_fields_set) is None:
        raise ValueError(f"name exactly one of: {', '.join(type(body).model_fields)}")


ONE_OF_THEM: dict[str, Any] = {"minProperties": 1, "maxProperties": 1}
"""What :func:`exactly_one` says, in the words of JSON Schema."""


class PointChoice(Strict):
    """One contact point. It stands in bodies only, never in an address: addresses end in logs."""

    channel: Literal["email", "text", "voice"] = "email"
    value: Annotated[str, Field(min_length=1, max_length=320)]

    def point(self) -> ContactPoint:
        """Give the contact point. Raises CannotProcess."""
        if self.channel == "email":
            point = ContactPoint.of(Channel.EMAIL, self.value)
            if point is None or not point.reachable:
                raise CannotProcess("contact_point.value: not an e-mail address")
            return point
        digits = "".join(self.value.split())
        if not _PHONE.fullmatch(digits):
            raise CannotProcess("contact_point.value: not a phone number that begins with + and its country code")
        return ContactPoint(Channel(self.channel), digits)


_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164


class RecordChoice(Strict):
    """One contact or lead."""

    table: Literal["contact", "lead"]
    id: UUID

    def record(self) -> RecordRef:
        """Give the record."""
        return RecordRef(self.table, str(self.id))


class CannotProcess(ConsentSyncError):
    """The request is well formed, and yet cannot be done here. The message says what is needed, or what there is."""


class BadRequestBody(ConsentSyncError):
    """The request's body is not what the API takes. Mend what the message names and send it again."""


def read_body[Model: BaseModel](model: type[Model], body: bytes) -> Model:
    """Read `body` as JSON of `model`. Raises BadRequestBody."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        says = dict.fromkeys(_complaint(dict(part)) for part in error.errors(include_url=False, include_input=False))
        raise BadRequestBody("; ".join(says)) from None


def _complaint(error: dict[str, Any]) -> str:
    """Say where and what is wrong; a field that we do not know is not named, for it may be anything."""
    unknown = error["type"] == "extra_forbidden"
    where = ".".join(map(str, error["loc"][:-1] if unknown else error["loc"])) or "body"
    return f"{where}: {'has a field that is not known' if unknown else error['msg']}"
