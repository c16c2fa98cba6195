"""The sample company is reproducible, whole, and as untidy as its shares say."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from local.company import BRANDS, CONTOSO, FABRIKAM, generate, shares
from local.company.brands import setup_rows

OPTED_IN, OPTED_OUT = 534120001, 534120002
CONSENT = "msdynmkt_contactpointconsent4"
ROOT = Path(__file__).parents[2]

type Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def tables() -> Tables:
    made: Tables = defaultdict(list)
    for table, row in generate(20_000, 1):
        made[table].append(row)
    return made


def _holders(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    held = defaultdict(list)
    for record in tables["contact"] + tables["lead"]:
        if record["emailaddress1"]:
            held[record["emailaddress1"].strip().lower()].append(record)
    return held


def _values(tables: Tables) -> dict[tuple[str, str], set[int]]:
    """Values of the purpose rows by (address, purpose)."""
    values = defaultdict(set)
    for row in tables[CONSENT]:
        if not row["_msdynmkt_topicid_value"]:
            values[row["msdynmkt_contactpointvalue"].lower(), row["_msdynmkt_purposeid_value"]].add(
                row["msdynmkt_value"]
            )
    return values


def test_same_seed_gives_the_same_rows_and_another_seed_other_people() -> None:
    assert list(generate(300, 7)) == list(generate(300, 7))
    assert list(generate(300, 7)) != list(generate(300, 8))


@pytest.mark.parametrize("records", [0, 1, 2, 17, 500])
def test_contacts_and_leads_together_are_as_many_as_asked_for(records: int) -> None:
    assert Counter(table in {"contact", "lead"} for table, _ in generate(records, 3))[True] == records


def test_set_up_is_the_same_for_every_size_and_seed() -> None:
    fixed = list(setup_rows())
    assert list(islice(generate(50, 1), len(fixed))) == fixed
    assert list(islice(generate(5, 99), len(fixed))) == fixed


def test_rows_are_streamed() -> None:
    assert len(list(islice(generate(10**9, 1), 1000))) == 1000


def test_ids_are_unique_and_every_lookup_leads_somewhere(tables: Tables) -> None:
    ids = {name: {row[f"{name}id"] for row in rows} for name, rows in tables.items()}
    assert all(len(ids[name]) == len(tables[name]) for name in tables)
    for row in tables[CONSENT]:
        assert row["_msdynmkt_purposeid_value"] in ids["msdynmkt_purpose"]
        assert row["_msdynmkt_topicid_value"] is None or row["_msdynmkt_topicid_value"] in ids["msdynmkt_topic"]
    for row in tables["listmember"]:
        assert row["_listid_value"] in ids["list"]
        assert row["_entityid_value"] in ids["contact"]
    members = Counter((row["_listid_value"], row["_entityid_value"]) for row in tables["listmember"])
    assert max(members.values()) == 1, "nobody is twice on one list"


def test_about_15_percent_of_the_records_are_leads(tables: Tables) -> None:
    share = len(tables["lead"]) / (len(tables["lead"]) + len(tables["contact"]))
    assert share == pytest.approx(0.15, abs=0.01)


def test_12_percent_carry_the_flag_and_the_rows_of_a_third_of_them_disagree(tables: Tables) -> None:
    values = _values(tables)
    flagged = disagreeing = 0
    for address, holders in _holders(tables).items():
        if any(record["donotbulkemail"] for record in holders):
            flagged += 1
            disagreeing += any(OPTED_OUT not in values.get((address, brand.commercial), ()) for brand in BRANDS)
    assert flagged / len(_holders(tables)) == pytest.approx(0.12, abs=0.01)
    assert disagreeing / flagged == pytest.approx(1 / 3, abs=0.05)


def test_some_left_a_brand_and_are_still_on_its_lists(tables: Tables) -> None:
    values = _values(tables)
    lists_of = defaultdict(set)
    for member in tables["listmember"]:
        lists_of[member["_entityid_value"]].add(member["_listid_value"])
    for brand in BRANDS:
        subscribed = {subscription.list for subscription in brand.subscriptions}
        still_on = [
            contact
            for contact in tables["contact"]
            if not contact["donotbulkemail"]
            and OPTED_OUT in values.get(((contact["emailaddress1"] or "").strip().lower(), brand.commercial), ())
            and lists_of[contact["contactid"]] & subscribed
        ]
        expected = shares.BRAND_OUT_STILL_ON_LISTS / 2 * len(tables["contact"])
        assert len(still_on) > expected / 2


def test_some_on_the_opt_out_list_are_opted_in(tables: Tables) -> None:
    values = _values(tables)
    contacts = {contact["contactid"]: contact for contact in tables["contact"]}
    on_list = [row for row in tables["listmember"] if row["_listid_value"] == CONTOSO.opt_out_list]
    addresses = [contacts[row["_entityid_value"]]["emailaddress1"].strip().lower() for row in on_list]
    assert any(OPTED_IN in values[address, CONTOSO.commercial] for address in addresses)
    assert any(OPTED_OUT in values[address, CONTOSO.commercial] for address in addresses)


def test_data_is_untidy(tables: Tables) -> None:
    addresses = [record["emailaddress1"] for record in tables["contact"] + tables["lead"]]
    written = [address for address in addresses if address]
    assert None in addresses
    assert any(address.endswith(" ") for address in written)
    assert any(address != address.lower() for address in written)
    assert any("+" in address for address in written)
    assert any("'" in address for address in written)
    assert any(not address.isascii() for address in written)
    assert any("@" not in address for address in written)
    assert any(record["statecode"] for record in tables["contact"])
    assert any(row["statecode"] for row in tables[CONSENT])
    assert max(len(holders) for holders in _holders(tables).values()) > 3
    assert {row["msdynmkt_source"] for row in tables[CONSENT]} >= {534120000, 534120003, 534120004, 534120005}
    rows = Counter(
        (row["msdynmkt_contactpointvalue"].lower(), row["_msdynmkt_purposeid_value"], row["_msdynmkt_topicid_value"])
        for row in tables[CONSENT]
    )
    assert max(rows.values()) > 1
    assert any(len(values) > 1 for values in _values(tables).values())


def test_the_example_mapping_fits_the_company() -> None:
    mapping = YAML(typ="safe").load(ROOT / "mapping.example.yaml")
    assert mapping["policy"]["mode"] == "two-way"
    assert set(mapping["brands"]) == {"contoso", "fabrikam"}
    for brand in (CONTOSO, FABRIKAM):
        mapped = mapping["brands"][brand.name]
        assert mapped["profile"] == brand.profile
        assert mapped["opt_out_lists"] == ([brand.opt_out_list] if brand.opt_out_list else [])
        assert [(entry["topic"], entry["list"], entry["members"]) for entry in mapped["topics"]] == [
            (subscription.topic, subscription.list, "subscribed") for subscription in brand.subscriptions
        ]
