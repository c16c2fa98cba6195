"""The show's independent check notices every way in which a company can contradict a person's word."""

from __future__ import annotations

from typing import Any

import pytest

from local.company import BRANDS, CONTOSO, FABRIKAM
from local.demo.check import contradictions, same, tightened

OPTED_IN, OPTED_OUT = 534120001, 534120002
ADDRESS = "anna@example.com"
NEWSLETTER = CONTOSO.subscriptions[0]

type Tables = dict[str, list[dict[str, Any]]]


def _company(*flags: str, rows: dict[tuple[str | None, str | None], int] | None = None, lists: str = "") -> Tables:
    """One contact with these flags, consent values by (purpose, topic), on these lists (ids separated by spaces)."""
    record = {"contactid": "anna", "emailaddress1": "Anna@Example.com ", "statecode": 0}
    record |= {flag: flag in flags for flag in ("donotbulkemail", "donotemail", "msgdpr_donottrack")}
    consent = [_row(*key, value) for key, value in (rows or {}).items()]
    members = [{"_entityid_value": "anna", "_listid_value": each} for each in lists.split()]
    return {"contact": [record], "lead": [], "msdynmkt_contactpointconsent4": consent, "listmember": members}


def _row(purpose: str | None, topic: str | None, value: int) -> dict[str, Any]:
    return {
        "msdynmkt_contactpointvalue": ADDRESS,
        "_msdynmkt_purposeid_value": purpose,
        "_msdynmkt_topicid_value": topic,
        "msdynmkt_value": value,
    }


ALL_OUT = {(brand.commercial, None): OPTED_OUT for brand in BRANDS}
CONTOSO_OUT = {(CONTOSO.commercial, None): OPTED_OUT}
IN_STEP = {
    "nothing said": _company(),
    "opted in and subscribed": _company(rows={(CONTOSO.commercial, None): OPTED_IN}, lists=NEWSLETTER.list),
    "everything stopped, still on a list": _company("donotbulkemail", rows=dict(ALL_OUT), lists=NEWSLETTER.list),
    "one brand out": _company(rows=dict(CONTOSO_OUT), lists=f"{CONTOSO.opt_out_list} {FABRIKAM.subscriptions[0].list}"),
    "topic out": _company(rows={(CONTOSO.commercial, NEWSLETTER.topic): OPTED_OUT}),
}
CONTRADICTING = {
    "flag only": (_company("donotbulkemail"), 2),
    "flag, one brand's row missing": (_company("donotbulkemail", rows=dict(CONTOSO_OUT)), 1),
    "sales flag only": (_company("donotemail", rows=dict(ALL_OUT)), 2),  # transactional row, and the other flag
    "every brand out, flag clear": (_company(rows=dict(ALL_OUT), lists=str(CONTOSO.opt_out_list)), 1),
    "brand out, not on its opt-out list": (_company(rows=dict(CONTOSO_OUT)), 1),
    "brand out, still subscribed": (
        _company(rows=dict(CONTOSO_OUT), lists=f"{CONTOSO.opt_out_list} {NEWSLETTER.list}"),
        1,
    ),
    "on the opt-out list, opted in": (
        _company(rows={(CONTOSO.commercial, None): OPTED_IN}, lists=str(CONTOSO.opt_out_list)),
        1,
    ),
    "topic out, still subscribed": (
        _company(rows={(CONTOSO.commercial, NEWSLETTER.topic): OPTED_OUT}, lists=NEWSLETTER.list),
        1,
    ),
    "do not track only": (_company("msgdpr_donottrack"), 2),
    "tracking rows only": (_company(rows={(brand.tracking, None): OPTED_OUT for brand in BRANDS}), 1),
}


@pytest.mark.parametrize("name", IN_STEP)
def test_a_company_in_step_has_no_contradiction(name: str) -> None:
    assert contradictions(IN_STEP[name]) == []


@pytest.mark.parametrize("name", CONTRADICTING)
def test_every_contradiction_is_found(name: str) -> None:
    tables, expected = CONTRADICTING[name]
    assert len(contradictions(tables)) == expected


def test_a_duplicate_that_disagrees_is_found() -> None:
    tables = IN_STEP["one brand out"]
    doubled = tables | {
        "msdynmkt_contactpointconsent4": [
            *tables["msdynmkt_contactpointconsent4"],
            _row(CONTOSO.commercial, None, OPTED_IN),
        ]
    }
    assert [each.what for each in contradictions(doubled)] == ["one consent row says stop, its duplicate does not"]


def test_somebody_behind_a_shared_address_is_found() -> None:
    tables = _company("donotbulkemail", rows=dict(ALL_OUT))
    tables["lead"].append({"leadid": "ben", "emailaddress1": ADDRESS, "statecode": 0, "donotbulkemail": False})
    assert [each.what for each in contradictions(tables)] == [
        "opted out of every brand or on a shared address, flag still clear"
    ]


def test_stopping_somebody_who_never_asked_is_found() -> None:
    before = IN_STEP["opted in and subscribed"]
    stopped = _company("donotbulkemail", rows=dict(ALL_OUT), lists=NEWSLETTER.list)
    off_the_list = _company(rows={(CONTOSO.commercial, None): OPTED_IN})
    assert len(tightened(before, stopped, set())) == 1
    assert len(tightened(before, off_the_list, set())) == 1
    assert tightened(before, stopped, {ADDRESS}) == []
    assert tightened(before, before, set()) == []


@pytest.mark.parametrize(
    ("written", "address"),
    [(" Anna@Example.COM ", ADDRESS), ("n/a", None), ("@example.com", None), ("anna.example.com", None), (None, None)],
)
def test_an_address_is_the_same_however_it_was_typed(written: str | None, address: str | None) -> None:
    assert same(written) == address
