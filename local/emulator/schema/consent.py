"""Consent tables of Customer Insights - Journeys (domain.md section 1; dataverse.md 5.4)."""

from __future__ import annotations

from .common import intersect, table
from .model import ManyToMany, Table, choice_from, lookup, memo, moment, number, read_only, text, yes_no

FIRST = 534120000
_PROFILE_PURPOSES = "msdynmkt_msdynmkt_purpose_msdynmkt_compliancev4"
_ENFORCEMENT = ("Restrictive", "Non-Restrictive", "Disabled")
_VALUE = ("Not Set", "Opted In", "Opted Out")
_REASONS = (
    "No reasons",
    "Opt-in - Advertisement",
    "Opt-in - Landing page",
    "Opt-in - Events",
    "Opt-out - Content was irrelevant",
    "Opt-out - Received too frequently",
    "Opt-out - Didn't recall signing up",
    "Opt-out - Privacy concerns",
    "Opt-out - One-click unsubscribe",
)
_SOURCES = (
    "Internal",
    "Preference page",
    "Text message",
    "Loaded",
    "Preference Center",
    "Realtime Marketing Form",
    "Subscription Center",
    "Email - list-unsubscribe",
)


def _consent() -> Table:
    columns = [
        text("msdynmkt_contactpointvalue", 400, indexed=True),
        choice_from("msdynmkt_contactpointtype", FIRST, "Email", "Text Message", "Custom", "Voice"),
        choice_from("msdynmkt_contactpointconsenttype", FIRST, "Purpose", "Topic"),
        choice_from("msdynmkt_value", FIRST, *_VALUE),
        lookup(
            "msdynmkt_purposeid",
            {"msdynmkt_purpose": "msdynmkt_purposeId"},
            collection="msdynmkt_msdynmkt_purpose_msdynmkt_contactpointconsent4_purposeId",
        ),
        lookup(
            "msdynmkt_topicid",
            {"msdynmkt_topic": "msdynmkt_topicId"},
            collection="msdynmkt_msdynmkt_topic_msdynmkt_contactpointconsent4_topicId",
        ),
        choice_from("msdynmkt_source", FIRST, *_SOURCES, default=FIRST),
        choice_from("msdynmkt_logicalreason", FIRST - 1, *_REASONS),
        text("msdynmkt_reason", 500),
        text("msdynmkt_modifiedonbehalf", 500),
        lookup("msdynmkt_messageid", {"email": "email_msdynmkt_messageid"}),
        moment("msdynmkt_migrationtimestamp"),
        choice_from("msdynmkt_uionly_value_tracking", FIRST, *_VALUE),
    ]
    return table(
        *("msdynmkt_contactpointconsent4", columns),
        title="msdynmkt_contactpointvalue",
        code=10801,
        change_tracking=True,
    )


def _purpose() -> Table:
    columns = [
        text("msdynmkt_name"),
        text("msdynmkt_description"),
        choice_from(
            *("msdynmkt_type", FIRST),
            *("Commercial Communication", "Transactional Communication", "Tracking"),
        ),
        choice_from("msdynmkt_enforcementmodel", FIRST, *_ENFORCEMENT),
        *(
            choice_from(f"msdynmkt_{channel}enforcementmodel", FIRST, *_ENFORCEMENT, default=FIRST)
            for channel in ("sms", "custom", "voice")
        ),
        read_only(number("msdynmkt_topiccount")),
    ]
    return table("msdynmkt_purpose", columns, title="msdynmkt_name", code=10802)


def _topic() -> Table:
    columns = [
        text("msdynmkt_name"),
        lookup(
            "msdynmkt_purposeid",
            {"msdynmkt_purpose": "msdynmkt_purposeId"},
            collection="msdynmkt_msdynmkt_purpose_msdynmkt_topic",
        ),
    ]
    return table("msdynmkt_topic", columns, title="msdynmkt_name", code=10803)


def _profile() -> Table:
    columns = [
        text("msdynmkt_name"),
        memo("msdynmkt_legaladdress", 300),
        choice_from(
            *("msdynmkt_consentlinktype", FIRST),
            *("Preference page", "Subscription center", "External link", "Preference center"),
        ),
        *(text(f"msdynmkt_consentlink{suffix}", 200) for suffix in ("", "_leads", "_customerprofile")),
        text("msdynmkt_subscriptioncenter"),
        lookup("msdynmkt_trackingconsentpurpose", {"msdynmkt_purpose": "msdynmkt_TrackingConsentPurpose"}),
        choice_from("msdynmkt_jurisdiction", FIRST, "GDPR/CCPA", "Other", default=FIRST),
        choice_from("msdynmkt_doistatus", FIRST, "Not enabled", "Enabled", "(Deprecated) Enabled", default=FIRST),
        yes_no("msdynmkt_globaldoienabled"),
        number("msdynmkt_doijobstatus"),
        choice_from("msdynmkt_doiconfirmationtype", FIRST, "Text", "Url"),
        text("msdynmkt_doifailurereason", 400),
        yes_no("msdynmkt_gettrackingconsents"),
    ]
    return table("msdynmkt_compliancesettings4", columns, title="msdynmkt_name", code=10804)


def _profile_purposes() -> Table:
    return intersect(_PROFILE_PURPOSES, "msdynmkt_purposeid", "msdynmkt_compliancesettings4id", code=10805)


def tables() -> list[Table]:
    """The tables of this module."""
    return [_consent(), _purpose(), _topic(), _profile(), _profile_purposes()]


def many_to_many() -> list[ManyToMany]:
    """Profile and purpose: one relationship, the same navigation name on both sides (domain.md 1.6)."""
    return [
        ManyToMany(
            name=_PROFILE_PURPOSES,
            left="msdynmkt_purpose",
            right="msdynmkt_compliancesettings4",
            table=_PROFILE_PURPOSES,
            left_column="msdynmkt_purposeid",
            right_column="msdynmkt_compliancesettings4id",
        )
    ]
