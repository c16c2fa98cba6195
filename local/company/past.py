"""What a household did over the years, and what each system was left believing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from local.company import shares
from local.company.brands import BRANDS, CONTOSO, Brand

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NOT_SET, OPTED_IN, OPTED_OUT = 534120000, 534120001, 534120002
INTERNAL, LOADED, PREFERENCE_CENTER, FORM, ONE_CLICK = 534120000, 534120003, 534120004, 534120005, 534120007
type RowKey = tuple[str, str | None]  # purpose, topic

ROW_ORIGINS = [
    (OPTED_IN, LOADED),
    (OPTED_IN, PREFERENCE_CENTER),
    (OPTED_IN, FORM),
    (OPTED_IN, INTERNAL),
    (NOT_SET, INTERNAL),
]
ORIGINS_UP_TO = list(
    accumulate([shares.LOADED, shares.PREFERENCE_CENTER, shares.FORM, shares.INTERNAL, shares.NOT_SET])
)

NOT_TRACKED: dict[RowKey, tuple[int, int]] = {
    (brand.tracking, None): (OPTED_OUT, PREFERENCE_CENTER) for brand in BRANDS
}


@dataclass(slots=True)
class Past:
    """Flags the acting record carries, consent rows as (value, source), and the lists its contacts are on."""

    flags: set[str] = field(default_factory=set)
    everybody_flagged: bool = False
    rows: dict[RowKey, tuple[int, int]] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)


def _ordinary(rng: Random) -> Past:
    made = Past()
    for brand in BRANDS:
        if rng.random() < shares.KNOWN_TO_BRAND:
            made.rows[brand.commercial, None] = _origin(rng)
        if rng.random() < shares.TRACKING_ROW:
            made.rows[brand.tracking, None] = (OPTED_IN, PREFERENCE_CENTER)
        for subscription in brand.subscriptions:
            draw = rng.random()
            if draw < shares.MEMBER:
                made.lists.add(subscription.list)
                if draw < shares.MEMBER * shares.MEMBER_WITH_TOPIC_ROW:
                    made.rows[brand.commercial, subscription.topic] = _origin(rng)
            elif draw < shares.MEMBER + shares.TOPIC_ROW_ONLY:
                made.rows[brand.commercial, subscription.topic] = (OPTED_IN, PREFERENCE_CENTER)
    return made


def _origin(rng: Random) -> tuple[int, int]:
    return rng.choices(ROW_ORIGINS, cum_weights=ORIGINS_UP_TO)[0]


def _opt_out_source(rng: Random) -> int:
    return rng.choice((PREFERENCE_CENTER, PREFERENCE_CENTER, ONE_CLICK, LOADED))


def _brand_out(made: Past, rng: Random, brand: Brand) -> None:
    made.rows[brand.commercial, None] = (OPTED_OUT, _opt_out_source(rng))


def _flag_and_rows_out(made: Past, rng: Random, _: Brand) -> None:
    made.flags, made.everybody_flagged = {"donotbulkemail"}, rng.random() >= shares.SHARED_FLAG_ONLY_ONE
    for brand in BRANDS:
        _brand_out(made, rng, brand)


def _flag_but_rows_in(made: Past, rng: Random, _: Brand) -> None:
    made.flags = {"donotbulkemail"}
    for brand in BRANDS:
        made.rows[brand.commercial, None] = (OPTED_IN, rng.choice((LOADED, PREFERENCE_CENTER)))


def _flag_but_no_rows(made: Past, _rng: Random, _: Brand) -> None:
    made.flags = {"donotbulkemail"}
    made.rows.clear()


def _brand_out_in_step(made: Past, rng: Random, brand: Brand) -> None:
    _brand_out(made, rng, brand)
    made.lists -= {subscription.list for subscription in brand.subscriptions}
    if brand.opt_out_list:
        made.lists.add(brand.opt_out_list)


def _brand_out_still_on_lists(made: Past, rng: Random, brand: Brand) -> None:
    _brand_out(made, rng, brand)
    made.lists.add(rng.choice(brand.subscriptions).list)


def _every_brand_out_flag_clear(made: Past, rng: Random, _: Brand) -> None:
    for brand in BRANDS:
        _brand_out(made, rng, brand)


def _topic_out(made: Past, rng: Random, brand: Brand) -> None:
    subscription = rng.choice(brand.subscriptions)
    made.rows[brand.commercial, subscription.topic] = (OPTED_OUT, _opt_out_source(rng))
    made.lists.discard(subscription.list)


def _topic_out_still_on_list(made: Past, rng: Random, brand: Brand) -> None:
    subscription = rng.choice(brand.subscriptions)
    made.rows[brand.commercial, subscription.topic] = (OPTED_OUT, _opt_out_source(rng))
    made.lists.add(subscription.list)


def _on_opt_out_list_row_disagrees(made: Past, rng: Random, _: Brand) -> None:
    made.rows[CONTOSO.commercial, None] = _origin(rng)
    made.lists.add(str(CONTOSO.opt_out_list))


def _no_email_set_by_sales(made: Past, _rng: Random, _: Brand) -> None:
    made.flags = {"donotemail"}


def _no_tracking(made: Past, _rng: Random, _: Brand) -> None:
    made.flags, made.everybody_flagged = {"msgdpr_donottrack"}, True
    made.rows |= NOT_TRACKED


def _no_tracking_flag_only(made: Past, _rng: Random, _: Brand) -> None:
    made.flags = {"msgdpr_donottrack"}


def _no_tracking_rows_only(made: Past, _rng: Random, _: Brand) -> None:
    made.rows |= NOT_TRACKED


def _no_transactional_mail(made: Past, _rng: Random, _: Brand) -> None:
    made.rows[str(CONTOSO.transactional), None] = (OPTED_OUT, PREFERENCE_CENTER)


def _nothing_special(_made: Past, _rng: Random, _: Brand) -> None:
    """Most people never opted out of anything."""


type Habit = Callable[[Past, Random, Brand], None]

HABITS: dict[Habit, float] = {
    _flag_and_rows_out: shares.FLAG_AND_ROWS_OUT,
    _flag_but_rows_in: shares.FLAG_BUT_ROWS_IN,
    _flag_but_no_rows: shares.FLAG_BUT_NO_ROWS,
    _brand_out_in_step: shares.BRAND_OUT,
    _brand_out_still_on_lists: shares.BRAND_OUT_STILL_ON_LISTS,
    _every_brand_out_flag_clear: shares.EVERY_BRAND_OUT_FLAG_CLEAR,
    _topic_out: shares.TOPIC_OUT,
    _topic_out_still_on_list: shares.TOPIC_OUT_STILL_ON_LIST,
    _on_opt_out_list_row_disagrees: shares.ON_OPT_OUT_LIST_ROW_DISAGREES,
    _no_email_set_by_sales: shares.NO_EMAIL_SET_BY_SALES,
    _no_tracking: shares.NO_TRACKING,
    _no_tracking_flag_only: shares.NO_TRACKING_FLAG_ONLY,
    _no_tracking_rows_only: shares.NO_TRACKING_ROWS_ONLY,
    _no_transactional_mail: shares.NO_TRANSACTIONAL_MAIL,
}
HABITS[_nothing_special] = 1 - sum(HABITS.values())
ALL_HABITS, HABITS_UP_TO = list(HABITS), list(accumulate(HABITS.values()))


def past(rng: Random) -> Past:
    """Make up what one household left behind."""
    made = _ordinary(rng)
    habit = rng.choices(ALL_HABITS, cum_weights=HABITS_UP_TO)[0]
    habit(made, rng, rng.choice(BRANDS))
    return made
