"""What people do in the show, and what has to be different afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.company import CONTOSO, FABRIKAM, Subscription
from local.demo import place
from local.demo.clicks import answer, leave_list, one_click, set_flag
from local.demo.place import CLEAR, IN, MEMBER, NO_BULK_EMAIL, NOT_MEMBER, OUT, SET

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.demo.dataverse import Dataverse
    from local.demo.place import Person, State

NEWSLETTER, OFFERS = CONTOSO.subscriptions
EVENTS, TIPS = FABRIKAM.subscriptions
CONTOSO_MAIL, FABRIKAM_MAIL = (place.ROWS[brand.commercial, None] for brand in (CONTOSO, FABRIKAM))
CONTOSO_OPT_OUT = place.LISTS[str(CONTOSO.opt_out_list)]


@dataclass(frozen=True, eq=False, slots=True)
class Act:
    """One thing a person does.

    `title` completes "Anna ..."; `fits` tells whether showing it with a person who stands like this makes sense;
    `make` does it; `then` is everything that has to be different afterwards, told as `outcome`; `same_person_as` is an
    earlier act whose person does this too.
    """

    title: str
    outcome: str
    fits: Callable[[State], bool]
    make: Callable[[Dataverse, Person], None]
    then: State
    same_person_as: Act | None = None


def _topic(subscription: Subscription) -> str:
    return f"{subscription.name} topic"


def _list(subscription: Subscription) -> str:
    return f"{subscription.name} list"


def _open(state: State) -> bool:
    """Nobody stopped anything, and both brands have an opt-in."""
    return state[NO_BULK_EMAIL] == CLEAR and state["do not email"] == CLEAR and OUT not in state.values()


def _subscribed(*subscriptions: Subscription) -> Callable[[State], bool]:
    return lambda state: _open(state) and all(state[_list(each)] == MEMBER for each in subscriptions)


STOP_EVERYTHING = {NO_BULK_EMAIL: SET, CONTOSO_MAIL: OUT, FABRIKAM_MAIL: OUT}

UNSUBSCRIBES = Act(
    "unsubscribes from everything, on the contact",
    "opted out of both brands in real-time",
    _open,
    set_flag("donotbulkemail"),
    STOP_EVERYTHING,
)
LEAVES_CONTOSO = Act(
    "opts out of Contoso, in its preference centre",
    "off Contoso's lists, on its opt-out list; Fabrikam and the flag as before",
    _subscribed(NEWSLETTER, EVENTS),
    answer(CONTOSO, place.OPTED_OUT, None),
    {
        CONTOSO_MAIL: OUT,
        _list(NEWSLETTER): NOT_MEMBER,
        _list(OFFERS): NOT_MEMBER,
        CONTOSO_OPT_OUT: MEMBER,
    },
)
LEAVES_FABRIKAM_TOO = Act(
    "opts out of Fabrikam too, the last brand",
    "do not bulk email is set",
    lambda state: (state[CONTOSO_MAIL], state[NO_BULK_EMAIL]) == (OUT, CLEAR),
    answer(FABRIKAM, place.OPTED_OUT, None),
    {FABRIKAM_MAIL: OUT, NO_BULK_EMAIL: SET},
    same_person_as=LEAVES_CONTOSO,
)
LEAVES_LIST = Act(
    "is taken off the Fabrikam service tips list",
    "the topic is opted out, everything else as before",
    _subscribed(TIPS),
    leave_list(TIPS.list),
    {_list(TIPS): NOT_MEMBER, _topic(TIPS): OUT},
)
LEAVES_TOPIC = Act(
    "opts out of Contoso offers, in the preference centre",
    "off the list, everything else as before",
    _subscribed(OFFERS),
    answer(CONTOSO, place.OPTED_OUT, OFFERS),
    {_topic(OFFERS): OUT, _list(OFFERS): NOT_MEMBER},
)
ONE_CLICK_UNSUBSCRIBE = Act(
    "clicks unsubscribe in the mail program, on a Fabrikam mail",
    "off Fabrikam's lists; Contoso and the flag as before",
    lambda state: _subscribed(EVENTS)(state) and state[FABRIKAM_MAIL] == IN,
    one_click(FABRIKAM),
    {FABRIKAM_MAIL: OUT, _list(EVENTS): NOT_MEMBER, _list(TIPS): NOT_MEMBER},
)
COMES_BACK = Act(
    "opts in again to the Contoso newsletter, in the preference centre",
    "off the opt-out list, back on the newsletter list",
    lambda state: (
        (state[NO_BULK_EMAIL], state["do not email"], state[CONTOSO_MAIL]) == (CLEAR, CLEAR, OUT)
        and state[CONTOSO_OPT_OUT] == MEMBER
        and state[_topic(NEWSLETTER)] != OUT
    ),
    answer(CONTOSO, place.OPTED_IN, None, NEWSLETTER),
    {CONTOSO_MAIL: IN, _topic(NEWSLETTER): IN, CONTOSO_OPT_OUT: NOT_MEMBER, _list(NEWSLETTER): MEMBER},
)

LIVE = (
    UNSUBSCRIBES,
    LEAVES_CONTOSO,
    LEAVES_FABRIKAM_TOO,
    LEAVES_LIST,
    LEAVES_TOPIC,
    ONE_CLICK_UNSUBSCRIBE,
    COMES_BACK,
)
WITHOUT_WEBHOOK = Act(
    "unsubscribes from everything, and the webhook gets lost",
    "found by the sweep: opted out of both brands in real-time",
    _open,
    set_flag("donotbulkemail"),
    STOP_EVERYTHING,
)


class NobodyFitsError(Exception):
    """The company is too small to show an act; make it larger with --contacts."""


def cast(start: dict[Person, State], now: dict[Person, State]) -> dict[Act, Person]:
    """Choose a person for each act by how people stand `now`, another one for each.

    Who comes back should have been on the list at the `start`, so that there is something to come back to.
    """
    chosen: dict[Act, Person] = {}
    for act in (*LIVE, WITHOUT_WEBHOOK):
        if act.same_person_as:
            chosen[act] = chosen[act.same_person_as]
            continue
        fitting = [person for person, state in now.items() if act.fits(state) and person not in chosen.values()]
        if not fitting:
            raise NobodyFitsError(f"Nobody in this company could show: {act.title}. Try again with --contacts 2000.")
        was_on_list = [each for each in fitting if start[each][_list(NEWSLETTER)] == MEMBER]
        chosen[act] = next(iter(was_on_list or fitting))
    return chosen
