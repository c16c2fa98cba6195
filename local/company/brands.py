"""The part of the company that never changes: two brands, their purposes, topics and lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PURPOSE_ON_PROFILE = "msdynmkt_msdynmkt_purpose_msdynmkt_compliancev4"
COMMERCIAL, TRANSACTIONAL, TRACKING = 534120000, 534120001, 534120002
RESTRICTIVE, NON_RESTRICTIVE, DISABLED = 534120000, 534120001, 534120002
LINK_TO_PREFERENCE_CENTER = 534120003
LIST_OF_CONTACTS = 2
FOUNDED = "2016-03-01T08:00:00Z"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subject people can subscribe to: a topic in real-time journeys and the list that meant the same before."""

    name: str
    topic: str
    list: str


@dataclass(frozen=True, slots=True)
class Brand:
    """One compliance profile with its purposes, its subscriptions and, where the brand has one, its opt-out list."""

    name: str
    profile: str
    commercial: str
    tracking: str
    transactional: str | None
    subscriptions: tuple[Subscription, ...]
    opt_out_list: str | None


CONTOSO = Brand(
    name="contoso",
    profile="c0000000-0000-4000-8000-000000000001",
    commercial="10000000-0000-0000-0000-000000000003",  # the product's own default commercial purpose
    transactional="c0000000-0000-4000-8000-000000000011",
    tracking="c0000000-0000-4000-8000-000000000012",
    subscriptions=(
        Subscription(
            "Contoso newsletter", "c0000000-0000-4000-8000-000000000021", "c0000000-0000-4000-8000-000000000031"
        ),
        Subscription("Contoso offers", "c0000000-0000-4000-8000-000000000022", "c0000000-0000-4000-8000-000000000032"),
    ),
    opt_out_list="c0000000-0000-4000-8000-000000000041",
)

FABRIKAM = Brand(
    name="fabrikam",
    profile="fa000000-0000-4000-8000-000000000001",
    commercial="fa000000-0000-4000-8000-000000000010",
    transactional=None,
    tracking="fa000000-0000-4000-8000-000000000012",
    subscriptions=(
        Subscription("Fabrikam events", "fa000000-0000-4000-8000-000000000021", "fa000000-0000-4000-8000-000000000031"),
        Subscription(
            "Fabrikam service tips", "fa000000-0000-4000-8000-000000000022", "fa000000-0000-4000-8000-000000000032"
        ),
    ),
    opt_out_list=None,
)

BRANDS = (CONTOSO, FABRIKAM)


def setup_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what an administrator set up: purposes, profiles with their purposes, topics and lists."""
    for brand in BRANDS:
        yield from _purposes(brand)
        yield (
            "msdynmkt_compliancesettings4",
            _dated(
                msdynmkt_compliancesettings4id=brand.profile,
                msdynmkt_name=brand.name.title(),
                msdynmkt_legaladdress=f"{brand.name.title()} Ltd, 1 Sample Street, Sample Town",
                msdynmkt_consentlinktype=LINK_TO_PREFERENCE_CENTER,
                _msdynmkt_trackingconsentpurpose_value=brand.tracking,
            ),
        )
        for place, purpose in enumerate(filter(None, (brand.commercial, brand.transactional))):
            yield (
                PURPOSE_ON_PROFILE,
                {
                    f"{PURPOSE_ON_PROFILE}id": f"{brand.profile[:-2]}5{place}",
                    "msdynmkt_compliancesettings4id": brand.profile,
                    "msdynmkt_purposeid": purpose,
                },
            )
        for subscription in brand.subscriptions:
            yield (
                "msdynmkt_topic",
                _dated(
                    msdynmkt_topicid=subscription.topic,
                    msdynmkt_name=subscription.name,
                    _msdynmkt_purposeid_value=brand.commercial,
                ),
            )
            yield "list", _list(subscription.list, subscription.name, subscription=True)
        if brand.opt_out_list:
            yield "list", _list(brand.opt_out_list, f"No mail from {brand.name.title()}", subscription=False)


def _purposes(brand: Brand) -> Iterator[tuple[str, dict[str, Any]]]:
    purposes = (
        (brand.commercial, "Commercial", COMMERCIAL, NON_RESTRICTIVE),
        (brand.transactional, "Transactional", TRANSACTIONAL, NON_RESTRICTIVE),
        (brand.tracking, "Tracking", TRACKING, RESTRICTIVE),
    )
    for purpose, name, kind, enforcement in purposes:
        if purpose:
            yield (
                "msdynmkt_purpose",
                _dated(
                    msdynmkt_purposeid=purpose,
                    msdynmkt_name=f"{brand.name.title()} {name}",
                    msdynmkt_type=kind,
                    msdynmkt_enforcementmodel=enforcement,
                    msdynmkt_smsenforcementmodel=RESTRICTIVE,
                    msdynmkt_customenforcementmodel=RESTRICTIVE,
                    msdynmkt_voiceenforcementmodel=RESTRICTIVE,
                ),
            )


def _list(listid: str, name: str, *, subscription: bool) -> dict[str, Any]:
    return _dated(
        listid=listid,
        listname=name,
        createdfromcode=LIST_OF_CONTACTS,
        type=False,
        lockstatus=False,
        msdyncrm_issubscription=subscription,
    )


def _dated(**columns: Any) -> dict[str, Any]:
    return columns | {"statecode": 0, "createdon": FOUNDED, "modifiedon": FOUNDED}
