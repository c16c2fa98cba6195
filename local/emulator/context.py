"""Who calls and how: what one request (or one operation of a batch) carries besides its data."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pipeline import Job
    from .security import Rights


@dataclass(slots=True)
class Context:
    """The caller of an operation.

    `user` is whom the operation runs as, `actual` who sent it (they differ under impersonation), `rights` what they may
    do. `bypass` holds
    `CustomSync`/`CustomAsync`, `bypass_steps` step ids. `jobs` are the webhook calls to make once all is committed.
    """

    user: str
    actual: str
    rights: Rights
    tag: str | None = None
    bypass: frozenset[str] = frozenset()
    bypass_steps: frozenset[str] = frozenset()
    correlation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    depth: int = 1
    parameters: dict[str, Any] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)

    @property
    def on_behalf_by(self) -> str | None:
        """The user who really sent it, when that is somebody else."""
        return self.actual if self.actual != self.user else None
