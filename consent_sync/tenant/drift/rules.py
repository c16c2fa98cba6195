"""The contradictions that this mapping makes possible, each as a rule of its own.

Only what the rows say now is asked. What only the ledger knows (a location loosened without proof, a member who left,
an address that changed) leaves no contradiction behind and is the other sweeps' to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import product

from consent_sync.consent.landscape import Landscape, Meaning, Mode
from consent_sync.consent.model import Kind, Scope
from consent_sync.tenant import tables
from consent_sync.tenant.observe import Lens

from .model import DriftRule, Membership, RecordTest, RowTest, Says

OUT, OPEN, ANY = Says.OUT, Says.OPEN, Says.ANY


def drift_rules(lens: Lens, born: datetime) -> tuple[DriftRule, ...]:
    """Give the rules; `born` is when the ledger began, for opt-ins from before prove nothing."""
    makers = [_Maker(lens, table, column, born) for table, column in carriers(lens)]
    found = [rule for maker in makers for rule in maker.rules()]
    shared = [rule for one in makers for other in makers for rule in one.shared_with(other)]
    return (*found, *shared, *_among_rows(lens))


def carriers(lens: Lens) -> list[tuple[str, str]]:
    """Give the columns that carry addresses, with their tables."""
    return [(table, column) for table in tables.RECORD_SETS for column in lens.address_columns(table)]


def _among_rows(lens: Lens) -> Iterator[DriftRule]:
    """Rows about one scope at one address of which only some say out, or only some that the product does not find."""
    for (kind, name), meaning in lens.landscape.meanings.items():
        if kind is Kind.ROW and meaning.writable:
            (scope,), shadow = meaning.scopes, _not_stopped(lens.landscape, meaning.scopes[0])
            out = RowTest((scope,), OUT)
            yield DriftRule(f"duplicates/{name}", None, (RowTest((scope,), OPEN), out, *shadow))
            missing = _missing(lens, scope)
            if missing.home:
                yield DriftRule(f"elsewhere/{name}", None, (out, missing, *shadow))


def _missing(lens: Lens, scope: Scope) -> RowTest:
    """There is no row that the product would find."""
    purpose_id = lens.facts.topics[scope.id].purpose_id if scope.kind == "topic" else scope.id
    return RowTest((scope,), ANY, absent=True, home=lens.facts.purposes[purpose_id].business_unit)


def _not_stopped(landscape: Landscape, scope: Scope) -> tuple[RowTest, ...]:
    """A topic's rows are left alone under a purpose that is out."""
    return (RowTest((landscape.parents[scope],), OUT, absent=True),) if scope.kind == "topic" else ()


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which a tenant-wide scope is stopped: by any of these flags, or by all of these rows."""

    rows: tuple[RowTest, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Maker:
    """Makes the rules about records that carry the address in one column."""

    lens: Lens
    table: str
    column: str
    born: datetime

    def rules(self) -> Iterator[DriftRule]:
        """Give all rules with one record."""
        yield from self._flag_but_rows()
        yield from self._rows_but_flag()
        for kind, list_id in self.lens.lists_of(self.table):
            meaning = self._landscape.meanings[kind, list_id]
            if kind is Kind.OPT_OUT_LIST:
                yield from self._opted_out_member(list_id, meaning)
                yield self._rows_but_opt_out_list(list_id, meaning)
            else:
                yield self._rows_but_member(list_id, meaning)
                if self._landscape.policy.mode is Mode.TWO_WAY:
                    yield from self._opted_in(list_id, meaning)

    def shared_with(self, other: _Maker) -> Iterator[DriftRule]:
        """Another record at the same address carries a flag that this one lacks."""
        for flag, meaning in self._writable_flags():
            groups = tuple(other.flags_for(scope) for scope in meaning.scopes)
            if all(groups):
                name = f"shared/{self._carrier}/{flag}/{other.table}.{other.column}"
                yield DriftRule(name, self.record(clear=(flag,)), other=other.record(flagged=groups))

    def record(self, **tests: object) -> RecordTest:
        """Ask for a record of this carrier."""
        witness = next(iter(self.lens.flag_columns(self.table)), None)
        return replace(RecordTest(self.table, self.column, witness), **tests)  # type: ignore[arg-type]

    def flags_for(self, scope: Scope) -> tuple[str, ...]:
        """Flags of the table that stop `scope`."""
        meanings = self._landscape.meanings
        columns = self.lens.flag_columns(self.table)
        return tuple(column for column in columns if scope in meanings[Kind.FLAG, column].scopes)

    def _flag_but_rows(self) -> Iterator[DriftRule]:
        for type_, purposes in self._landscape.purposes.items():
            flags = self.flags_for(Scope("tenant", type_.value))
            if flags and purposes:
                record = self.record(flagged=(flags,))
                yield DriftRule(f"flag-row/{self._carrier}/{type_.value}", record, (RowTest(purposes, OPEN),))
                for purpose in purposes:
                    yield DriftRule(f"flag-missing/{self._carrier}/{purpose}", record, (_missing(self.lens, purpose),))

    def _rows_but_flag(self) -> Iterator[DriftRule]:
        """A flag is to be set where every scope that it stands for is stopped in one of the ways that stop it."""
        for flag, meaning in self._writable_flags():
            ways = [list(self._ways_to_stop(scope, flag)) for scope in meaning.scopes]
            for number, chosen in enumerate(product(*ways)):
                groups = tuple(way.flags for way in chosen if way.flags)
                rows = tuple(test for way in chosen for test in way.rows)
                record = self.record(clear=(flag,), flagged=groups)
                yield DriftRule(f"row-flag/{self._carrier}/{flag}/{number}", record, rows)

    def _ways_to_stop(self, scope: Scope, flag: str) -> Iterator[_Way]:
        landscape = self._landscape
        if others := tuple(other for other in self.flags_for(scope) if other != flag):
            yield _Way(flags=others)
        purposes = landscape.purposes_under(scope)
        if purposes:
            yield _Way(tuple(RowTest((purpose,), OUT) for purpose in purposes))
        alone = tuple(purpose for purpose in purposes if purpose in landscape.unenforced)
        if len(purposes) > 1 and alone:
            yield _Way((RowTest(alone, OUT),))
        if strays := self._strays(scope):
            yield _Way((RowTest(strays, OUT),))

    def _opted_out_member(self, list_id: str, meaning: Meaning) -> Iterator[DriftRule]:
        record = self.record(membership=Membership(Kind.OPT_OUT_LIST, list_id, on=True))
        for scope in meaning.scopes:
            name, shadow = f"{self._carrier}/{list_id}/{scope}", _not_stopped(self._landscape, scope)
            yield DriftRule(f"opt-out-row/{name}", record, (RowTest((scope,), OPEN), *shadow))
            yield DriftRule(f"opt-out-missing/{name}", record, (_missing(self.lens, scope), *shadow))

    def _rows_but_opt_out_list(self, list_id: str, meaning: Meaning) -> DriftRule:
        membership = Membership(Kind.OPT_OUT_LIST, list_id, on=False)
        record = self.record(clear=self._shadows(meaning.scopes), membership=membership)
        rows = tuple(RowTest(self._stopping(scope), OUT) for scope in meaning.scopes)
        return DriftRule(f"row-opt-out/{self._carrier}/{list_id}", record, rows)

    def _rows_but_member(self, list_id: str, meaning: Meaning) -> DriftRule:
        membership = Membership(Kind.LIST, list_id, on=True)
        record = self.record(clear=self._shadows(meaning.scopes), membership=membership)
        rows = (RowTest(self._stopping(meaning.scopes[0]), OUT),)
        return DriftRule(f"row-member/{self._carrier}/{list_id}", record, rows)

    def _opted_in(self, list_id: str, meaning: Meaning) -> Iterator[DriftRule]:
        """A proven opt-in to a topic that the other side does not show, where nothing is known to stop it."""
        (scope,), clear = meaning.scopes, self._shadows(meaning.scopes)
        free, name = RowTest(self._stopping(scope), OUT, absent=True), f"{self._carrier}/{list_id}"
        sources = self.lens.trusted_sources(scope)
        if sources and self.lens.facts.lists[list_id].writable:
            record = self.record(clear=clear, membership=Membership(Kind.LIST, list_id, on=False))
            proof = RowTest((scope,), Says.IN, sources=sources, since=self.born)
            yield DriftRule(f"in-not-member/{name}", record, (proof, free), opening=True)
        if self.lens.trusts_members_of(list_id) and not self._landscape.needs_confirmation(scope):
            membership = Membership(Kind.LIST, list_id, on=True, since=self.born)
            record = self.record(clear=clear, membership=membership)
            yield DriftRule(f"member-row/{name}", record, (RowTest((scope,), Says.SILENT), free), opening=True)
            yield DriftRule(f"member-missing/{name}", record, (_missing(self.lens, scope), free), opening=True)

    @property
    def _carrier(self) -> str:
        return f"{self.table}.{self.column}"

    @cached_property
    def _landscape(self) -> Landscape:
        return self.lens.landscape

    def _writable_flags(self) -> Iterator[tuple[str, Meaning]]:
        for column in self.lens.flag_columns(self.table):
            meaning = self._landscape.meanings[Kind.FLAG, column]
            if meaning.writable:
                yield column, meaning

    def _strays(self, wide: Scope) -> tuple[Scope, ...]:
        """Purposes of no brand, whose rows stand for all purposes of their type."""
        meanings = self._landscape.meanings
        names = (name for (kind, name), meaning in meanings.items() if kind is Kind.ROW and meaning.scopes == (wide,))
        return tuple(Scope.parse(name) for name in names)

    def _stopping(self, scope: Scope) -> tuple[Scope, ...]:
        """Give what consent rows may be about to stop `scope`: itself, or anything wider."""
        *narrow, wide = self._landscape.upwards(scope)
        return (*narrow, *self._strays(wide))

    def _shadows(self, scopes: Iterable[Scope]) -> tuple[str, ...]:
        """Flags under which nothing narrower is written; none where it takes several of them."""
        wide = {self._landscape.upwards(scope)[-1] for scope in scopes}
        return self.flags_for(wide.pop()) if len(wide) == 1 else ()
