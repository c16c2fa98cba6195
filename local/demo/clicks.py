"""What a person or an administrator can click, made through the Web API exactly as the product leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.demo.dataverse import address_is

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.company import Brand, Subscription
    from local.demo.dataverse import Dataverse
    from local.demo.place import Person

    type Click = Callable[[Dataverse, Person], None]

EMAIL = 534120000
PURPOSE_CONSENT, TOPIC_CONSENT = 534120000, 534120001
OPTED_OUT = 534120002
PREFERENCE_CENTER, ONE_CLICK = 534120004, 534120007
NO_REASON, ONE_CLICK_REASON = 534119999, 534120007


def set_flag(column: str, *, to: bool = True) -> Click:
    """Set a "do not" column of the contact, or clear it."""
    return lambda dataverse, person: dataverse.change("PATCH", f"contacts({person.contact})", {column: to})


def join_list(list_id: str) -> Click:
    """Put the contact on a list."""

    def join(dataverse: Dataverse, person: Person) -> None:
        dataverse.change("POST", f"lists({list_id})/Microsoft.Dynamics.CRM.AddMemberList", {"EntityId": person.contact})

    return join


def leave_list(list_id: str) -> Click:
    """Take the contact off a list."""

    def leave(dataverse: Dataverse, person: Person) -> None:
        condition = f"_listid_value eq {list_id} and _entityid_value eq {person.contact}"
        for member in dataverse.rows("listmembers", ("listmemberid",), condition):
            dataverse.change("DELETE", f"listmembers({member['listmemberid']})")

    return leave


def answer(brand: Brand, value: int, *topics: Subscription | None) -> Click:
    """Set the rows of these topics (None: of the commercial purpose itself) as the brand's preference centre does."""
    said = {"msdynmkt_value": value, "msdynmkt_source": PREFERENCE_CENTER, "msdynmkt_logicalreason": NO_REASON}

    def make(dataverse: Dataverse, person: Person) -> None:
        for topic in topics:
            _write_row(dataverse, person, brand.commercial, topic, said)

    return make


def one_click(brand: Brand) -> Click:
    """Unsubscribe from the brand in the mail program, from a mail that names no topic."""
    said = {"msdynmkt_value": OPTED_OUT, "msdynmkt_source": ONE_CLICK, "msdynmkt_logicalreason": ONE_CLICK_REASON}
    return lambda dataverse, person: _write_row(dataverse, person, brand.commercial, None, said)


def _write_row(
    dataverse: Dataverse, person: Person, purpose: str, topic: Subscription | None, said: dict[str, Any]
) -> None:
    condition = (
        f"{address_is(person.address)} and _msdynmkt_purposeid_value eq {purpose}"
        f" and _msdynmkt_topicid_value eq {topic.topic if topic else 'null'}"
    )
    table_set, key = "msdynmkt_contactpointconsent4s", "msdynmkt_contactpointconsent4id"
    if found := dataverse.rows(table_set, (key,), condition):
        for row in found:
            dataverse.change("PATCH", f"{table_set}({row[key]})", said)
        return
    about: dict[str, Any] = {
        "msdynmkt_contactpointvalue": person.address,
        "msdynmkt_contactpointtype": EMAIL,
        "msdynmkt_contactpointconsenttype": TOPIC_CONSENT if topic else PURPOSE_CONSENT,
        "msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({purpose})",
    }
    if topic:
        about["msdynmkt_topicId@odata.bind"] = f"/msdynmkt_topics({topic.topic})"
    dataverse.change("POST", table_set, about | said)
