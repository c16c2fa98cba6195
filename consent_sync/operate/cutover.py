"""The last job of a company that straddles both worlds: to stop listening to its contact-level lists.

Before that, every opt-out made at contact level must be honoured in real-time. Whether that is so is found by looking,
each time anew, so the cutover may be started again at any point.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel
from ruamel.yaml import YAML

from consent_sync.consent.landscape import Landscape
from consent_sync.consent.model import Kind, Reading
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.images import Image


class CannotCutOver(ConsentSyncError):
    """The cutover cannot begin: the service writes nothing here. Go up to restrict or two-way first (policy.mode)."""


class Unhonoured(BaseModel):
    """An opt-out that real-time journeys do not know of: whose (a keyed hash), the consent row, and the rule."""

    key: str
    location: str
    rule: str


def unhonoured(images: Iterable[Image]) -> Iterator[Unhonoured]:
    """Give what a plan still has to opt out in real-time journeys."""
    for image in images:
        if image.to is Reading.OUT and image.location.startswith(f"{Kind.ROW.value}/"):
            yield Unhonoured(key=image.key, location=image.location, rule=image.rule)


def ignored(landscape: Landscape) -> list[str]:
    """Give the purposes whose opt-outs real-time journeys ignore, because their enforcement is Disabled."""
    return sorted(scope.id for scope in landscape.unenforced)


def without_lists(path: Path) -> str:
    """Give the text of the mapping at `path` without its lists: comments stay where they were."""
    yaml = YAML(typ="rt")
    yaml.width = 200
    tree = yaml.load(path.read_text(encoding="utf-8"))
    for brand in tree["brands"].values():
        for name in ("opt_out_lists", "topics"):
            brand.pop(name, None)
    text = io.StringIO()
    yaml.dump(tree, text)
    return text.getvalue()
