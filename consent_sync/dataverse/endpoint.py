"""What a webhook registration is made of: the endpoint with its key, and the events that are wanted. Pure.

Source: Microsoft's pages "Register a WebHook" and "Register a plug-in".
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

_MAX_AUTH_VALUE = 2048
_MARK_DIGITS = 16
IMAGE_PROPERTY = {
    "Assign": "Target",
    "Create": "Id",  # documented as `id`; registration tools in the field send `Id`
    "Delete": "Target",
    "Merge": "Target",
    "Route": "Target",
    "SetState": "EntityMoniker",
    "Update": "Target",
}


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where events go: `key` is sent in the HTTP header `header`; the receiver also takes the keys in `also`.

    Nobody can read the key back, so the endpoint's description says which one it is: a digest of the key, keyed with
    `secret`, which tells nothing to whoever has neither. Keys and secret appear in no `repr`.
    """

    name: str
    url: str
    header: str
    key: str = field(repr=False)
    also: tuple[str, ...] = field(default=(), repr=False)
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.key.isprintable() or not self.key.strip() or not self.header.isprintable() or not self.header:
            raise ValueError("header and key of the endpoint must be one printable line")
        if len(self.auth_value()) > _MAX_AUTH_VALUE:
            raise ValueError(f"the key of the endpoint is too long: {_MAX_AUTH_VALUE} characters with its XML")

    def auth_value(self) -> str:
        """Write header and key as Dataverse wants them: XML, not JSON and not `name: value`."""
        settings = ET.Element("settings")
        ET.SubElement(settings, "setting", name=self.header, value=self.key)
        return ET.tostring(settings, encoding="unicode")

    def description(self, key: str | None = None) -> str:
        """Give what the endpoint's description says while it holds `key`, the endpoint's own by default."""
        text = f"webhook key\n{self.name}\n{key or self.key}"
        mark = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:_MARK_DIGITS]
        return f"{self.name}, key {mark}"[-100:]

    def holds(self, description: object) -> str | None:
        """Say which of the keys an endpoint of this description holds, None for another one or if nobody knows."""
        return next((key for key in (self.key, *self.also) if self.description(key) == description), None)

    def warnings(self) -> list[str]:
        """Say what Dataverse online would not deliver to, or should not."""
        parts = urlsplit(self.url)
        found = []
        if (parts.port or {"http": 80, "https": 443}.get(parts.scheme)) not in {80, 443}:
            found.append("Dataverse delivers to ports 80 and 443 only")
        if parts.scheme != "https":
            found.append("the key travels unencrypted: use https")
        return found


@dataclass(frozen=True, slots=True)
class Step:
    """An event that is wanted: `message` on `table`, for Update only if one of `columns` was sent.

    `pre_image` and `post_image` name the columns to deliver as they were before and after, under the aliases `pre` and
    `post`. Raises ValueError for what the message can not carry.
    """

    message: str
    table: str
    columns: tuple[str, ...] = ()
    pre_image: tuple[str, ...] = ()
    post_image: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.columns and self.message != "Update":
            raise ValueError(f"{self}: only Update can be limited to columns")
        if (self.pre_image or self.post_image) and self.message not in IMAGE_PROPERTY:
            raise ValueError(f"{self}: the message has no images")
        if (self.pre_image and self.message == "Create") or (self.post_image and self.message == "Delete"):
            raise ValueError(f"{self}: no image of a row that is not there")

    def __str__(self) -> str:
        return f"{self.message} of {self.table}"
