"""Whether the environment has what the mapping and the service need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from consent_sync.dataverse.metadata import Metadata, TableMetadata
from consent_sync.engine.enforcement import changes
from consent_sync.mapping.facts import Enforcement, Facts
from consent_sync.mapping.load import MappingError
from consent_sync.mapping.resolve import resolve
from consent_sync.mapping.schema import MappingFile
from consent_sync.tenant import tables
from consent_sync.tenant.facts import read_facts

from .finding import Finding, Patient, failing, good, warning

_NEEDED = (
    *tables.RECORD_SETS,
    "list",
    "listmember",
    tables.ROW_TABLE,
    "msdynmkt_purpose",
    "msdynmkt_topic",
    "msdynmkt_compliancesettings4",
)
_TELLING = {*tables.RECORD_SETS, tables.ROW_TABLE}
_RECENT = timedelta(days=30)


def metadata(patient: Patient) -> Iterator[Finding]:
    """Look for tables, the optional columns that the mapping uses, change tracking and auditing."""
    found = Metadata(patient.client).tables(_NEEDED)
    for name in (name for name, table in found.items() if table is None):
        remedy = "Install Customer Insights - Journeys, or Sales for lists and leads, in this environment."
        yield failing("tables", f"there is no table {name}", remedy)
    known = [table for table in found.values() if table]
    if len(known) == len(_NEEDED):
        yield good("tables", f"all {len(_NEEDED)} are there")
    yield from _columns(patient.mapping.file, found)
    untracked = [table.name for table in known if table.name in tables.FEEDS and not table.change_tracking]
    off = f"off for {', '.join(untracked)}: the sweep goes by the times of their rows"
    yield good("change tracking", off if untracked else "on wherever consent stands")
    unaudited = [table.name for table in known if table.name in _TELLING and not table.audited]
    if unaudited:
        remedy = "Turn auditing on for these tables, if you want Dataverse itself to tell who changed what."
        yield warning("auditing", f"off for {', '.join(unaudited)}", remedy)
    else:
        yield good("auditing", "on wherever consent stands")


def _columns(mapping: MappingFile, found: dict[str, TableMetadata | None]) -> Iterator[Finding]:
    """Say which mapped flag is on which table: a column may come with a solution that only one of them has."""
    places = {
        flag: [name for name in tables.RECORD_SETS if (table := found[name]) and flag in table.columns]
        for flag in mapping.flags
    }
    for flag, where in places.items():
        if not where:
            yield failing("columns", f"neither contact nor lead has {flag}", "Remove the flag from the mapping.")
    partly = [f"{flag} on {where[0]} only" for flag, where in places.items() if len(where) == 1]
    if all(places.values()):
        yield good("columns", "; ".join(["every mapped flag is there", *partly]))


def mapping(patient: Patient) -> Iterator[Finding]:
    """Hold the mapping against the environment, and look how strictly its purposes are enforced."""
    loaded = patient.mapping
    facts = read_facts(patient.client, loaded.file)
    try:
        resolve(loaded, facts)
    except MappingError as error:
        for problem in error.problems:
            says = f"{loaded.path}:{problem.line}: {problem.key}: {problem.says}"
            yield failing("mapping", says, problem.remedy)
    else:
        pairs = sum(len(brand.topics) for brand in loaded.file.brands.values())
        yield good("mapping", f"{len(loaded.file.brands)} brands, {pairs} topics with a list; all of it is here")
    yield from _enforcement(loaded.file, facts)


def _enforcement(file: MappingFile, facts: Facts) -> Iterator[Finding]:
    disabled = list(_disabled(file, facts))
    for brand, purpose in disabled:
        says = f"the purpose '{purpose}' of {brand} is Disabled: mail is sent to those who opted out of it, too"
        yield warning("enforcement", says, "Set its enforcement model for e-mail to Non-restrictive or Restrictive.")
    if not disabled:
        yield good("enforcement", "every purpose of the mapped brands is enforced")


def _disabled(file: MappingFile, facts: Facts) -> Iterator[tuple[str, str]]:
    for name, brand in file.brands.items():
        profile = facts.profiles.get(str(brand.profile))
        for id_ in profile.purposes if profile else ():
            if facts.purposes[id_].enforcement is Enforcement.DISABLED:
                yield name, facts.purposes[id_].name


def enforcement_changes(patient: Patient) -> Iterator[Finding]:
    """Tell of purposes whose enforcement was changed lately, as far as the service saw it."""
    for change in changes(patient.service.ledger):
        if datetime.now(UTC) - change.seen < _RECENT:
            says = f"the purpose {change.purpose} went from {change.before} to {change.after}"
            remedy = "Make sure that this was meant: it decides what an opt-out, or no word at all, is worth there."
            yield warning("enforcement", f"{says}, seen {change.seen:%Y-%m-%d %H:%M}", remedy)
