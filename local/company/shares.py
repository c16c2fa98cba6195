"""How untidy the company is: every share that shapes it, by name."""

from __future__ import annotations

# Who there is: shares of households (one address and everybody who gave it).
LEAD_ALONE = 0.12
CONTACT_AND_LEAD = 0.05  # one person, kept twice
FAMILY = 0.04  # two or three contacts, one address
OFFICE = 0.01  # three to five contacts behind info@

# What their data is like: shares of households or records.
WITHOUT_ADDRESS = 0.03
INVALID_ADDRESS = 0.01
INTERNATIONAL_DOMAIN = 0.005
PLUS_TAG = 0.02
MIXED_CASE = 0.06
TRAILING_SPACE = 0.01
INACTIVE_CONTACT = 0.03
CLOSED_LEAD = 0.20

# What they did over the years: shares of households. Flag opt-outs are 12 %, a third of them contradicted.
FLAG_AND_ROWS_OUT = 0.08
FLAG_BUT_ROWS_IN = 0.02
FLAG_BUT_NO_ROWS = 0.02
BRAND_OUT = 0.05
BRAND_OUT_STILL_ON_LISTS = 0.025
EVERY_BRAND_OUT_FLAG_CLEAR = 0.01
TOPIC_OUT = 0.03
TOPIC_OUT_STILL_ON_LIST = 0.015
ON_OPT_OUT_LIST_ROW_DISAGREES = 0.01
NO_EMAIL_SET_BY_SALES = 0.015
NO_TRACKING = 0.02
NO_TRACKING_FLAG_ONLY = 0.005
NO_TRACKING_ROWS_ONLY = 0.005
NO_TRANSACTIONAL_MAIL = 0.005

# What everybody else, and everybody before that, has.
KNOWN_TO_BRAND = 0.6  # has a commercial row of the brand
MEMBER = 0.3  # of any one subscription list
MEMBER_WITH_TOPIC_ROW = 0.6
TOPIC_ROW_ONLY = 0.01  # opted in by preference centre, never put on the list
TRACKING_ROW = 0.15
SHARED_FLAG_ONLY_ONE = 0.3  # of shared addresses in step otherwise: one record flagged, the others not
MEMBER_TOO = 0.5  # of the others behind a shared address

# What happened to consent rows: shares of rows.
LOADED, PREFERENCE_CENTER, FORM, INTERNAL, NOT_SET = 0.5, 0.3, 0.1, 0.06, 0.04
DUPLICATE_EQUAL = 0.02
DUPLICATE_DIFFERENT = 0.005
INACTIVE_ROW = 0.02
ROW_MIXED_CASE = 0.03
