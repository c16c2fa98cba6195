"""Names and option values of the tables that hold consent.

Sources: the table references of contact, lead, list, listmember, msdynmkt_contactpointconsent4, msdynmkt_purpose,
msdynmkt_topic and msdynmkt_compliancesettings4.
"""

from __future__ import annotations

from consent_sync.consent.model import Channel, PurposeType, Reading
from consent_sync.mapping.facts import Enforcement
from consent_sync.mapping.schema import Source

RECORD_SETS = {"contact": "contacts", "lead": "leads"}
RECORD_KEYS = {"contact": "contactid", "lead": "leadid"}
MEMBER_TABLES = {1: "account", 2: "contact", 4: "lead"}  # list.createdfromcode

ROW_TABLE = "msdynmkt_contactpointconsent4"
ROW_SET = "msdynmkt_contactpointconsent4s"
ROW_KEY = "msdynmkt_contactpointconsent4id"
POINT_VALUE = "msdynmkt_contactpointvalue"
POINT_TYPE = "msdynmkt_contactpointtype"
CONSENT_TYPE = "msdynmkt_contactpointconsenttype"
CONSENT_VALUE = "msdynmkt_value"
CONSENT_SOURCE = "msdynmkt_source"
CONSENT_CAUSE = "msdynmkt_logicalreason"
CONSENT_REASON = "msdynmkt_reason"
PURPOSE_ID = "_msdynmkt_purposeid_value"
TOPIC_ID = "_msdynmkt_topicid_value"

SETS = RECORD_SETS | {ROW_TABLE: ROW_SET}

FEEDS = SETS | {"listmember": "listmembers"}
"""Everything whose changes matter."""

CHANNELS = {Channel.EMAIL: 534120000, Channel.TEXT: 534120001, Channel.CUSTOM: 534120002, Channel.VOICE: 534120003}
OF_PURPOSE, OF_TOPIC = 534120000, 534120001
VALUES = {Reading.SILENT: 534120000, Reading.IN: 534120001, Reading.OUT: 534120002}
READINGS = {number: reading for reading, number in VALUES.items()}
SOURCES = {
    534120000: Source.INTERNAL,
    534120001: Source.PREFERENCE_PAGE,
    534120002: Source.TEXT_MESSAGE,
    534120003: Source.LOADED,
    534120004: Source.PREFERENCE_CENTER,
    534120005: Source.REALTIME_FORM,
    534120006: Source.SUBSCRIPTION_CENTER,
    534120007: Source.LIST_UNSUBSCRIBE,
}
SOURCE_INTERNAL = 534120000
NO_CAUSE = 534119999

PURPOSE_TYPES = {
    534120000: PurposeType.COMMERCIAL,
    534120001: PurposeType.TRANSACTIONAL,
    534120002: PurposeType.TRACKING,
}
ENFORCEMENTS = {
    534120000: Enforcement.RESTRICTIVE,
    534120001: Enforcement.NON_RESTRICTIVE,
    534120002: Enforcement.DISABLED,
}
DOUBLE_OPT_IN = frozenset({534120001, 534120002})  # msdynmkt_doistatus: enabled, and the older form of it
PROFILE_PURPOSES = "msdynmkt_msdynmkt_purpose_msdynmkt_compliancev4"  # navigation property, both sides
