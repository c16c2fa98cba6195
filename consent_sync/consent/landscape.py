"""The tenant as the rules see it: what every location means, how scopes nest, and the customer's policy.

Compiled from the mapping and from what the tenant itself says about its purposes; see :mod:`consent_sync.mapping`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from .model import Kind, Location, PurposeType, Scope, tenant


class Mode(StrEnum):
    """The ladder of trust: write nothing, write opt-outs only, write proven opt-ins too."""

    OBSERVE = "observe"
    RESTRICT = "restrict"
    TWO_WAY = "two-way"

    @property
    def step(self) -> int:
        """How high on the ladder: a lower mode may be forced, a higher one may not."""
        return list(Mode).index(self)


class Opened(StrEnum):
    """What an open location looks like."""

    NOT_OUT = "anything but out"
    PRESENT = "present"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the locations of one kind and name speak for.

    `side` names the world they live in (compared, never interpreted); `opened` tells an open location from a closed
    one; `shadows` is true where the side's own engine stops everything narrower, so that nothing narrower need be
    written; `writable` is false where the mapping only lets us read.
    """

    scopes: tuple[Scope, ...]
    side: str
    brand: str | None = None
    shadows: bool = False
    writable: bool = True
    opened: Opened = Opened.NOT_OUT

    @property
    def leaving_is_out(self) -> bool:
        """Whether a presence that ends is a withdrawal."""
        return self.opened is Opened.PRESENT


class Loosened(StrEnum):
    """What to make of a location that somebody loosened without proof."""

    RESTORE = "restore"
    HOLD = "hold"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Policy:
    """The customer's choices that the rules ask for.

    `release_flag`: whether a flag may ever be cleared; `flag_for_unwritable_list`: whether a person who must leave a
    list that cannot be written gets the flag instead. The brake trips at more than `brake_count` writes of one
    direction, or at more than `brake_share` of the contact points where these are more than a handful.
    """

    mode: Mode = Mode.OBSERVE
    release_flag: bool = True
    loosened: Loosened = Loosened.RESTORE
    flag_for_unwritable_list: bool = True
    brake_share: float = 0.05
    brake_count: int = 500

    def is_too_much(self, writes: int, contact_points: int) -> bool:
        """Whether so many writes of one direction, for so many contact points, trip the brake."""
        return writes > self.brake_count or writes > max(_HANDFUL, self.brake_share * contact_points)


_HANDFUL = 20
"""Of a run over a few contact points, a few changes are always a large share."""


@dataclass(frozen=True)
class Landscape:
    """Meanings by (kind, name), the parent of each scope, and the purposes of each type over all brands.

    `restrictive` are purposes that need an opt-in of their own; `unenforced` are purposes whose opt-outs their own side
    ignores (enforcement model Disabled); at `double_opt_in` ones an opt-in counts only with the person's click, so we
    never write one.
    """

    meanings: dict[tuple[Kind, str], Meaning]
    parents: dict[Scope, Scope]
    purposes: dict[PurposeType, tuple[Scope, ...]]
    policy: Policy = field(default_factory=Policy)
    restrictive: frozenset[Scope] = frozenset()
    unenforced: frozenset[Scope] = frozenset()
    double_opt_in: frozenset[Scope] = frozenset()

    def meaning(self, location: Location) -> Meaning:
        """What `location` speaks for. Raises KeyError for a location the mapping does not name."""
        return self.meanings[location.kind, location.name]

    def upwards(self, scope: Scope) -> tuple[Scope, ...]:
        """`scope` and everything wider, narrowest first."""
        return self._chains.get(scope) or (scope,)

    def purposes_under(self, scope: Scope) -> tuple[Scope, ...]:
        """The purposes that a tenant-wide scope stands for; empty for any other scope."""
        return self._under.get(scope, ())

    def is_wide(self, location: Location) -> bool:
        """Whether a location speaks for all purposes of a type."""
        return not self._under.keys().isdisjoint(self.meaning(location).scopes)

    def needs_confirmation(self, scope: Scope) -> bool:
        """Whether only the person's own click can opt in to `scope`."""
        return any(wide in self.double_opt_in for wide in self.upwards(scope))

    @cached_property
    def _chains(self) -> dict[Scope, tuple[Scope, ...]]:
        chains = {}
        for scope in self.parents:
            chain = [scope]
            while parent := self.parents.get(chain[-1]):
                chain.append(parent)
            chains[scope] = tuple(chain)
        return chains

    @cached_property
    def _under(self) -> dict[Scope, tuple[Scope, ...]]:
        return {tenant(type_): scopes for type_, scopes in self.purposes.items()}
