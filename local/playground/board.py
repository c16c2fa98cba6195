"""What stands on the page: the places of both worlds, and what can be clicked at each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.company import BRANDS
from local.demo import place
from local.demo.clicks import OPTED_OUT, answer, join_list, leave_list, one_click, set_flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.company import Brand, Subscription
    from local.demo.clicks import Click
    from local.demo.place import State


@dataclass(frozen=True, slots=True)
class Button:
    """Something to click: `shown_at` says for which states of its place it makes sense."""

    name: str
    label: str
    shown_at: frozenset[str]
    click: Click


@dataclass(frozen=True, slots=True)
class Spot:
    """One place that holds consent, under the name people use for it; `member` is what being on the list means."""

    name: str
    label: str
    buttons: tuple[Button, ...]
    member: str = "in"

    def shown(self, state: State) -> list[Button]:
        """Give the buttons that make sense now."""
        return [button for button in self.buttons if state[self.name] in button.shown_at]


@dataclass(frozen=True, slots=True)
class Group:
    """Places that belong together, under one heading."""

    title: str
    spots: tuple[Spot, ...]


FLAG_LABELS = {"donotbulkemail": ("unsubscribe from everything", "let staff clear it"), "donotemail": ("set", "clear")}
_NOT_OUT = frozenset({place.IN, place.NOT_SET, place.NO_ROW})


def contact_level() -> Iterator[Group]:
    """What outbound marketing, Sales and other makers' tools look at: flags and lists."""
    flags = (
        Spot(
            place.FLAG_NAMES[column],
            place.FLAG_NAMES[column],
            (
                Button(f"{column}-set", label, frozenset({place.CLEAR}), set_flag(column)),
                Button(f"{column}-clear", undo, frozenset({place.SET}), set_flag(column, to=False)),
            ),
        )
        for column, (label, undo) in FLAG_LABELS.items()
    )
    yield Group("The contact", tuple(flags))
    for brand in BRANDS:
        lists = [(each.list, "in", "join", "leave") for each in brand.subscriptions]
        lists += [(brand.opt_out_list, "out", "put on", "take off")] if brand.opt_out_list else []
        spots = (
            Spot(
                place.LISTS[list_id],
                place.LISTS[list_id],
                (
                    Button(f"{list_id}-join", join, frozenset({place.NOT_MEMBER}), join_list(list_id)),
                    Button(f"{list_id}-leave", leave, frozenset({place.MEMBER}), leave_list(list_id)),
                ),
                member,
            )
            for list_id, member, join, leave in lists
        )
        yield Group(f"Lists of {brand.name.title()}", tuple(spots))


def point_level() -> Iterator[Group]:
    """What real-time journeys look at: consent rows of the address, by purpose and topic."""
    for brand in BRANDS:
        mail = place.ROWS[brand.commercial, None]
        buttons = (
            *_answers(brand, None),
            Button(f"{brand.name}-one-click", "one-click unsubscribe", _NOT_OUT, one_click(brand)),
        )
        topics = (
            Spot(place.ROWS[brand.commercial, each.topic], each.name, _answers(brand, each))
            for each in brand.subscriptions
        )
        yield Group(f"Preference centre of {brand.name.title()}", (Spot(mail, "all commercial mail", buttons), *topics))


def _answers(brand: Brand, topic: Subscription | None) -> tuple[Button, Button]:
    name = topic.topic if topic else f"{brand.name}-all"
    return (
        Button(f"{name}-out", "opt out", _NOT_OUT, answer(brand, OPTED_OUT, topic)),
        Button(
            f"{name}-in",
            "opt in",
            frozenset({place.OUT, place.NOT_SET, place.NO_ROW}),
            answer(brand, place.OPTED_IN, topic),
        ),
    )


LEFT, RIGHT = tuple(contact_level()), tuple(point_level())
SPOTS = tuple(spot for group in (*LEFT, *RIGHT) for spot in group.spots)
BUTTONS = {button.name: button for spot in SPOTS for button in spot.buttons}
