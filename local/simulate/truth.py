"""What people really said, and what follows from it: written per person, sharing no code with the service's rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from local.company import BRANDS, CONTOSO

EVERYTHING = "commercial"
"""The scope of the flag: commercial mail of every brand."""

PURPOSES = tuple(brand.commercial for brand in BRANDS)
PURPOSE_OF = {subscription.topic: brand.commercial for brand in BRANDS for subscription in brand.subscriptions}
LIST_OF = {subscription.topic: subscription.list for brand in BRANDS for subscription in brand.subscriptions}
TOPIC_OF = {listid: topic for topic, listid in LIST_OF.items()}
OPT_OUT_LIST = CONTOSO.opt_out_list or ""
LISTS = tuple(TOPIC_OF)
SCOPES = (*PURPOSES, *PURPOSE_OF)


@dataclass(frozen=True)
class Act:
    """Somebody, a record by its id or whoever reads an address, opted out of or in to a scope at a time."""

    who: str
    scope: str
    out: bool
    at: float


@dataclass(frozen=True)
class Person:
    """A record as it is now; `into` is the record that it was merged into."""

    id: str
    table: str
    address: str | None
    active: bool = True
    into: str | None = None


@dataclass
class Truth:
    """All acts, and the people as they are."""

    acts: list[Act] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)

    def copy(self) -> Truth:
        """Give the truth of this moment."""
        return Truth(list(self.acts), dict(self.people))

    def change(self, id_: str, **changes: str | bool | None) -> None:
        """Change a person."""
        self.people[id_] = replace(self.people[id_], **changes)  # type: ignore[arg-type]

    def active(self, table: str | None = None) -> list[str]:
        """Ids of the records that can be mailed, of one table or of all."""
        return [p.id for p in self.people.values() if p.active and table in {None, p.table}]

    def holders(self, address: str) -> list[Person]:
        """Everybody with this address."""
        return [person for person in self.people.values() if person.address == address]

    def stopped(self, address: str, scope: str) -> bool:
        """Whether the latest act that concerns `scope` at `address` was an opt-out.

        An opt-in at the address answers an opt-out made on a record only where that record has the address for itself:
        nobody can open what another person closed. Whoever was merged goes on speaking.
        """
        holders = self.holders(address)
        voices = {address, *self._with_merged(person.id for person in holders)}
        alone = sum(person.active for person in holders) <= 1
        purpose = PURPOSE_OF.get(scope, scope)
        for wide in dict.fromkeys((scope, purpose, EVERYTHING)):
            lifting = {wide, purpose} if wide == EVERYTHING else {wide}
            for voice in voices:
                heard = voices if alone else {voice}
                out = self._latest({voice}, {wide}, out=True)
                if out and out >= self._latest(heard, lifting, out=False):
                    return True
        return False

    def asked_for(self, address: str, scope: str) -> bool:
        """Whether somebody at `address` ever opted in to exactly this scope."""
        return self._latest({address}, {scope}, out=False) > 0

    def _latest(self, who: set[str], scopes: set[str], *, out: bool) -> float:
        return max((a.at for a in self.acts if a.who in who and a.scope in scopes and a.out is out), default=0)

    def _with_merged(self, ids: Iterable[str]) -> Iterator[str]:
        for id_ in ids:
            yield id_
            yield from self._with_merged(p.id for p in self.people.values() if p.into == id_)


def narrow(scopes: Sequence[str]) -> list[str]:
    """Give the purposes and topics that stand behind some scopes."""
    return [part for scope in scopes for part in (PURPOSES if scope == EVERYTHING else (scope,))]
