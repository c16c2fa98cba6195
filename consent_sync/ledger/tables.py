"""The ledger on Azure Tables: for a function app that scales out.

One partition for each subject: its document, and its history in pieces of one commit each, so that both change in one
transaction. Documents of many subjects do not: see the port's `save` for what that means.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import batched, groupby

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

from .codec import SubjectKeys
from .store import SCHEMA, Change, Document, Kept, LedgerVersion, Line
from .stored import StoredLedger
from .tables_account import MARGIN, NO_TABLE, OPERATIONS, Account, Entity, LedgerUnavailable, key_of, packed, unpacked
from .tables_index import TablesIndex
from .tables_runs import TablesRuns

_ENTRY, _LINES, _NOTE = "entry", "line:", "note"
_PIECE = 500  # lines in one entity, far below its limit of 1 MiB
_ROOM = OPERATIONS - 1  # beside the document
_TEXTS = ("body", "holds", "chain", "seal")
_VERSION = "schema"


class TablesLedger(StoredLedger):
    """The ledger in the tables of a storage account. Raises LedgerUnavailable, LedgerVersion and WrongHashKey."""

    def __init__(self, url: str, credential: TokenCredential | AzureNamedKeyCredential, keys: SubjectKeys) -> None:
        account = Account(url, credential)
        index = TablesIndex(account)
        documents = TablesDocuments(account, index)
        try:
            documents.prepare()
            super().__init__(documents, index, TablesRuns(account), keys)
        except BaseException:
            account.close()
            raise


class TablesDocuments:
    """Implements the documents in the tables of one storage account."""

    def __init__(self, account: Account, index: TablesIndex) -> None:
        self._account, self._index = account, index

    def prepare(self) -> None:
        """Create what is not there yet. Raises LedgerVersion."""
        version = self._version()
        if version is None:
            self._account.create_tables()
            self.set_note(_VERSION, str(SCHEMA), None)
        elif int(version) > SCHEMA:
            raise LedgerVersion(int(version))

    def _version(self) -> str | None:
        """Give the version of what is stored, None where nothing is yet."""
        try:
            return self.note(_VERSION)
        except LedgerUnavailable as error:
            if error.code == NO_TABLE:
                return None
            raise

    def close(self) -> None:
        """Let go of the storage account."""
        self._account.close()

    def revision(self) -> int:
        """Give the storage's time, less a margin: documents carry the time at which they were committed."""
        return _microseconds(self._account.now() - MARGIN)

    def fetch(self, keys: Collection[str]) -> dict[str, Kept]:
        """Give the documents that there are under `keys`."""
        found = self._account.each(lambda key: self._account.get("ledger", key, _ENTRY), keys)
        return {key: _kept(entity) for key, entity in zip(keys, found, strict=True) if entity}

    def commit(self, stages: Sequence[Sequence[Change]]) -> dict[str, Kept]:
        """Put each change if its document still stands as before, stage by stage; give those that were put."""
        kept: dict[str, Kept] = {}
        for stage in stages:
            needless = self._index.before(stage)
            put = [each for each in self._account.each(self._put, stage) if each]
            kept |= dict(put)
            self._index.after([change for change in stage if change.key in kept], needless)
            if len(put) < len(stage):
                break
        return kept

    def _put(self, change: Change) -> tuple[str, Kept] | None:
        gone = self._stored_pieces(change.key, change.trim) if change.trim or change.document is None else []
        if change.document is None:
            return self._remove(change, gone)
        document = change.document
        texts = zip(_TEXTS, (document.body, document.holds, document.chain, document.seal), strict=True)
        entity: Entity = {"PartitionKey": change.key, "RowKey": _ENTRY}
        for name, text in texts:
            entity |= packed(name, text)
        pieces = list(_pieces(change.key, change.lines))
        for batch in batched(pieces[_ROOM:], OPERATIONS, strict=False):  # only when a long history is copied
            self._account.put_all("ledger", batch)
        pieces = pieces[:_ROOM]
        room = _ROOM - len(pieces)
        version = change.before.version if change.before else None
        etag = self._account.put("ledger", entity, version, pieces, gone[:room])
        if etag is None:
            return None
        self._delete(gone[room:])
        return change.key, Kept(etag, _microseconds(self._account.now()), document)

    def _remove(self, change: Change, gone: list[Entity]) -> tuple[str, Kept] | None:
        """Delete a document with its history: whoever finds it knows that something is left to delete."""
        self._delete(gone[_ROOM:])
        entity, before = {"PartitionKey": change.key, "RowKey": _ENTRY}, change.before
        if before and self._account.remove("ledger", entity, before.version, gone[:_ROOM]):
            return change.key, before
        return None

    def _stored_pieces(self, key: str, up_to: int) -> list[Entity]:
        """Give the pieces of a history whose lines go up to this number, without their text; all for 0."""
        pieces = self._account.partition("ledger", key, _LINES, ["PartitionKey", "RowKey"])
        return [piece for piece in pieces if not up_to or _first(piece) <= up_to]

    def _delete(self, pieces: Sequence[Entity]) -> None:
        for batch in batched(pieces, OPERATIONS, strict=False):
            self._account.delete_all("ledger", batch)

    def shred(self) -> None:
        """Do nothing: a table keeps no copy of what was deleted that anybody could read."""

    def lines(self, key: str) -> list[Line]:
        """Give the stored history of `key`, in order."""
        pieces = self._account.partition("ledger", key, _LINES)
        return [line for piece in pieces for line in _lines(piece)]

    def recorded(self, since: str, until: str) -> Iterator[tuple[str, Line]]:
        """Give all lines recorded from `since` on and before `until` with their key: by time, key and number.

        The server goes through the whole table for it, and gives them by key; a file in between puts them in order.
        """
        condition = "RowKey ge @first and RowKey lt @end and recorded ge @since and recorded lt @until"
        values = {"first": _LINES, "end": "line;", "since": since, "until": until}
        with closing(sqlite3.connect("")) as db:
            db.execute("CREATE TABLE line (key TEXT, number INTEGER, recorded TEXT, body TEXT, digest TEXT)")
            for piece in self._account.query("ledger", condition, values):
                rows = [(piece["PartitionKey"], x.number, x.recorded, x.body, x.digest) for x in _lines(piece)]
                db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", rows)
            for key, *line in db.execute("SELECT * FROM line ORDER BY recorded, key, number"):
                yield key, Line(*line)

    def scan(self) -> Iterator[tuple[str, Kept | None, list[Line]]]:
        """Give everything that is stored, key by key: the document, None where there is none, and the history."""
        for key, group in groupby(self._account.query("ledger", "", {}), key=lambda entity: entity["PartitionKey"]):
            entities = list(group)
            documents = [_kept(entity) for entity in entities if entity["RowKey"] == _ENTRY]
            history = [line for entity in entities if entity["RowKey"] != _ENTRY for line in _lines(entity)]
            yield key, documents[0] if documents else None, history

    def note(self, name: str) -> str | None:
        """Give what was noted under `name`."""
        entity = self._account.get("notes", name, _NOTE)
        return unpacked("value", entity) if entity else None

    def notes(self, prefix: str = "") -> dict[str, str]:
        """Give everything noted under names that begin with `prefix`."""
        values = {"first": key_of(prefix), "end": f"{key_of(prefix)}~"}
        found = self._account.query("notes", "PartitionKey ge @first and PartitionKey lt @end", values)
        return {entity["PartitionKey"]: unpacked("value", entity) for entity in found}

    def set_note(self, name: str, value: str, expected: str | None) -> bool:
        """Note `value` under `name` if what stands there is `expected`; false if it is not."""
        stands = self._account.get("notes", name, _NOTE)
        if (unpacked("value", stands) if stands else None) != expected:
            return False
        entity = {"PartitionKey": name, "RowKey": _NOTE, **packed("value", value)}
        return self._account.put("notes", entity, stands["etag"] if stands else None) is not None


def _kept(entity: Entity) -> Kept:
    document = Document(*(unpacked(name, entity) for name in _TEXTS))
    return Kept(entity["etag"], _microseconds(entity["timestamp"]), document)


def _pieces(key: str, lines: Iterable[Line]) -> Iterator[Entity]:
    """Give the entities that hold lines: those of one commit together, as far as one entity takes them."""
    for recorded, group in groupby(lines, key=lambda line: line.recorded):
        for some in batched(group, _PIECE, strict=False):
            text = json.dumps([[line.body, line.digest] for line in some], separators=(",", ":"))
            row = {"PartitionKey": key, "RowKey": f"{_LINES}{some[0].number:010}", "recorded": recorded}
            yield row | packed("lines", text)


def _lines(piece: Entity) -> list[Line]:
    first = _first(piece)
    texts = json.loads(unpacked("lines", piece))
    return [Line(first + n, piece["recorded"], body, digest) for n, (body, digest) in enumerate(texts)]


def _first(piece: Entity) -> int:
    return int(piece["RowKey"].removeprefix(_LINES))


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
