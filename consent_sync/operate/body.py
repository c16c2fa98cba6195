"""Reading request bodies: what is wrong is said, what was sent is not repeated."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from consent_sync.errors import ConsentSyncError


class BadRequestBody(ConsentSyncError):
    """The request's body is not what the API takes. Mend what the message names and send it again."""


def read_body[Model: BaseModel](model: type[Model], body: bytes) -> Model:
    """Read `body` as JSON of `model`. Raises BadRequestBody."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        says = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise BadRequestBody(says) from None
