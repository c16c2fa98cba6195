"""What the tenant had once is remembered, and what it never had is not invented."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from consent_sync.consent.model import PurposeType
from consent_sync.mapping.facts import Enforcement, Facts, ListFacts, ProfileFacts, PurposeFacts, TopicFacts
from consent_sync.mapping.load import load_mapping
from consent_sync.mapping.memory import from_json, lost_names, named_facts, to_json, with_memory

MAPPING = load_mapping(Path(__file__).parents[2] / "mapping.example.yaml").file
CONTOSO, FABRIKAM = MAPPING.brands.values()
SHARED = "shared"


def purpose_of(id_: str) -> PurposeFacts:
    return PurposeFacts(id_, id_, PurposeType.COMMERCIAL, Enforcement.NON_RESTRICTIVE)


def tenant() -> Facts:
    """Give a tenant that has all that the example names: a purpose for each brand, and one that both have."""
    brands = {"c": CONTOSO, "f": FABRIKAM}
    pairs = [(own, pair) for own, brand in brands.items() for pair in brand.topics]
    lists = [str(id_) for id_ in CONTOSO.opt_out_lists] + [str(pair.list) for _, pair in pairs]
    return Facts(
        {str(b.profile): ProfileFacts(str(b.profile), own, (own, SHARED), False) for own, b in brands.items()},
        {id_: purpose_of(id_) for id_ in (*brands, SHARED)},
        {str(pair.topic): TopicFacts(str(pair.topic), "", own) for own, pair in pairs},
        {id_: ListFacts(id_, "", "contact", writable=True) for id_ in lists},
        {"contact": {}, "lead": {}},
    )


def less(facts: Facts, what: str, id_: str) -> Facts:
    return replace(facts, **{what: {key: value for key, value in getattr(facts, what).items() if key != id_}})


def test_what_is_remembered_survives_the_ledger_and_comes_in_one_order() -> None:
    facts = tenant()
    turned = replace(facts, lists=dict(reversed(facts.lists.items())), topics=dict(reversed(facts.topics.items())))
    stored = to_json(named_facts(MAPPING, facts))
    assert stored == to_json(named_facts(MAPPING, turned))
    assert with_memory(MAPPING, facts, from_json(stored)) == facts


def test_what_the_mapping_does_not_name_is_not_remembered() -> None:
    facts = tenant()
    more = replace(facts, purposes={**facts.purposes, "other": purpose_of("other")})
    assert "other" not in named_facts(MAPPING, more).purposes
    assert with_memory(MAPPING, facts, more).gone == frozenset()


def test_what_was_never_there_stays_missing() -> None:
    list_id = str(CONTOSO.topics[0].list)
    without = less(tenant(), "lists", list_id)
    assert list_id not in with_memory(MAPPING, without, without).lists


def test_a_lost_list_freezes_itself() -> None:
    list_id = str(CONTOSO.topics[0].list)
    whole = with_memory(MAPPING, less(tenant(), "lists", list_id), tenant())
    assert whole.lists.keys() == tenant().lists.keys()
    assert lost_names(MAPPING, whole) == {list_id}


def test_a_lost_topic_freezes_its_pair() -> None:
    pair = CONTOSO.topics[0]
    whole = with_memory(MAPPING, less(tenant(), "topics", str(pair.topic)), tenant())
    assert lost_names(MAPPING, whole) == {f"topic:{pair.topic}", str(pair.list)}


def test_a_lost_purpose_freezes_its_topics_even_where_these_no_longer_say_whose_they_are() -> None:
    facts = less(tenant(), "purposes", "c")
    orphaned = {id_: replace(t, purpose_id="") if t.purpose_id == "c" else t for id_, t in facts.topics.items()}
    profiles = {id_: replace(p, purposes=tuple({*p.purposes} - {"c"})) for id_, p in facts.profiles.items()}
    whole = with_memory(MAPPING, replace(facts, topics=orphaned, profiles=profiles), tenant())
    pairs = {name for pair in CONTOSO.topics for name in (f"topic:{pair.topic}", str(pair.list))}
    assert lost_names(MAPPING, whole) == {"purpose:c"} | pairs
    assert whole.profiles[str(CONTOSO.profile)].purposes == ("c", SHARED)


def test_a_purpose_that_only_left_its_profile_is_not_lost() -> None:
    facts = tenant()
    profile = replace(facts.profiles[str(CONTOSO.profile)], purposes=("c",))
    whole = with_memory(MAPPING, replace(facts, profiles={**facts.profiles, profile.id: profile}), tenant())
    assert whole.gone == frozenset()
    assert whole.profiles[profile.id].purposes == ("c",)


def test_a_lost_profile_freezes_its_purposes_but_not_those_that_another_brand_has_too() -> None:
    whole = with_memory(MAPPING, less(tenant(), "profiles", str(CONTOSO.profile)), tenant())
    names = lost_names(MAPPING, whole)
    assert "purpose:c" in names
    assert f"purpose:{SHARED}" not in names
    assert whole.stray == ()
