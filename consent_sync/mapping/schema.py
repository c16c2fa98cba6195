"""The shape of ``mapping.yaml``. Unknown keys are refused: a misspelt key must never be silently ignored."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from consent_sync.consent.landscape import Loosened, Mode
from consent_sync.consent.model import PurposeType


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Source(StrEnum):
    """Where a consent row says it comes from (msdynmkt_consentsource, table msdynmkt_contactpointconsent4)."""

    INTERNAL = "internal"
    PREFERENCE_PAGE = "preference_page"
    TEXT_MESSAGE = "text_message"
    LOADED = "loaded"
    PREFERENCE_CENTER = "preference_center"
    REALTIME_FORM = "realtime_form"
    SUBSCRIPTION_CENTER = "subscription_center"
    LIST_UNSUBSCRIBE = "list_unsubscribe"


Provable = Literal[
    Source.INTERNAL,
    Source.PREFERENCE_PAGE,
    Source.TEXT_MESSAGE,
    Source.PREFERENCE_CENTER,
    Source.REALTIME_FORM,
    Source.SUBSCRIPTION_CENTER,
    Source.LIST_UNSUBSCRIBE,
]
"""Sources that a person may stand behind: what a load says may be a column's default."""


class PointColumns(_Strict):
    """Which columns of which table hold the contact points of one channel."""

    contact: tuple[Column, ...] = ()
    lead: tuple[Column, ...] = ()


class ContactPoints(_Strict):
    """Where contact points stand, by channel."""

    email: PointColumns


class Flag(_Strict):
    """A preference flag on records: what true means, and whether it may be written."""

    means: Annotated[tuple[PurposeType, ...], Field(min_length=1)]
    write: bool


class TopicPair(_Strict):
    """A topic and the list that stands for it. `members` says what being on the list means: it is never guessed."""

    topic: UUID
    list: UUID
    members: Literal["subscribed", "opted_out"]
    trust_membership: bool = False


class Brand(_Strict):
    """One compliance profile: its purposes come from the profile itself, its lists from here.

    `trusted_opt_in_sources` replaces the policy's for this brand.
    """

    profile: UUID
    trusted_opt_in_sources: frozenset[Provable] | None = None
    opt_out_lists: tuple[UUID, ...] = ()
    topics: tuple[TopicPair, ...] = ()


class Brake(_Strict):
    """How much one run may change before a person has to approve it."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.05
    count: Annotated[int, Field(ge=1)] = 500


class PolicyFile(_Strict):
    """The customer's choices."""

    mode: Mode = Mode.OBSERVE
    trusted_opt_in_sources: frozenset[Provable] = frozenset({Source.PREFERENCE_CENTER, Source.REALTIME_FORM})
    release_flag: Literal["when_all_in", "never"] = "when_all_in"
    loosened_without_proof: Loosened = Loosened.RESTORE
    unwritable_list: Literal["flag", "alarm"] = "flag"
    brake: Brake = Brake()


class MappingFile(_Strict):
    """The whole file."""

    version: Literal[1]
    contact_points: ContactPoints
    flags: dict[Column, Flag] = {}
    brands: Annotated[dict[str, Brand], Field(min_length=1)]
    unmapped_profiles: tuple[UUID, ...] = ()
    policy: PolicyFile = PolicyFile()
