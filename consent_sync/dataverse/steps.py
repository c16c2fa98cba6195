"""What a webhook registration should look like, and what separates the present one from it. Pure.

Source: the table reference of `serviceendpoint`, `sdkmessageprocessingstep` and `sdkmessageprocessingstepimage`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid5

from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.endpoint import IMAGE_PROPERTY, Step, WebhookEndpoint
from consent_sync.dataverse.odata import bind, key

WEBHOOK = 8  # contract
_HTTP_HEADER = 5  # authtype
_POST_OPERATION, _ASYNCHRONOUS, _SERVER_ONLY = 40, 1, 0
_PRE_IMAGE, _POST_IMAGE = 0, 1
_IDS = UUID("b5c0f0a4-6d0f-5c0e-9a53-6a3d7f1f9c11")  # same endpoint, same ids: a second run can not make duplicates
STEP_COLUMNS = (
    "sdkmessageprocessingstepid",
    "name",
    "stage",
    "mode",
    "rank",
    "filteringattributes",
    "asyncautodelete",
    "supporteddeployment",
    "statecode",
    "_sdkmessageid_value",
    "_sdkmessagefilterid_value",
)
IMAGE_COLUMNS = (
    "sdkmessageprocessingstepimageid",
    "entityalias",
    "imagetype",
    "messagepropertyname",
    "attributes",
    "_sdkmessageprocessingstepid_value",
)
ENDPOINT_COLUMNS = ("serviceendpointid", "name", "description", "url", "authtype", "messageformat", "isauthvalueset")


@dataclass(frozen=True, slots=True)
class Registered:
    """What the environment has: rows of the endpoint, its steps and their images.

    `messages` gives the id of a message by its name, `filters` that of an event by message and table.
    """

    endpoint: Mapping[str, Any] | None
    messages: Mapping[str, str]
    filters: Mapping[tuple[str, str], str]
    steps: Sequence[Mapping[str, Any]]
    images: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in words, and the operation that removes it."""

    kind: Literal["added", "changed", "removed"]
    text: str
    operation: Operation


def endpoint_id(endpoint: WebhookEndpoint, found: Registered) -> str:
    """Give the id of the endpoint, the present one's or the one it will get."""
    if found.endpoint is not None:
        return str(found.endpoint["serviceendpointid"])
    return str(uuid5(_IDS, endpoint.name))


def missing(found: Registered, steps: Sequence[Step]) -> list[str]:
    """Say which wanted events this environment does not have."""
    return [f"{step}: no such event here" for step in steps if (step.message, step.table) not in found.filters]


def plan(endpoint: WebhookEndpoint, steps: Sequence[Step], found: Registered) -> list[Change]:
    """Give what has to change, in the order in which it has to be done."""
    owner = endpoint_id(endpoint, found)
    wanted = {
        (found.messages[step.message], found.filters[step.message, step.table]): step
        for step in steps
        if (step.message, step.table) in found.filters
    }
    changes = list(_endpoint_changes(endpoint, owner, found))
    present: set[tuple[str, str]] = set()
    for row in found.steps:
        event = (str(row["_sdkmessageid_value"]), str(row["_sdkmessagefilterid_value"]))
        if event not in wanted or event in present:
            path = key("sdkmessageprocessingsteps", row["sdkmessageprocessingstepid"])
            changes.append(Change("removed", f"step {row['name']}: not wanted", Operation("DELETE", path)))
            continue
        present.add(event)
        changes += _step_changes(endpoint, wanted[event], row, found)
    for event, step in wanted.items():
        if event not in present:
            changes += _new_step(endpoint, step, owner, event)
    return changes


def key_change(endpoint: WebhookEndpoint, owner: str, text: str = "endpoint: key", **columns: Any) -> Change:
    """Write the key, with the description that says which one it is."""
    body = columns | {"authvalue": endpoint.auth_value(), "description": endpoint.description()}
    return Change("changed", text, Operation("PATCH", key("serviceendpoints", owner), body, if_match="*"))


def _endpoint_changes(endpoint: WebhookEndpoint, owner: str, found: Registered) -> Iterator[Change]:
    wanted = {"name": endpoint.name, "url": endpoint.url, "authtype": _HTTP_HEADER, "messageformat": 2}
    if found.endpoint is None:
        body = wanted | {"contract": WEBHOOK, "connectionmode": 1, "description": endpoint.description()}
        body |= {"serviceendpointid": owner, "authvalue": endpoint.auth_value()}
        yield Change("added", "endpoint: missing", Operation("POST", "serviceendpoints", body))
        return
    differing = {name: value for name, value in wanted.items() if found.endpoint.get(name) != value}
    if differing:
        yield key_change(endpoint, owner, f"endpoint: {', '.join(differing)}", **differing)
    elif found.endpoint.get("isauthvalueset") is False:
        yield key_change(endpoint, owner, "endpoint: no key is set")
    elif endpoint.holds(found.endpoint.get("description")) is None:
        yield key_change(endpoint, owner)


def _step_body(endpoint: WebhookEndpoint, step: Step) -> dict[str, Any]:
    return {
        "name": f"{endpoint.name}: {step}"[:256],
        "stage": _POST_OPERATION,
        "mode": _ASYNCHRONOUS,
        "rank": 1,
        "supporteddeployment": _SERVER_ONLY,
        "asyncautodelete": True,
        "filteringattributes": ",".join(sorted(step.columns)) or None,
    }


def _new_step(endpoint: WebhookEndpoint, step: Step, owner: str, event: tuple[str, str]) -> Iterator[Change]:
    step_id = str(uuid5(UUID(owner), str(step)))
    message, message_filter = event
    body = _step_body(endpoint, step) | {
        "sdkmessageprocessingstepid": step_id,
        "eventhandler_serviceendpoint@odata.bind": bind("serviceendpoints", owner),
        "sdkmessageid@odata.bind": bind("sdkmessages", message),
        "sdkmessagefilterid@odata.bind": bind("sdkmessagefilters", message_filter),
    }
    body = {name: value for name, value in body.items() if value is not None}
    yield Change("added", f"step {step}: missing", Operation("POST", "sdkmessageprocessingsteps", body))
    for alias, image in _images(step).items():
        yield _new_image(step, step_id, alias, image)


def _step_changes(endpoint: WebhookEndpoint, step: Step, row: Mapping[str, Any], found: Registered) -> Iterator[Change]:
    step_id = str(row["sdkmessageprocessingstepid"])
    path = key("sdkmessageprocessingsteps", step_id)
    body = _step_body(endpoint, step)
    differing = {name: value for name, value in body.items() if _comparable(row.get(name)) != _comparable(value)}
    if differing:
        changed = Operation("PATCH", path, differing, if_match="*")
        yield Change("changed", f"step {step}: {', '.join(differing)}", changed)
    if row.get("statecode") != 0:
        enabled = Operation("PATCH", path, {"statecode": 0, "statuscode": 1}, if_match="*")
        yield Change("changed", f"step {step}: disabled", enabled)
    wanted = _images(step)
    for image in found.images:
        if image["_sdkmessageprocessingstepid_value"] == step_id:
            yield from _image_changes(step, image, wanted.pop(str(image["entityalias"]), None))
    for alias, body in wanted.items():
        yield _new_image(step, step_id, alias, body)


def _images(step: Step) -> dict[str, dict[str, Any]]:
    """Give the wanted images by alias."""
    kinds = {"pre": (_PRE_IMAGE, step.pre_image), "post": (_POST_IMAGE, step.post_image)}
    return {
        alias: {
            "imagetype": kind,
            "messagepropertyname": IMAGE_PROPERTY[step.message],
            "attributes": ",".join(sorted(columns)),
        }
        for alias, (kind, columns) in kinds.items()
        if columns
    }


def _new_image(step: Step, step_id: str, alias: str, body: Mapping[str, Any]) -> Change:
    row = {
        "sdkmessageprocessingstepimageid": str(uuid5(UUID(step_id), alias)),
        "name": alias,
        "entityalias": alias,
        **body,
        "sdkmessageprocessingstepid@odata.bind": bind("sdkmessageprocessingsteps", step_id),
    }
    created = Operation("POST", "sdkmessageprocessingstepimages", row)
    return Change("added", f"step {step}: image {alias} missing", created)


def _image_changes(step: Step, image: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> Iterator[Change]:
    path = key("sdkmessageprocessingstepimages", image["sdkmessageprocessingstepimageid"])
    text = f"step {step}: image {image['entityalias']}"
    if wanted is None:
        yield Change("removed", f"{text} not wanted", Operation("DELETE", path))
        return
    differing = {name: value for name, value in wanted.items() if _comparable(image.get(name)) != _comparable(value)}
    if differing:
        yield Change("changed", f"{text} {', '.join(differing)}", Operation("PATCH", path, differing, if_match="*"))


def _comparable(value: Any) -> Any:
    """Lists of columns are sets, and an empty one is none."""
    return frozenset(value.split(",")) if isinstance(value, str) and value else (value or 0)
