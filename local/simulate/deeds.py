"""What people and staff do in the tenant, each deed with what it means for the truth.

A deed that would wipe out something that nobody has seen yet is preceded by a look: what leaves no trace anywhere and
whose event is lost cannot be known, by any rule.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from consent_sync.consent.model import Channel, Reading
from consent_sync.dataverse.batch import Operation
from consent_sync.tenant import tables

from .stage import Stage
from .truth import EVERYTHING, LIST_OF, LISTS, OPT_OUT_LIST, PURPOSE_OF, PURPOSES, SCOPES, TOPIC_OF, Act, Person, Truth

ADDRESSES = tuple(f"{name}@example.com" for name in ("anna", "bert", "cleo"))
FLAG = "donotbulkemail"
INACTIVE = {"contact": {"statecode": 1, "statuscode": 2}, "lead": {"statecode": 2, "statuscode": 4}}
_ACTIVE = {"contact": {"statecode": 0, "statuscode": 1}, "lead": {"statecode": 0, "statuscode": 1}}
_SOURCES = {source.value: number for number, source in tables.SOURCES.items()}


@dataclass
class Deeds:
    """Does one random deed after the other. `look` lets the service see everything, undisturbed.

    `remembers` asks the service's ledger what it saw last at a place of a record; `tell` makes sure that the events of
    the last deed arrive.
    """

    stage: Stage
    truth: Truth
    random: Random
    look: Callable[[], None]
    tell: Callable[[], None]
    remembers: Callable[[str, str], tuple[Reading, bool]]
    addresses: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    backups: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose few places for this history, so that what happens concerns each other."""
        self.addresses = self.random.sample(ADDRESSES, self.random.randint(1, len(ADDRESSES)))
        purposes = self.random.sample(PURPOSES, self.random.randint(1, len(PURPOSES)))
        topics = [topic for topic, purpose in PURPOSE_OF.items() if purpose in purposes]
        self.scopes = purposes + self.random.sample(topics, self.random.randint(0, len(topics)))

    # people

    def objects(self) -> str:
        """Somebody sets the flag of a record."""
        id_ = self._somebody()
        if not id_:
            return ""
        row = self.stage.find(self.truth.people[id_].table, **{f"{self.truth.people[id_].table}id": id_})[0]
        was_out = bool(row[FLAG]) or self.remembers(id_, f"flag/{FLAG}")[0] is Reading.OUT
        self._change(id_, {FLAG: True})
        self._say(id_, EVERYTHING, out=True)
        if was_out:
            self.tell()  # without its event it cannot be told from an unrelated edit
        return f"{self._name(id_)} objects to everything"

    def opts_out(self, place: tuple[str, str] | None = None, row_id: str | None = None) -> str:
        """The preference centre, or one click in a mail; `place` and `row_id` say where, else it is anywhere."""
        address, scope = place or self._place()
        source = self.random.choice(("preference_center", "list_unsubscribe"))
        self.row(address, scope, Reading.OUT, source, row_id)
        self._say(address, scope, out=True)
        return f"{address} opts out of {self._scope(scope)} ({source})"

    def opts_in(self) -> str:
        """The preference centre or a form: the person's own word."""
        address, scope = self._place()
        source = self.random.choice(("preference_center", "realtime_form"))
        self.row(address, scope, Reading.IN, source)
        self._say(address, scope, out=False)
        return f"{address} opts in to {self._scope(scope)} ({source})"

    def opts_in_everywhere(self) -> str:
        """Opt in to every purpose, which may lift a flag."""
        address, _ = self._place()
        for purpose in PURPOSES:
            self.row(address, purpose, Reading.IN, "preference_center")
            self._say(address, purpose, out=False)
        return f"{address} opts in to every brand"

    def leaves_a_list(self) -> str:
        """Somebody leaves a list, or is taken off it by somebody else, which counts as much."""
        member = self._member(LISTS)
        if member is None:
            return ""
        id_, listid = member
        if not self.remembers(id_, f"list/{listid}")[1]:
            self.look()  # who joins and leaves between two looks leaves no trace but the events
            if not self._is_on(id_, listid):
                return ""
        self._list(id_, listid, "RemoveMemberList")
        self._say(id_, TOPIC_OF[listid], out=True)
        return f"{self._name(id_)} leaves the list of {self._scope(TOPIC_OF[listid])}"

    def joins_the_opt_out_list(self) -> str:
        """Somebody wants no more mail from Contoso."""
        id_ = self._somebody("contact")
        if not id_ or self._is_on(id_, OPT_OUT_LIST):
            return ""
        self._list(id_, OPT_OUT_LIST, "AddMemberList")
        self._say(id_, PURPOSES[0], out=True)
        return f"{self._name(id_)} joins the opt-out list"

    # staff and imports, who prove nothing

    def is_put_on_a_list(self) -> str:
        """Staff adds somebody to a list."""
        id_, listid = self._somebody("contact"), self.random.choice(self._lists())
        if not id_ or self._is_on(id_, listid):
            return ""
        self.look()
        self._list(id_, listid, "AddMemberList")
        return f"{self._name(id_)} is put on the list of {self._scope(TOPIC_OF[listid])}"

    def subscribes(self) -> str:
        """Somebody is on a list from the beginning."""
        id_, listid = self._somebody("contact"), self.random.choice(self._lists())
        if not id_:
            return ""
        self._list(id_, listid, "AddMemberList")
        return f"{self._name(id_)} is on the list of {self._scope(TOPIC_OF[listid])}"

    def is_taken_off_the_opt_out_list(self) -> str:
        """Staff removes somebody from the opt-out list."""
        self.look()
        member = self._member((OPT_OUT_LIST,))
        if member is None:
            return ""
        self._list(*member, "RemoveMemberList")
        return f"{self._name(member[0])} is taken off the opt-out list"

    def edits_a_record(self) -> str:
        """Something that has nothing to do with consent."""
        id_ = self._somebody()
        if not id_:
            return ""
        self._change(id_, {"lastname": f"Name {self.random.randrange(1000)}"})
        return f"{self._name(id_)} gets another name"

    def edits_a_row(self) -> str:
        """Something of a consent row that has nothing to do with what it says."""
        row = self._some_row()
        if row is None:
            return ""
        self.stage.people.update(_path(row), {tables.CONSENT_REASON: f"note {self.random.randrange(1000)}"})
        return f"the row {self._of_row(row)} gets a note"

    def clears_a_flag(self) -> str:
        """Staff clears the flag, with whatever reason."""
        self.look()
        id_ = self._somebody()
        if not id_:
            return ""
        self._change(id_, {FLAG: False})
        return f"staff clears the flag of {self._name(id_)}"

    def imports(self) -> str:
        """An import loosens a row, or adds an opt-in that nobody gave."""
        self.look()
        address, scope = self._place()
        says = self.random.choice((Reading.IN, Reading.SILENT))
        self.row(address, scope, says, "loaded")
        return f"an import sets {address} {self._scope(scope)} to {says}"

    def deletes_a_row(self) -> str:
        """A consent row is deleted; a backup is kept."""
        self.look()
        row = self._some_row()
        if row is None:
            return ""
        earlier = self.backups.get(row[tables.ROW_KEY], row)
        self._back_up(row)
        self.stage.people.delete(_path(row))
        if self.random.random() < _AT_ONCE:
            self._restore(earlier)
            return f"the row {self._of_row(row)} is deleted, and restored as {self._of_row(earlier)}"
        return f"the row {self._of_row(row)} is deleted"

    def restores_a_row(self) -> str:
        """An earlier row comes back out of a backup, with its own id and date of creation."""
        self.look()
        standing = {row[tables.ROW_KEY] for row in self.stage.find(tables.ROW_TABLE)}
        missing = sorted(self.backups.keys() - standing)
        if not missing:
            return ""
        backup = self.backups[self.random.choice(missing)]
        self._restore(backup)
        return f"the row {self._of_row(backup)} is restored from a backup"

    # records come, go and change

    def changes_address(self) -> str:
        """A record gets another address, or none."""
        id_ = self._somebody()
        if not id_:
            return ""
        address = self.random.choice((*self.addresses, *ADDRESSES, None))
        self._change(id_, {"emailaddress1": address})
        self.truth.change(id_, address=address)
        return f"{self._name(id_)} moves to {address}"

    def appears(self) -> str:
        """A new record, with an address that may have been somebody else's."""
        if len(self.truth.people) > _MOST_PEOPLE:
            return ""
        return self.add(self.random.choice(self.addresses), flag=self.random.random() < _FLAGGED)

    def merges(self) -> str:
        """Two records become one; whoever was merged stays behind, inactive."""
        table = self.random.choice(("contact", "contact", "lead"))
        both = self.truth.active(table)
        if len(both) < _TWO:
            return ""
        self.look()
        master, other = self.random.sample(both, _TWO)
        kind = f"Microsoft.Dynamics.CRM.{table}"
        rows = {"Target": master, "Subordinate": other}
        body = {part: {f"{table}id": id_, "@odata.type": kind} for part, id_ in rows.items()}
        self.stage.people.execute(Operation("POST", "Merge", body | {"PerformParentingChecks": False}))
        self.truth.change(other, active=False, into=master)
        return f"{self._name(other)} is merged into {self._name(master)}"

    def retires(self) -> str:
        """A record is deactivated, or comes back."""
        self.look()
        people = [p for p in self.truth.people.values() if p.into is None]
        if not people:
            return ""
        person = self.random.choice(people)
        self._change(person.id, (INACTIVE if person.active else _ACTIVE)[person.table])
        self.truth.change(person.id, active=not person.active)
        return f"{self._name(person.id)} is {'de' if person.active else 're'}activated"

    def disappears(self) -> str:
        """A record is deleted."""
        if len(self.truth.active()) <= _TWO:
            return ""
        self.look()
        id_ = self._somebody()
        name, person = self._name(id_), self.truth.people.pop(id_)
        self.stage.people.delete(f"{tables.RECORD_SETS[person.table]}({id_})")
        return f"{name} is deleted"

    # building blocks

    def add(self, address: str, *, flag: bool = False) -> str:
        """Create a record."""
        table = self.random.choice(("contact", "contact", "contact", "lead"))
        id_ = str(uuid.UUID(int=self.random.getrandbits(128)))
        row = {f"{table}id": id_, "lastname": "Somebody", "emailaddress1": address, FLAG: flag}
        self.stage.people.create(tables.RECORD_SETS[table], row)
        self.truth.people[id_] = Person(id_, table, address)
        if flag:
            self._say(id_, EVERYTHING, out=True)
        return f"{self._name(id_)} appears{' with the flag set' if flag else ''}"

    def row(self, address: str, scope: str, says: Reading, source: str, row_id: str | None = None) -> None:
        """Let a consent row of an address and scope say something, or a new one."""
        columns = {tables.CONSENT_VALUE: tables.VALUES[says], tables.CONSENT_SOURCE: _SOURCES[source]}
        rows = self._rows(address, scope)
        rows = [row for row in rows if row[tables.ROW_KEY] == row_id] or rows
        if not rows or (row_id is None and self.random.random() < _DOUBLED):
            self._new_row(address, scope, columns)  # Dataverse allows duplicates
            return
        row = self.random.choice(rows)
        self._back_up(row)
        self.stage.people.update(_path(row), columns)

    def _new_row(self, address: str, scope: str, columns: dict[str, Any]) -> None:
        topic = scope in PURPOSE_OF
        row = {
            tables.ROW_KEY: str(uuid.UUID(int=self.random.getrandbits(128))),
            tables.POINT_VALUE: address,
            tables.POINT_TYPE: tables.CHANNELS[Channel.EMAIL],
            tables.CONSENT_TYPE: tables.OF_TOPIC if topic else tables.OF_PURPOSE,
            tables.CONSENT_CAUSE: tables.NO_CAUSE,
            "msdynmkt_purposeId@odata.bind": f"/msdynmkt_purposes({PURPOSE_OF.get(scope, scope)})",
        }
        if topic:
            row["msdynmkt_topicId@odata.bind"] = f"/msdynmkt_topics({scope})"
        self.stage.people.create(tables.ROW_SET, row | columns)

    def _restore(self, backup: dict[str, Any]) -> None:
        columns = {name: backup[name] for name in (tables.ROW_KEY, tables.CONSENT_VALUE, tables.CONSENT_SOURCE)}
        self._new_row(*_place_of(backup), columns | {"overriddencreatedon": backup["createdon"]})

    def _back_up(self, row: dict[str, Any]) -> None:
        self.backups[row[tables.ROW_KEY]] = row

    def _rows(self, address: str, scope: str) -> list[dict[str, Any]]:
        lookup = {"msdynmkt_topicid": scope} if scope in PURPOSE_OF else {"msdynmkt_purposeid": scope}
        rows = self.stage.find(tables.ROW_TABLE, **{tables.POINT_VALUE: address}, **lookup)
        return [row for row in rows if (row["msdynmkt_topicid"] or row["msdynmkt_purposeid"]) == scope]

    def _some_row(self) -> dict[str, Any] | None:
        rows = self.stage.find(tables.ROW_TABLE)
        return self.random.choice(rows) if rows else None

    def _say(self, who: str, scope: str, *, out: bool) -> None:
        self.truth.acts.append(Act(who, scope, out, self.stage.now))

    def _somebody(self, table: str | None = None) -> str:
        people = self.truth.active(table)
        return self.random.choice(people) if people else ""

    def _place(self) -> tuple[str, str]:
        held = [address for address in self.addresses if self.truth.holders(address)]
        return self.random.choice((*held, *held, *self.addresses)), self.random.choice(self.scopes)

    def _lists(self) -> list[str]:
        return [LIST_OF[scope] for scope in self.scopes if scope in LIST_OF] or list(LISTS)

    def _member(self, lists: tuple[str, ...]) -> tuple[str, str] | None:
        active = set(self.truth.active("contact"))
        members = [(m["entityid"], m["listid"]) for m in self.stage.find("listmember")]
        members = sorted(m for m in members if m[0] in active and m[1] in lists)
        return self.random.choice(members) if members else None

    def _is_on(self, id_: str, listid: str) -> bool:
        return bool(self.stage.find("listmember", entityid=id_, listid=listid))

    def _list(self, id_: str, listid: str, action: str) -> None:
        path = f"lists({listid})/Microsoft.Dynamics.CRM.{action}"
        self.stage.people.execute(Operation("POST", path, {"EntityId": id_}))

    def _change(self, id_: str, columns: dict[str, Any]) -> None:
        self.stage.people.update(f"{tables.RECORD_SETS[self.truth.people[id_].table]}({id_})", columns)

    def _name(self, id_: str) -> str:
        person = self.truth.people[id_]
        return f"{person.table} {id_[:4]} ({person.address})"

    def _scope(self, scope: str) -> str:
        kind = "topic" if scope in PURPOSE_OF else "brand"
        return f"{kind} {(list(PURPOSE_OF) if scope in PURPOSE_OF else PURPOSES).index(scope) + 1}"

    def _of_row(self, row: dict[str, Any]) -> str:
        scope = row["msdynmkt_topicid"] or row["msdynmkt_purposeid"]
        known = self._scope(scope) if scope in SCOPES else "other purpose"
        return f"{row[tables.POINT_VALUE]} {known} saying {tables.READINGS[row[tables.CONSENT_VALUE]]}"


_TWO, _MOST_PEOPLE, _FLAGGED, _DOUBLED = 2, 5, 0.2, 0.15
_AT_ONCE = 0.5


def _place_of(row: dict[str, Any]) -> tuple[str, str]:
    return row[tables.POINT_VALUE], row["msdynmkt_topicid"] or row["msdynmkt_purposeid"]


def _path(row: dict[str, Any]) -> str:
    return f"{tables.ROW_SET}({row[tables.ROW_KEY]})"
