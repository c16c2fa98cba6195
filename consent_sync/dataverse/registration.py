"""Registers the webhook in an environment, again and again with the same result; says what drifted; takes it away.

Source: Microsoft's page "Register a WebHook"; the calls are those of its Web API section. Needs the privileges to
create and write service endpoints and SDK message processing steps (System Customizer has them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consent_sync.dataverse import steps as present
from consent_sync.dataverse.batch import Operation
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.endpoint import Step, WebhookEndpoint
from consent_sync.dataverse.odata import all_of, eq, guid, key
from consent_sync.dataverse.query import Query
from consent_sync.dataverse.steps import Registered, key_change, missing, plan


@dataclass(frozen=True, slots=True)
class RegistrationReport:
    """What `register` did or would do, in words. `missing` names events that the environment does not have."""

    endpoint_id: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def in_step(self) -> bool:
        """Whether the environment was as it should be."""
        return not (self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Present:
    """The endpoint that an environment has: where events go, what its description says, and the ids of its steps."""

    id: str
    url: str
    description: str | None
    steps: Mapping[str, str]


def register(
    client: DataverseClient,
    endpoint: WebhookEndpoint,
    steps: Sequence[Step],
    *,
    write_key: bool = False,
    dry_run: bool = False,
) -> RegistrationReport:
    """Make the environment deliver exactly these events to the endpoint.

    Changes only what differs. The key counts as differing if the endpoint's description does not name one of those that
    the receiver takes; `write_key` writes it anyway. Raises the error of the first operation that failed; running it
    again goes on from there.
    """
    found = _read(client, endpoint.name, steps)
    changes = plan(endpoint, steps, found)
    owner = present.endpoint_id(endpoint, found)
    if write_key and not any(change.operation.path.startswith("serviceendpoints") for change in changes):
        changes.insert(0, key_change(endpoint, owner))
    if not dry_run:
        _run(client, [change.operation for change in changes])

    def texts(kind: str) -> tuple[str, ...]:
        return tuple(change.text for change in changes if change.kind == kind)

    return RegistrationReport(
        endpoint_id=owner,
        added=texts("added"),
        changed=texts("changed"),
        removed=texts("removed"),
        missing=tuple(missing(found, steps)),
        warnings=tuple(endpoint.warnings()),
    )


def drift(client: DataverseClient, endpoint: WebhookEndpoint, steps: Sequence[Step]) -> list[str]:
    """Say in words how the environment differs from what `register` would make of it; changes nothing."""
    found = _read(client, endpoint.name, steps)
    return [change.text for change in plan(endpoint, steps, found)] + missing(found, steps)


def find(client: DataverseClient, name: str) -> Present | None:
    """Read the endpoint of this name with its steps, named by their ids, None if there is none."""
    endpoints, *_ = client.list_many([_endpoints(name)])
    if not endpoints:
        return None
    endpoint, *_ = endpoints
    (steps,) = client.list_many([_steps(endpoint["serviceendpointid"])])
    return Present(
        id=str(endpoint["serviceendpointid"]),
        url=str(endpoint["url"] or ""),
        description=endpoint.get("description"),
        steps={str(row["sdkmessageprocessingstepid"]): str(row["name"]).removeprefix(f"{name}: ") for row in steps},
    )


def write_key(client: DataverseClient, endpoint: WebhookEndpoint, owner: str) -> None:
    """Have events sent with the endpoint's key from now on."""
    _run(client, [key_change(endpoint, owner).operation])


def unregister(client: DataverseClient, name: str, *, dry_run: bool = False) -> list[str]:
    """Delete the endpoints of this name with their steps, unless `dry_run`; give what that takes away, in words."""
    endpoints, *_ = client.list_many([_endpoints(name)])
    ids = [str(row["serviceendpointid"]) for row in endpoints]
    steps = client.list_many([_steps(owner) for owner in ids])
    removed = [
        (f"step {row['name']}", "sdkmessageprocessingsteps", row["sdkmessageprocessingstepid"])
        for rows in steps
        for row in rows
    ]
    removed += [(f"endpoint {name}", "serviceendpoints", owner) for owner in ids]
    if not dry_run:
        _run(client, [Operation("DELETE", key(entity_set, row_id)) for _, entity_set, row_id in removed])
    return [text for text, _, _ in removed]


def _read(client: DataverseClient, name: str, steps: Sequence[Step]) -> Registered:
    """Read what there is in at most three round trips."""
    names = sorted({step.message for step in steps})
    queries = [Query("sdkmessages", select=("sdkmessageid", "name"), filter=eq("name", message)) for message in names]
    endpoints, *found = client.list_many([_endpoints(name), *queries])
    messages = {message: str(rows[0]["sdkmessageid"]) for message, rows in zip(names, found, strict=True) if rows}
    endpoint = endpoints[0] if endpoints else None
    wanted = sorted({(step.message, step.table) for step in steps if step.message in messages})
    queries = [_filters(messages[message], table) for message, table in wanted]
    if endpoint is not None:
        queries.append(_steps(endpoint["serviceendpointid"]))
    found = client.list_many(queries)
    step_rows: list[dict[str, Any]] = found.pop() if endpoint is not None else []
    images = client.list_many([_images(row["sdkmessageprocessingstepid"]) for row in step_rows])
    return Registered(
        endpoint=endpoint,
        messages=messages,
        filters={event: str(rows[0]["sdkmessagefilterid"]) for event, rows in zip(wanted, found, strict=True) if rows},
        steps=step_rows,
        images=[row for rows in images for row in rows],
    )


def _endpoints(name: str) -> Query:
    condition = all_of(eq("name", name), eq("contract", present.WEBHOOK))
    return Query("serviceendpoints", select=present.ENDPOINT_COLUMNS, filter=condition, order_by=("serviceendpointid",))


def _filters(message_id: str, table: str) -> Query:
    condition = all_of(eq("_sdkmessageid_value", guid(message_id)), eq("primaryobjecttypecode", table))
    return Query("sdkmessagefilters", select=("sdkmessagefilterid",), filter=condition)


def _steps(owner: str) -> Query:
    condition = eq("_eventhandler_value", guid(owner))
    return Query("sdkmessageprocessingsteps", select=present.STEP_COLUMNS, filter=condition, order_by=("createdon",))


def _images(step_id: str) -> Query:
    condition = eq("_sdkmessageprocessingstepid_value", guid(step_id))
    return Query("sdkmessageprocessingstepimages", select=present.IMAGE_COLUMNS, filter=condition)


def _run(client: DataverseClient, operations: Sequence[Operation]) -> None:
    for response in client.batch(operations, continue_on_error=False, tag=False):
        if response.error is not None:
            raise response.error
