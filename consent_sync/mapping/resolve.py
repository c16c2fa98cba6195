"""From the mapping and the tenant's facts to the landscape that the rules work in."""

from __future__ import annotations

from collections.abc import Iterator

from consent_sync.consent.landscape import Landscape, Meaning, Opened, Policy
from consent_sync.consent.model import Kind, PurposeType, Scope, purpose, tenant, topic

from .facts import Enforcement, Facts, ProfileFacts
from .load import LoadedMapping, MappingError, Problem
from .schema import Brand, PolicyFile

RECORD_SIDE = "contact level"
POINT_SIDE = "contact point level"


def resolve(mapping: LoadedMapping, facts: Facts) -> Landscape:
    """Compile the landscape. Raises :class:`MappingError` where the mapping names what the tenant does not have."""
    if problems := list(_missing(mapping, facts)):
        raise MappingError(mapping.path, problems)
    meanings: dict[tuple[Kind, str], Meaning] = {}
    parents: dict[Scope, Scope] = {}
    by_type: dict[PurposeType, dict[Scope, None]] = {type_: {} for type_ in PurposeType}
    confirmed: set[Scope] = set()
    for column, flag in mapping.file.flags.items():
        scopes = tuple(tenant(type_) for type_ in flag.means)
        meanings[Kind.FLAG, column] = Meaning(scopes, RECORD_SIDE, shadows=True, writable=flag.write)
    for name, brand in mapping.file.brands.items():
        profile = facts.profiles[str(brand.profile)]
        if profile.double_opt_in:
            confirmed |= {purpose(id_) for id_ in profile.purposes}
        for purpose_id in profile.purposes:
            scope, type_ = purpose(purpose_id), facts.purposes[purpose_id].type
            parents[scope] = tenant(type_)
            by_type[type_][scope] = None
            shared = meanings.get((Kind.ROW, str(scope)))
            label = f"{shared.brand}+{name}" if shared else name
            meanings[Kind.ROW, str(scope)] = Meaning((scope,), POINT_SIDE, label, shadows=True, opened=Opened.IN)
        meanings.update(_lists(name, brand, facts))
        for pair in brand.topics:
            scope = topic(str(pair.topic))
            parents[scope] = purpose(facts.topics[scope.id].purpose_id)
            meanings[Kind.ROW, str(scope)] = Meaning((scope,), POINT_SIDE, name, opened=Opened.IN)
    for purpose_id in facts.stray:
        everything = (tenant(PurposeType.COMMERCIAL),)
        meanings[Kind.ROW, str(purpose(purpose_id))] = Meaning(everything, POINT_SIDE, writable=False)
    by_enforcement = {
        model: frozenset(purpose(p.id) for p in facts.purposes.values() if p.enforcement is model) & parents.keys()
        for model in Enforcement
    }
    return Landscape(
        meanings,
        parents,
        {type_: tuple(scopes) for type_, scopes in by_type.items()},
        _policy(mapping.file.policy),
        restrictive=by_enforcement[Enforcement.RESTRICTIVE],
        unenforced=by_enforcement[Enforcement.DISABLED],
        double_opt_in=frozenset(confirmed),
    )


def _policy(file: PolicyFile) -> Policy:
    return Policy(
        file.mode,
        release_flag=file.release_flag == "when_all_in",
        loosened=file.loosened_without_proof,
        flag_for_unwritable_list=file.unwritable_list == "flag",
        brake_share=file.brake.share,
        brake_count=file.brake.count,
    )


def _lists(name: str, brand: Brand, facts: Facts) -> Iterator[tuple[tuple[Kind, str], Meaning]]:
    purposes = (facts.purposes[id_] for id_ in facts.profiles[str(brand.profile)].purposes)
    commercial = tuple(purpose(p.id) for p in purposes if p.type is PurposeType.COMMERCIAL)
    for list_id in brand.opt_out_lists:
        yield (Kind.OPT_OUT_LIST, str(list_id)), Meaning(commercial, RECORD_SIDE, name)
    for pair in brand.topics:
        scopes = (topic(str(pair.topic)),)
        if pair.members == "subscribed":
            yield (Kind.LIST, str(pair.list)), Meaning(scopes, RECORD_SIDE, name, opened=Opened.PRESENT)
        else:
            yield (Kind.OPT_OUT_LIST, str(pair.list)), Meaning(scopes, RECORD_SIDE, name)


def _missing(mapping: LoadedMapping, facts: Facts) -> Iterator[Problem]:
    file = mapping.file
    for table in ("contact", "lead"):
        for i, column in enumerate(getattr(file.contact_points.email, table)):
            if column not in facts.columns[table]:
                where = ("contact_points", "email", table, i)
                yield mapping.problem(where, f"the table {table} has no column '{column}'", "Name a column that exists")
    for column in file.flags:
        types = {columns[column] for columns in facts.columns.values() if column in columns}
        if not types:
            yield mapping.problem(("flags", column), "neither contact nor lead has this column", "Remove the flag")
        elif types != {_YES_OR_NO}:
            says = f"this column is no yes or no: its type is {', '.join(sorted(types - {_YES_OR_NO}))}"
            yield mapping.problem(("flags", column), says, "Name a column of the type Yes/No, or remove the flag")
    for name, brand in file.brands.items():
        yield from _missing_in_brand(mapping, facts, name, brand)
    known = {str(brand.profile) for brand in file.brands.values()} | {str(id_) for id_ in file.unmapped_profiles}
    for profile in facts.profiles.values():
        if profile.id not in known and _commercial(profile, facts):
            says = f"the compliance profile '{profile.name}' ({profile.id}) is not mapped"
            remedy = "Map it as a brand, or list it under unmapped_profiles to leave its consent alone"
            yield mapping.problem(("brands",), says, remedy)


def _commercial(profile: ProfileFacts, facts: Facts) -> bool:
    return any(facts.purposes[id_].type is PurposeType.COMMERCIAL for id_ in profile.purposes)


def _missing_in_brand(mapping: LoadedMapping, facts: Facts, name: str, brand: Brand) -> Iterator[Problem]:
    profile = facts.profiles.get(str(brand.profile))
    if profile is None:
        remedy = "Copy the id of the compliance profile from its record"
        yield mapping.problem(("brands", name, "profile"), "no such compliance profile in this environment", remedy)
        return
    if not _commercial(profile, facts):
        remedy = "Add a commercial purpose to the compliance profile"
        yield mapping.problem(("brands", name, "profile"), "this compliance profile has no commercial purpose", remedy)
    for i, list_id in enumerate(brand.opt_out_lists):
        yield from _wrong_list(mapping, facts, ("brands", name, "opt_out_lists", i), str(list_id))
    for i, pair in enumerate(brand.topics):
        where = ("brands", name, "topics", i)
        found = facts.topics.get(str(pair.topic))
        if found is None:
            yield mapping.problem((*where, "topic"), "no such topic in this environment", "Copy the id from its record")
        elif found.purpose_id not in profile.purposes:
            remedy = "Map the topic under the brand whose compliance profile has its purpose"
            yield mapping.problem((*where, "topic"), "this topic's purpose is not one of this brand's", remedy)
        yield from _wrong_list(mapping, facts, (*where, "list"), str(pair.list))


def _wrong_list(mapping: LoadedMapping, facts: Facts, where: tuple[str | int, ...], list_id: str) -> Iterator[Problem]:
    found = facts.lists.get(list_id)
    if found is None:
        remedy = "Copy the id of the marketing list from its record"
        yield mapping.problem(where, "no such list in this environment", remedy)
    elif found.table not in facts.columns:
        says = f"the members of this list are rows of the table {found.table}, which hold no consent"
        yield mapping.problem(where, says, "Name a list of contacts or of leads, or remove this one")


_YES_OR_NO = "Boolean"
