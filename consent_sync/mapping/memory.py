"""What the mapping names and the tenant no longer has: known from an earlier look, and left alone until it is back.

A thing that was never there is a mistake in the mapping; one that was there and is gone was taken away by somebody, and
says nothing about what the people want.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from consent_sync.consent.model import purpose, topic

from .facts import Facts, ProfileFacts
from .schema import Brand, MappingFile


def named_facts(mapping: MappingFile, facts: Facts) -> Facts:
    """Cut `facts` to what `mapping` names, in one order: this much is worth remembering."""
    brands = mapping.brands.values()
    profiles = {id_: facts.profiles[id_] for id_ in sorted(str(b.profile) for b in brands) if id_ in facts.profiles}
    pairs = [pair for brand in brands for pair in brand.topics]
    topics = {id_: facts.topics[id_] for id_ in sorted(str(p.topic) for p in pairs) if id_ in facts.topics}
    wanted = {id_ for p in profiles.values() for id_ in p.purposes} | {t.purpose_id for t in topics.values()}
    lists = {str(pair.list) for pair in pairs} | {str(id_) for brand in brands for id_ in brand.opt_out_lists}
    return Facts(
        profiles,
        {id_: facts.purposes[id_] for id_ in sorted(wanted) if id_ in facts.purposes},
        topics,
        {id_: facts.lists[id_] for id_ in sorted(lists) if id_ in facts.lists},
        columns={},
    )


def with_memory(mapping: MappingFile, facts: Facts, remembered: Facts) -> Facts:
    """Put back into `facts` what `mapping` names and an earlier look `remembered`; `gone` says what that is."""
    known = named_facts(mapping, remembered)
    lost = {
        id_
        for before, now in (
            (known.profiles, facts.profiles),
            (known.purposes, facts.purposes),
            (known.topics, facts.topics),
            (known.lists, facts.lists),
        )
        for id_ in before.keys() - now.keys()
    }
    orphans = {id_: t for id_, t in known.topics.items() if t.purpose_id in lost}
    return Facts(
        {**known.profiles, **{id_: _with_lost(p, known, lost) for id_, p in facts.profiles.items()}},
        {**known.purposes, **facts.purposes},
        {**known.topics, **facts.topics, **orphans},
        {**known.lists, **facts.lists},
        facts.columns,
        frozenset(lost),
        facts.tracked,
    )


def _with_lost(profile: ProfileFacts, known: Facts, lost: set[str]) -> ProfileFacts:
    before = known.profiles.get(profile.id)
    missing = lost.intersection(before.purposes) if before else set()
    return replace(profile, purposes=tuple(sorted({*profile.purposes, *missing})))


def lost_names(mapping: MappingFile, facts: Facts) -> frozenset[str]:
    """Give the names of the locations that stand for what is gone, alone or with the other half of its pair."""
    return frozenset(name for brand in mapping.brands.values() for name in _frozen(brand, facts))


def _frozen(brand: Brand, facts: Facts) -> set[str]:
    profile = facts.profiles.get(str(brand.profile))
    if profile is None:
        return set()
    living = {id_ for p in facts.profiles.values() if p.id not in facts.gone for id_ in p.purposes} - facts.gone
    lost = set(profile.purposes) - living
    frozen = {str(purpose(id_)) for id_ in lost}
    for pair in brand.topics:
        topic_id, list_id = str(pair.topic), str(pair.list)
        known = facts.topics.get(topic_id)
        if known and (topic_id in facts.gone or known.purpose_id in lost):
            frozen |= {str(topic(topic_id)), list_id}
    lists = {str(pair.list) for pair in brand.topics} | {str(id_) for id_ in brand.opt_out_lists}
    return frozen | (facts.gone & lists)


def to_json(facts: Facts) -> str:
    """Give the stored form of `facts`."""
    return _FACTS.dump_json(facts).decode()


def from_json(text: str) -> Facts:
    """Read what :func:`to_json` wrote."""
    return _FACTS.validate_json(text)


_FACTS = TypeAdapter(Facts)
