"""What the tenant says about the things that the mapping names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from consent_sync.consent.model import PurposeType


class Enforcement(StrEnum):
    """How strictly a purpose is enforced for e-mail (msdynmkt_enforcementmodel, table msdynmkt_purpose)."""

    RESTRICTIVE = "restrictive"
    NON_RESTRICTIVE = "non-restrictive"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class PurposeFacts:
    """One purpose as the tenant has it.

    `owner` is the path of the user or team that must own its consent rows; rows owned in another business unit than its
    `business_unit` may be invisible to the product.
    """

    id: str
    name: str
    type: PurposeType
    enforcement: Enforcement
    owner: str | None = None
    business_unit: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """One compliance profile: its purposes, and whether forms ask to confirm an opt-in by a second mail."""

    id: str
    name: str
    purposes: tuple[str, ...]
    double_opt_in: bool


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """One topic and the purpose it belongs to."""

    id: str
    name: str
    purpose_id: str


@dataclass(frozen=True, slots=True)
class ListFacts:
    """One marketing list; `table` is what its members are; dynamic, locked and inactive ones are not writable."""

    id: str
    name: str
    table: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the mapping needs to know of the tenant, keyed by lower-case id.

    `columns` holds, by table and column name, the type that the metadata gives a column (AttributeType). `gone` names
    what is here from memory only: the tenant had it once and no longer does. `tracked` names the tables with change
    tracking.
    """

    profiles: Mapping[str, ProfileFacts]
    purposes: Mapping[str, PurposeFacts]
    topics: Mapping[str, TopicFacts]
    lists: Mapping[str, ListFacts]
    columns: Mapping[str, Mapping[str, str]]
    gone: frozenset[str] = frozenset()
    tracked: frozenset[str] = frozenset()

    def names(self) -> dict[str, str]:
        """Give what people call the purposes, topics and lists, by id."""
        purposes = {id_: purpose.name for id_, purpose in self.purposes.items()}
        topics = {id_: topic.name for id_, topic in self.topics.items()}
        return purposes | topics | {id_: list_.name for id_, list_ in self.lists.items()}

    @property
    def stray(self) -> tuple[str, ...]:
        """Commercial purposes that no compliance profile has: nobody can say which brand they are."""
        placed = {id_ for profile in self.profiles.values() for id_ in profile.purposes}
        return tuple(p.id for p in self.purposes.values() if p.type is PurposeType.COMMERCIAL and p.id not in placed)
