"""Changes to the example's mapping, for offices that need another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cases.office import LISTS, Office

type Edit = Callable[[dict[str, Any]], object]
type OpenOffice = Callable[..., Office]


def two_columns(mapping: dict[str, Any]) -> None:
    """Contacts have two configured addresses."""
    mapping["contact_points"]["email"]["contact"] = ["emailaddress1", "emailaddress2"]


def one_brand(mapping: dict[str, Any]) -> None:
    """Only Contoso is mapped, and Fabrikam left alone on purpose: Contoso's opt-out is everybody's."""
    mapping["unmapped_profiles"] = [mapping["brands"].pop("fabrikam")["profile"]]


def policy(**choices: Any) -> Edit:
    """Other choices of the customer."""

    def edit(mapping: dict[str, Any]) -> None:
        mapping["policy"] |= choices

    return edit


def flag(column: str, *means: str, write: bool) -> Edit:
    """A further flag, or another meaning of one."""

    def edit(mapping: dict[str, Any]) -> None:
        mapping["flags"][column] = {"means": list(means), "write": write}

    return edit


def trusting(*lists: str) -> Edit:
    """The customer vouches for everybody who can add members to these lists."""
    ids = {LISTS[name] for name in lists}

    def edit(mapping: dict[str, Any]) -> None:
        for brand in mapping["brands"].values():
            for pair in brand["topics"]:
                pair["trust_membership"] = pair["list"] in ids

    return edit


def together(*edits: Edit) -> Edit:
    """All of these changes."""

    def edit(mapping: dict[str, Any]) -> None:
        for each in edits:
            each(mapping)

    return edit
