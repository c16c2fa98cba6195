"""The page that explains one contact point: a form and the answer; what is asked for never stands in an address."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import parse_qs
from uuid import UUID

from consent_sync.errors import ConsentSyncError
from consent_sync.operate.body import BadRequestBody, CannotProcess
from consent_sync.operate.explain.explain import explained, read_explain
from consent_sync.operate.explain.view import ExplainView
from consent_sync.operate.http import Answer, Call
from consent_sync.operate.service import Service

from .overview import carried_key
from .render import page


def asking(call: Call, now: datetime) -> Answer:
    """Give the form."""
    return _page(call, now)


def explaining(call: Call, service: Service, now: datetime) -> Answer:
    """Give the explanation that the form asks for, or the form again with what is wrong with it."""
    try:
        return _page(call, now, explained(service, read_explain(_asked(call.body))))
    except (BadRequestBody, CannotProcess) as error:
        return _page(call, now, problem=error)


def _page(
    call: Call, now: datetime, view: ExplainView | None = None, problem: ConsentSyncError | None = None
) -> Answer:
    return page("explain.html", now, key=carried_key(call), view=view, problem=problem)


def _asked(form: bytes) -> bytes:
    """Turn the form's fields into the body that the API takes. Raises CannotProcess."""
    fields = {name: values[0].strip() for name, values in parse_qs(form.decode(errors="replace")).items()}
    asked = fields.get("whose", "")
    if not asked:
        raise CannotProcess("type an e-mail address, or the id of a contact or lead")
    try:
        record = str(UUID(asked))
    except ValueError:
        return json.dumps({"contact_point": {"value": asked}}).encode()
    return json.dumps({"record": {"table": fields.get("table", "contact"), "id": record}}).encode()
