"""Rows in SQLite: one connection, one lock, a version number for every write, a tombstone for every delete."""

from __future__ import annotations

import re
import sqlite3
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import schema
from .clock import Clock
from .computed import compute
from .errors import DataverseError, bad_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .schema import Column, Table

Row = dict[str, Any]
LOOKUP_TYPE = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_SQL_TYPES = {"boolean": "INTEGER", "int": "INTEGER", "bigint": "INTEGER", "decimal": "NUMERIC", "money": "NUMERIC"}
_SQL_TYPES |= {"picklist": "INTEGER", "state": "INTEGER", "status": "INTEGER"}
_FIRST_VERSION = 1_000_000
_BEYOND = re.compile("too (large|many|big|complex)|overflow|at most")
_LOAD = 2000  # rows of a table written at once


def fold(value: Any) -> Any:
    """Give what two strings share when SQL Server's default collation calls them equal: no case, no trailing spaces."""
    return value.rstrip(" ").casefold() if isinstance(value, str) else value


class Store:
    """The tables. Every method must be called while holding `lock` when more than one thread is at work."""

    def __init__(self, clock: Clock | None = None, path: str = ":memory:") -> None:
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.version = _FIRST_VERSION
        self.keys: dict[str, dict[str, tuple[str, ...]]] = {}
        self.tracked: set[str] = set()
        self.audited: set[str] = set()
        self.owner = ""
        self.business_unit = ""
        self._depth = 0
        self._sql = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=512)
        self._sql.create_function("fold", 1, fold, deterministic=True)
        self._inserts: dict[str, str] = {}
        self.clear()

    def clear(self) -> None:
        """Drop all rows, keys and tombstones, and make the tables anew. The version number goes on counting."""
        for table in schema.BY_NAME.values():
            self._sql.execute(f'DROP TABLE IF EXISTS "{table.name}"')
            for statement in _ddl(table):
                self._sql.execute(statement)
            names = ",".join(f'"{name}"' for name in table.fields)
            marks = ",".join("?" * len(table.fields))
            self._inserts[table.name] = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608
        self._sql.execute("DROP TABLE IF EXISTS _deleted")
        self._sql.execute("CREATE TABLE _deleted (tbl TEXT, id TEXT, version INTEGER)")
        self._sql.execute("CREATE INDEX _deleted_version ON _deleted (tbl, version)")
        self.keys = {}
        self.tracked = {table.name for table in schema.BY_NAME.values() if table.change_tracking}
        self.audited = set(schema.audit.AUDITED_AT_FIRST)

    def close(self) -> None:
        """Give the database back."""
        self._sql.close()

    def backup(self) -> tuple[bytes, int]:
        """Give a copy of everything, version number included."""
        return self._sql.serialize(), self.version

    def restore(self, copy: tuple[bytes, int]) -> None:
        """Bring everything back as it was, as a restore of the environment does: version numbers count from there."""
        self._sql.deserialize(copy[0])
        self.version = copy[1]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and alone: nests (the outermost commits), rolls back to its own start on any exception."""
        with self.lock:
            name = f"level{self._depth}"
            self._sql.execute(f"SAVEPOINT {name}")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._sql.execute(f"ROLLBACK TO {name}")
                raise
            finally:
                self._depth -= 1
                self._sql.execute(f"RELEASE {name}")

    @property
    def in_transaction(self) -> bool:
        """True while a transaction is open (ask while holding `lock`)."""
        return self._depth > 0

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run one statement that changes rows without a new version."""
        self._sql.execute(sql, values)

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT and fetch everything. Raises 400 for one that is beyond SQLite's limits."""
        try:
            return self._sql.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if _BEYOND.search(str(error)):
                raise bad_request(f"The query is too complex: {error}", "0x80060888") from None
            raise

    def get(self, table: Table, row_id: str) -> Row | None:
        """The row with this id, or None."""
        found = self._sql.execute(
            f'SELECT * FROM "{table.name}" WHERE "{table.id}" = ?',  # noqa: S608  - names come from the schema
            (row_id,),
        ).fetchone()
        return dict(zip(table.fields, found, strict=True)) if found else None

    def find(self, table: Table, **equal: Any) -> list[Row]:
        """Rows whose columns equal these values (strings compared as Dataverse does), ordered by id."""
        terms = " AND ".join(f"{operand(table.columns[name])} = ?" for name in equal) or "1"
        values = [fold(value) if isinstance(value, str) else value for value in equal.values()]
        sql = f'SELECT * FROM "{table.name}" WHERE {terms} ORDER BY "{table.id}"'  # noqa: S608
        return [dict(zip(table.fields, found, strict=True)) for found in self._sql.execute(sql, values)]

    def insert(self, table: Table, row: Row) -> None:
        """Add a row; stamps `versionnumber` into it. Raises DuplicateRecord for a taken id or alternate key."""
        row["versionnumber"] = self.next_version()
        try:
            self._sql.execute(self._inserts[table.name], [row.get(name) for name in table.fields])
        except sqlite3.IntegrityError as error:
            raise _duplicate(error) from error

    def update(self, table: Table, row_id: str, changes: Row) -> None:
        """Write these fields of a row and give it a new version number. Raises DuplicateRecordEntityKey."""
        changes["versionnumber"] = self.next_version()
        sets = ",".join(f'"{name}" = ?' for name in changes)
        try:
            self._sql.execute(
                f'UPDATE "{table.name}" SET {sets} WHERE "{table.id}" = ?',  # noqa: S608
                [*changes.values(), row_id],
            )
        except sqlite3.IntegrityError as error:
            raise _duplicate(error) from error

    def delete(self, table: Table, row_id: str) -> None:
        """Remove a row and, where changes are tracked, leave a tombstone."""
        self._sql.execute(f'DELETE FROM "{table.name}" WHERE "{table.id}" = ?', (row_id,))  # noqa: S608
        if table.name in self.tracked:
            self._sql.execute("INSERT INTO _deleted VALUES (?, ?, ?)", (table.name, row_id, self.next_version()))

    def deleted_since(self, table: Table, version: int) -> list[tuple[str, int]]:
        """Ids and versions of the rows deleted after `version`, in order."""
        return self.select(
            "SELECT id, version FROM _deleted WHERE tbl = ? AND version > ? ORDER BY version", (table.name, version)
        )

    def next_version(self) -> int:
        """The next version number; grows over all tables together."""
        self.version += 1
        return self.version

    def add_key(self, table: Table, name: str, columns: tuple[str, ...]) -> None:
        """Define an alternate key; uniqueness is enforced from now on. Raises DuplicateRecordEntityKey."""
        terms = ",".join(operand(table.columns[column]) for column in columns)
        try:
            self._sql.execute(f'CREATE UNIQUE INDEX "key {table.name} {name}" ON "{table.name}" ({terms})')
        except sqlite3.IntegrityError as error:
            raise _duplicate(error) from error
        self.keys.setdefault(table.name, {})[name] = columns

    def drop_key(self, table: Table, name: str) -> None:
        """Forget an alternate key."""
        self._sql.execute(f'DROP INDEX "key {table.name} {name}"')
        del self.keys[table.name][name]

    def load(self, rows: Iterable[tuple[str, Row]]) -> int:
        """Add many rows at once, without events: (table, row in Web API column names), lookups as `_x_value`.

        Missing ids, defaults, owner, stamps and computed columns are filled in. Returns the number of rows.
        Raises KeyError naming the table and column that the schema does not know.
        """
        count = 0
        waiting: dict[str, list[tuple[Any, ...]]] = {name: [] for name in schema.BY_NAME}
        bases = {table.name: table.defaults() for table in schema.BY_NAME.values()}
        with self.transaction():
            now = self.clock.stamp()
            for name, row in rows:
                table = schema.BY_NAME[name]
                full = self._complete(table, bases[name], row, now)
                waiting[name].append(tuple(map(full.get, table.fields)))
                count += 1
                if len(waiting[name]) == _LOAD:
                    self._sql.executemany(self._inserts[name], waiting[name])
                    waiting[name].clear()
            for name, values in waiting.items():
                self._sql.executemany(self._inserts[name], values)
            self._sql.execute(
                "UPDATE list SET membercount = (SELECT count(*) FROM listmember m WHERE m.listid = list.listid)"
            )
            self._sql.execute("ANALYZE")  # so that SQLite joins from the side that leaves fewer rows
        return count

    def _complete(self, table: Table, base: Row, given: Row, now: str) -> Row:
        row = dict(base)
        columns = table.by_api_name
        for name, value in given.items():
            column = columns.get(name)
            if column is not None:
                row[column.name] = value
                if column.kind == "lookup" and value is not None and column.polymorphic:
                    row[column.type_name] = given.get(name + LOOKUP_TYPE) or _target(column, given)
            elif "@" not in name:
                raise KeyError(f"{table.name}.{name} is not in the emulator's schema")
        if not row.get(table.id):
            row[table.id] = str(uuid.uuid4())
        self.stamp(table, row, now)
        compute(table, row, row)
        row["versionnumber"] = self.next_version()
        return row

    def stamp(self, table: Table, row: Row, now: str) -> None:
        """Fill in what is still missing of owner, created and modified."""
        if table.ownership == "user":
            row.setdefault("ownerid", self.owner)
            row["owninguser"] = row["ownerid"]
            row.setdefault("owningbusinessunit", self.business_unit)
        if "createdon" in table.columns:
            row.setdefault("createdon", now)
            row.setdefault("createdby", self.owner)
            row.setdefault("modifiedon", row["createdon"])
            row.setdefault("modifiedby", row["createdby"])


def operand(column: Column, alias: str = "") -> str:
    """SQL of a column as an operand of a comparison; text goes through fold(), which the indexes also use."""
    name = f'{alias}."{column.name}"' if alias else f'"{column.name}"'
    return f"fold({name})" if column.kind in {"string", "memo"} else name


def _target(column: Column, given: Row) -> str:
    """The table a polymorphic lookup of a loaded row points at: listmember says it by its type code."""
    if column.name == "entityid":
        return schema.lists.MEMBER_TABLES[given["entitytype"]]
    return next(iter(column.navs))


def _ddl(table: Table) -> Iterator[str]:
    columns = []
    for name in table.fields:
        column = table.columns.get(name)
        kind = _SQL_TYPES.get(column.kind, "TEXT") if column else "TEXT"
        columns.append(f'"{name}" {kind}' + (" PRIMARY KEY" if name == table.id else ""))
    yield f'CREATE TABLE "{table.name}" ({", ".join(columns)})'
    for column in table.columns.values():
        where = f' WHERE "{column.name}" IS NOT NULL' if column.kind == "lookup" else ""
        if column.indexed or (where and column.on_delete != "none"):
            yield f'CREATE INDEX "{table.name} {column.name}" ON "{table.name}" ({operand(column)}){where}'


def _duplicate(error: sqlite3.IntegrityError) -> DataverseError:
    if "index 'key " in str(error):
        key = str(error).split("'")[1].split(" ")[2]
        return DataverseError(
            412,
            "0x80060892",
            f"Entity Key {key} violated. A record with the same value for its columns already exists.",
        )
    return DataverseError(412, "0x80040237", "A record with matching key values already exists.")
