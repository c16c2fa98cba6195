"""Which list stands for which topic, or keeps people out of which brand: by names, and by what members say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from consent_sync.consent.model import PurposeType
from consent_sync.mapping.facts import Facts, ListFacts, ProfileFacts, TopicFacts

from .found import Found, Says

_ENOUGH = 0.6
"""How alike a name must be, from 0 to 1; what members say can make up for a little."""
_A_LITTLE = 0.4
_MOST_ASKED = 200
_OUT = re.compile(
    r"\b(no|not|never|stop|opt(ed)?[ -]?out|unsubscribed?|suppress\w*|exclu\w*|blacklist|abgemeldet|keine?)\b",
    re.IGNORECASE,
)
_FILLERS = {"list", "marketing", "subscription", "subscribers", "the", "of", "for", "from", "mail", "email", "topic"}
_OVERLAP = 0.15
_TABLES = {"contact", "lead"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A topic and the list that seems to stand for it; `alike` is how alike their names are."""

    topic: TopicFacts
    list: ListFacts
    alike: float
    says: Says


@dataclass(frozen=True, slots=True)
class Excluder:
    """A list that seems to keep its members out of a brand; `says` is what they say about its commercial purposes."""

    list: ListFacts
    says: Says


@dataclass(frozen=True, slots=True)
class BrandFound:
    """A compliance profile with commercial purposes, and what seems to belong to it."""

    name: str
    profile: ProfileFacts
    pairs: tuple[Pair, ...]
    excluders: tuple[Excluder, ...]
    alone: tuple[TopicFacts, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """What seems to belong together, and the lists that match nothing."""

    brands: tuple[BrandFound, ...]
    others: tuple[ListFacts, ...]


def worth_asking(facts: Facts) -> list[str]:
    """Give the lists whose members are worth asking: those that sound like a topic, or like keeping people out."""
    usable = [candidate for candidate in facts.lists.values() if candidate.table in _TABLES]
    alike = {c.id: max((_alike(t.name, c.name) for t in facts.topics.values()), default=0.0) for c in usable}
    asked = [c for c in usable if _OUT.search(c.name) or alike[c.id] >= _A_LITTLE]
    return [c.id for c in sorted(asked, key=lambda c: (-alike[c.id], c.id))[:_MOST_ASKED]]


def match(found: Found) -> Matches:
    """Put topics, lists and brands together; each list and each topic is used once, the best fit first."""
    facts = found.facts
    profiles = sorted((p for p in facts.profiles.values() if _commercial(p, facts)), key=lambda p: (p.name, p.id))
    usable = [candidate for candidate in facts.lists.values() if candidate.table in _TABLES]
    excluding = [candidate for candidate in usable if _OUT.search(candidate.name)]
    placed = [(_brand_of(candidate, profiles, found), candidate) for candidate in excluding]
    excluders = {p.id: [c for brand, c in placed if brand is p] for p in profiles}
    pairs = _pairs(found, [candidate for candidate in usable if candidate not in excluding])
    taken = {pair.list.id for pair in pairs.values()} | {c.id for of in excluders.values() for c in of}
    names = _names(profiles)
    brands = []
    for profile in profiles:
        topics = sorted((t for t in facts.topics.values() if t.purpose_id in profile.purposes), key=_by_name)
        brands.append(
            BrandFound(
                names[profile.id],
                profile,
                tuple(pairs[t.id] for t in topics if t.id in pairs),
                tuple(
                    Excluder(c, _about(found, c, _commercial(profile, facts)))
                    for c in sorted(excluders[profile.id], key=_by_name)
                ),
                tuple(t for t in topics if t.id not in pairs),
            )
        )
    return Matches(tuple(brands), tuple(sorted((c for c in usable if c.id not in taken), key=_by_name)))


def _pairs(found: Found, lists: Iterable[ListFacts]) -> dict[str, Pair]:
    """Give the best pair of each topic, the most alike first, so that no list is taken twice."""
    candidates = [
        Pair(topic, candidate, _alike(topic.name, candidate.name), _about(found, candidate, [topic.id]))
        for topic in found.facts.topics.values()
        for candidate in lists
    ]
    best = sorted(candidates, key=lambda p: (-_score(found, p), p.topic.name, p.list.name, p.topic.id, p.list.id))
    pairs: dict[str, Pair] = {}
    used: set[str] = set()
    for pair in best:
        if _score(found, pair) >= _ENOUGH and pair.topic.id not in pairs and pair.list.id not in used:
            pairs[pair.topic.id] = pair
            used.add(pair.list.id)
    return pairs


def _score(found: Found, pair: Pair) -> float:
    """How well a pair fits: alike names, and a little for members who spoke about the topic."""
    sampled = found.sampled.get(pair.list.id, 0)
    return pair.alike + (_OVERLAP * pair.says.spoke / sampled if sampled else 0)


def _brand_of(candidate: ListFacts, profiles: list[ProfileFacts], found: Found) -> ProfileFacts | None:
    """Give the brand that a list keeps people out of: the one it names, or the one its members opted out of most."""
    words = _words(candidate.name)
    named = [profile for profile in profiles if _words(profile.name) & words]
    if len(named) == 1:
        return named[0]
    out = {p.id: _about(found, candidate, _commercial(p, found.facts)).opted_out for p in profiles}
    ranked = sorted(profiles, key=lambda p: -out[p.id])
    clear = ranked and out[ranked[0].id] and (len(ranked) == 1 or out[ranked[0].id] > 2 * out[ranked[1].id])
    return ranked[0] if clear else None


def _about(found: Found, candidate: ListFacts, about: Iterable[str]) -> Says:
    said = [found.says.get(candidate.id, {}).get(id_, Says()) for id_ in about]
    return Says(sum(s.opted_in for s in said), sum(s.opted_out for s in said))


def _commercial(profile: ProfileFacts, facts: Facts) -> list[str]:
    return [id_ for id_ in profile.purposes if facts.purposes[id_].type is PurposeType.COMMERCIAL]


def _alike(one: str, other: str) -> float:
    """How alike two names are, whatever the order of their words and the words that say nothing."""
    mine, theirs = _words(one), _words(other)
    if not mine or not theirs:
        return 0.0
    shared = 2 * len(mine & theirs) / (len(mine) + len(theirs))
    return max(shared, SequenceMatcher(None, " ".join(sorted(mine)), " ".join(sorted(theirs))).ratio())


def _words(name: str) -> set[str]:
    words = set(re.findall(r"\w+", name.casefold()))
    return (words - _FILLERS) or words


def _names(profiles: Iterable[ProfileFacts]) -> dict[str, str]:
    """Name each brand after its profile, so that it can stand as a key in the mapping."""
    names: dict[str, str] = {}
    for profile in profiles:
        base = re.sub(r"[^a-z0-9]+", "-", profile.name.casefold()).strip("-") or "brand"
        number = sum(name == base or name.startswith(f"{base}-") for name in names.values())
        names[profile.id] = f"{base}-{number + 1}" if base in names.values() else base
    return names


def _by_name(thing: TopicFacts | ListFacts) -> tuple[str, str]:
    return thing.name, thing.id
