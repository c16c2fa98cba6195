"""The proposal: a commented mapping in which everything is filled in but what only a person can know. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from consent_sync.mapping.facts import Enforcement, Facts, ListFacts

from .found import Found, Says
from .match import BrandFound, Excluder, Matches, Pair

_HEAD = """\
# yaml-language-server: $schema=docs/mapping.schema.json
# A proposal made by `python -m consent_sync discover`. Read it from top to bottom: what a list means is left for you.
# Wherever it says CHOOSE, take the # away from one line. mapping.example.yaml explains every part.

version: 1

contact_points:
  email:
"""
_POLICY = """\
policy:
  # observe: writes nothing and shows what it would do. Then restrict, then two-way: docs/policy.md.
  mode: observe
  trusted_opt_in_sources: [preference_center, realtime_form]
  brake: {share: 0.05, count: 500}
"""
_MOST = 50
_FLAGS = (
    ("donotbulkemail", "{means: [commercial], write: true}", ""),
    (
        "donotemail",
        "{means: [commercial, transactional], write: false}",
        "read only: it also stops mail from sales people",
    ),
    ("msgdpr_donottrack", "{means: [tracking], write: true}", ""),
)


def proposal(found: Found, matches: Matches) -> str:
    """Give the text of the mapping."""
    lines = [_HEAD.rstrip("\n"), *_columns(found.facts), "", "flags:", *_flags(found.facts), "", "brands:"]
    for brand in matches.brands:
        lines += [*_brand(found, brand), ""]
    if not matches.brands:
        lines += ["  # There is no compliance profile with a commercial purpose: nothing to keep in step.", ""]
    if matches.others:
        lines += ["# Lists that match nothing:", *(f"#   {_named(other)}" for other in matches.others[:_MOST])]
        lines += [f"#   and {len(matches.others) - _MOST} more"] if len(matches.others) > _MOST else []
        lines += [""]
    return "\n".join([*lines, _POLICY])


def _columns(facts: Facts) -> Iterator[str]:
    for table in ("contact", "lead"):
        further = [name for name in ("emailaddress2", "emailaddress3") if name in facts.columns[table]]
        yield f"    {table}: [emailaddress1]  # also here: {', '.join(further) or 'none'}"


def _flags(facts: Facts) -> Iterator[str]:
    for name, meaning, why in _FLAGS:
        where = [table for table, columns in facts.columns.items() if columns.get(name) == "Boolean"]
        notes = [why, *([f"{where[0]}s only"] if len(where) == 1 else [])]
        note = "; ".join(note for note in notes if note)
        if where:
            yield f"  {name}: {meaning}{f'  # {note}' if note else ''}"


def _brand(found: Found, brand: BrandFound) -> Iterator[str]:
    yield f"  {brand.name}:"
    yield f"    profile: {brand.profile.id}  # {_quiet(brand.profile.name)}"
    for id_ in brand.profile.purposes:
        purpose = found.facts.purposes[id_]
        warn = ": opt-outs are ignored there!" if purpose.enforcement is Enforcement.DISABLED else ""
        yield f"    # purpose {_quiet(purpose.name)}: {purpose.type}, {purpose.enforcement}{warn}"
    yield "    opt_out_lists: ["
    for excluder in brand.excluders:
        yield from _excluder(found, brand, excluder)
    yield "    ]"
    yield f"    topics:{'' if brand.pairs else ' []'}"
    for pair in brand.pairs:
        yield from _pair(found, pair)
    for topic in brand.alone:
        yield f"      # topic {_quiet(topic.name)} ({topic.id}): no list seems to stand for it"


def _excluder(found: Found, brand: BrandFound, excluder: Excluder) -> Iterator[str]:
    says = _spoken(found, excluder.list, excluder.says)
    yield f"      # CHOOSE: does being on {_named(excluder.list)} mean no mail from {brand.name}? {says}"
    yield f'      # "{excluder.list.id}",'


def _pair(found: Found, pair: Pair) -> Iterator[str]:
    yield f"      # topic {_quiet(pair.topic.name)}, {_named(pair.list)}: names {pair.alike:.0%} alike"
    yield f"      - topic: {pair.topic.id}"
    yield f"        list: {pair.list.id}"
    made = " It was made for subscribing." if pair.list.id in found.subscriptions else ""
    yield f"        # CHOOSE: what does being on this list mean? {_spoken(found, pair.list, pair.says)}{made}"
    yield "        # members: subscribed"
    yield "        # members: opted_out"
    yield "        trust_membership: false"


def _spoken(found: Found, of: ListFacts, says: Says) -> str:
    sampled = found.sampled.get(of.id, 0)
    return f"Of {sampled} members looked at, {says.opted_in} opted in and {says.opted_out} opted out."


def _named(found: ListFacts) -> str:
    notes = [f"{found.table}s", *(() if found.writable else ("not writable",))]
    return f'the list "{_quiet(found.name)}" ({found.id}, {", ".join(notes)})'


def _quiet(name: str) -> str:
    """Give a name for a comment: on one line, whatever is in it."""
    return "".join(letter for letter in " ".join(name.split()) if letter.isprintable())
