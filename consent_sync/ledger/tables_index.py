"""The two indexes of the ledger on Azure Tables: who was last seen on a list, and which holds are open.

They live in partitions of their own, so no transaction covers them together with the document that they follow from.
A row is written before the document that needs it, and taken out after the one that no longer does; a crash between
the two leaves a row too many, never one too few. Whoever reads the index asks the document about what may be too much.

A row is only ever deleted in the version that was there before the document changed, or that was left alone for longer
than any save takes: otherwise it could be the new row of somebody who is about to save.

After an erasure no document tells which rows are needless, so that is written down beside them until they are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from pydantic import TypeAdapter

from consent_sync.ports.ledger import StoredHold

from .codec import LATE
from .store import Change, IndexedHold
from .tables_account import Account, Entity, packed, unpacked

_HOLD = TypeAdapter(StoredHold)
_OPEN, _CLOSED, _ERASED = "open", "closed", "erased"
_PAGE = 1000  # the most that one answer holds


class Row(NamedTuple):
    """A row that is to be deleted once the document of `key` no longer needs it."""

    key: str
    table: str
    partition: str
    row: str
    etag: str


_ROWS = TypeAdapter(list[Row])


class TablesIndex:
    """The index rows in one storage account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def before(self, changes: Sequence[Change]) -> list[Row]:
        """Write the rows that the changed documents will need; gives those that they no longer will."""
        joined = [_member(list_id, change.key) for change in changes for list_id in change.joined]
        opened = [_hold(_OPEN, h, change.key) for change in changes for h in change.opened]
        closed = [_hold(_CLOSED, h, change.key) for change in changes for h in change.closed]
        self._account.put_all("members", joined)
        self._account.put_all("holds", [*opened, *closed])
        needless = [(c.key, "members", list_id, c.key) for c in changes for list_id in c.left]
        needless += [(c.key, "holds", _OPEN, hold.id) for c in changes for hold in (*c.closed, *c.dropped)]
        needless += [(c.key, "holds", _CLOSED, hold.id) for c in changes for hold in c.dropped]
        rows = [row for row in self._account.each(self._doubted, needless) if row]
        for change in changes:
            if change.erases:
                self._write_down(change.key, [row for row in rows if row.key == change.key])
        return rows

    def _write_down(self, key: str, rows: list[Row]) -> None:
        """Keep what an erasure makes needless, with what an earlier one left that was broken off."""
        if every := [*self._left_over(key), *rows]:
            body = packed("body", _ROWS.dump_json(every).decode())
            self._account.put_all("holds", [{"PartitionKey": _ERASED, "RowKey": key, **body}])

    def after(self, changes: Sequence[Change], rows: Iterable[Row]) -> None:
        """Delete the rows that no document needs any more, now that these changes are made."""
        keys = {change.key for change in changes if not change.erases}
        self._delete(row for row in rows if row.key in keys)
        for change in changes:
            if change.erases:
                self.forget(change.key)

    def forget(self, key: str) -> None:
        """Delete the rows that an erasure of `key` made needless, if there was one."""
        if rows := self._left_over(key):
            self._delete(rows)
            self._account.discard("holds", _ERASED, key)

    def members(self, list_id: str) -> Iterator[str]:
        """Give the keys of the records that the index names for a list."""
        rows = self._account.partition("members", list_id, select=["RowKey"])
        return (row["RowKey"] for row in rows)

    def count_members(self, list_id: str, at_most: int) -> int:
        """Count them, and stop at `at_most`."""
        rows = self._account.partition("members", list_id, select=["RowKey"], page=min(at_most, _PAGE))
        return sum(1 for _ in islice(rows, at_most))

    def drop_member(self, list_id: str, key: str) -> None:
        """Take a record that the list's index names in vain out of it, unless it may just be joining."""
        row = self._account.get("members", list_id, key)
        if row and self._account.is_old(row):
            self._account.delete("members", list_id, key, row["etag"])

    def late(self, at_most: int) -> list[tuple[str, str]]:
        """Give who the index names for the lists of those who are late, as (list, key), oldest first."""
        condition, values = "PartitionKey ge @first and PartitionKey lt @end", {"first": LATE, "end": f"{LATE}~"}
        keys = ["PartitionKey", "RowKey"]
        rows = self._account.query("members", condition, values, keys, min(at_most, _PAGE))
        return [(row["PartitionKey"], row["RowKey"]) for row in islice(rows, at_most)]

    def open_holds(self) -> list[IndexedHold]:
        """Give the holds that the index takes for open."""
        rows = self._account.partition("holds", _OPEN)
        return [IndexedHold(_HOLD.validate_json(unpacked("body", row)), row["sure"], row) for row in rows]

    def correct(self, indexed: IndexedHold, *, is_open: bool) -> None:
        """Make the index sure of what the document says, unless somebody may just be changing it."""
        row = indexed.row
        if not isinstance(row, dict) or not self._account.is_old(row):
            return
        if is_open:
            kept = _hold(_OPEN, indexed.hold, row["key"]) | {"sure": True}
            self._account.put("holds", kept, row["etag"])
        else:
            self._account.delete("holds", _OPEN, indexed.hold.id, row["etag"])

    def key_of_hold(self, hold_id: str) -> str | None:
        """Give the key of the document that has a hold."""
        row = self._account.get("holds", _OPEN, hold_id) or self._account.get("holds", _CLOSED, hold_id)
        return row["key"] if row else None

    def _doubted(self, needless: tuple[str, str, str, str]) -> Row | None:
        """Mark a row as one that may be needless; gives it in that version, None where there is none."""
        etag = self._account.touch(*needless[1:], {"sure": False})
        return Row(*needless, etag) if etag else None

    def _delete(self, rows: Iterable[Row]) -> None:
        self._account.each(lambda row: self._account.delete(*row[1:]), rows)

    def _left_over(self, key: str) -> list[Row]:
        written = self._account.get("holds", _ERASED, key)
        return _ROWS.validate_json(unpacked("body", written)) if written else []


def _member(list_id: str, key: str) -> Entity:
    return {"PartitionKey": list_id, "RowKey": key}


def _hold(partition: str, hold: StoredHold, key: str) -> Entity:
    body = packed("body", _HOLD.dump_json(hold).decode()) if partition == _OPEN else {}
    return {"PartitionKey": partition, "RowKey": hold.id, "key": key, "sure": False, **body}
