"""What Dataverse refuses when a row is written: missing columns, states that do not fit, impossible registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import schema
from .errors import DataverseError, invalid, not_modelled
from .seed import message_id

if TYPE_CHECKING:
    from .schema import Table
    from .store import Row, Store

# Messages whose steps may have images, and the message property they name (dataverse.md 1.4).
_IMAGE_PROPERTY = {
    "Assign": {"Target"},
    "Create": {"Id"},
    "Delete": {"Target"},
    "Merge": {"Target", "SubordinateId"},
    "SetState": {"EntityMoniker"},
    "Update": {"Target"},
}
_POST_OPERATION = 40
_PRE_IMAGE, _POST_IMAGE, _BOTH = 0, 1, 2
_MESSAGE_NAMES = {message_id(name): name for table in schema.BY_NAME.values() for name in table.messages | table.events}


def settle_state(table: Table, row: Row, changes: Row) -> None:
    """Complete statecode and statuscode in `changes` from each other. Raises 400 when they do not fit."""
    column = table.columns.get("statuscode")
    if column is None or not {"statecode", "statuscode"} & changes.keys():
        return
    state = changes.get("statecode", row.get("statecode"))
    status = changes.get("statuscode")
    if status is None:
        status = next(value for value, belongs in column.states.items() if belongs == state)
    if column.states[status] != state:
        raise invalid(f"{status} is not a valid status code for state code {state} on {table.name}.", "0x80048408")
    changes["statecode"], changes["statuscode"] = state, status


def check(store: Store, table: Table, row: Row, changes: Row, *, creating: bool) -> None:
    """Refuse a row that misses a SystemRequired column or that its table's own rules forbid. Raises 400, 412."""
    for column in table.columns.values():
        if column.required and row.get(column.name) is None and (creating or column.name in changes):
            raise invalid(f"Required field '{column.name}' is missing for entity '{table.name}'.", "0x80040203")
    if table.name == "sdkmessageprocessingstep":
        _check_step(store, row)
    elif table.name == "sdkmessageprocessingstepimage":
        _check_image(store, row)
    elif table.name == "systemuser" and changes.get("applicationid"):
        others = store.find(table, applicationid=row["applicationid"])
        if any(other[table.id] != row[table.id] for other in others):
            raise DataverseError(412, "0x80040237", "An application user for this application id already exists.")


def _check_step(store: Store, step: Row) -> None:
    filter_row = store.get(schema.BY_NAME["sdkmessagefilter"], step.get("sdkmessagefilterid") or "")
    message = _MESSAGE_NAMES.get(step["sdkmessageid"], "")
    if filter_row and message not in schema.BY_NAME[filter_row["primaryobjecttypecode"]].events:
        raise not_modelled(f"events of message {message} on table {filter_row['primaryobjecttypecode']}")
    if step["mode"] and step["stage"] != _POST_OPERATION:
        raise invalid("Asynchronous mode is only supported for steps in the Post-operation stage.", "0x80044184")
    if step.get("filteringattributes") and message != "Update":
        raise invalid("Filtering attributes are only supported for the Update message.", "0x80040203")


def _check_image(store: Store, image: Row) -> None:
    step = store.get(schema.BY_NAME["sdkmessageprocessingstep"], image["sdkmessageprocessingstepid"])
    message = _MESSAGE_NAMES.get(step["sdkmessageid"], "") if step else ""
    properties = _IMAGE_PROPERTY.get(message)
    if step is None or properties is None:
        raise invalid(f"Message '{message}' does not support entity images.", "0x80044175")
    if image["messagepropertyname"] not in properties:
        raise invalid(
            f"Message property name '{image['messagepropertyname']}' is not valid on message {message}.", "0x80044175"
        )
    if image["imagetype"] in (_PRE_IMAGE, _BOTH) and message == "Create":
        raise invalid("PreImage is not supported for the Create message.", "0x80044175")
    if image["imagetype"] in (_POST_IMAGE, _BOTH) and (message == "Delete" or step["stage"] != _POST_OPERATION):
        raise invalid("PostImage is only supported in the Post-operation stage, and not for Delete.", "0x80044175")
