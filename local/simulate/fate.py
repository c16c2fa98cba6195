"""A process that dies before or after any call of its ports, and the judge that sees every write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from consent_sync.consent.model import ContactPoint, Kind, Reading
from local.simulate.truth import EVERYTHING, OPT_OUT_LIST, PURPOSES, TOPIC_OF, Truth, narrow

if TYPE_CHECKING:
    from consent_sync.consent.decide import Write
    from consent_sync.engine.passes import Passes
    from consent_sync.operate.service import Service

_NO_CALLS = frozenset({"counting", "key"})


class KilledError(BaseException):
    """The process is gone. No Exception: nothing that runs in a killed process handles it."""


class ViolationError(Exception):
    """A promise was broken; `args` are its name and what happened."""


@dataclass
class Fate:
    """What is to happen to the calls of a process: the `dies_at`-th is its last, which it makes or not (`after`).

    With `of`, only calls of that name are counted.
    """

    truth: Truth
    dies_at: int | None = None
    after: bool = False
    of: str | None = None
    meanwhile: Callable[[Sequence[Write]], None] | None = None
    calls: int = 0
    written: int = 0
    read: Truth | None = None

    def shadow(self, service: Service, sleep: Callable[[float], None]) -> Passes:
        """Give the service's passes with every call under this fate."""
        tenant, ledger = (cast("Any", _Port(port, self)) for port in (service.passes.tenant, service.ledger))
        reconcile = replace(service.passes.reconcile, tenant=tenant, ledger=ledger, sleep=sleep)
        return replace(service.passes, tenant=tenant, ledger=ledger, reconcile=reconcile)

    def before(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Stand before a call."""
        self.calls += self.of in {None, name}
        if self._is_last(name) and not self.after:
            raise KilledError(f"before {name}")
        if name == "gather":
            self.read = self.truth.copy()
        elif name == "apply":
            if self.meanwhile:
                self.meanwhile(arguments[0])
                self.meanwhile = None
            self.written += len(arguments[0])
            for write in arguments[0]:
                judge(write, self.read or self.truth)

    def behind(self, name: str) -> None:
        """Stand after a call."""
        if self._is_last(name) and self.after:
            raise KilledError(f"after {name}")

    def _is_last(self, name: str) -> bool:
        return self.calls == self.dies_at and self.of in {None, name}


class _Port:
    """Passes every call on to a port, under a fate."""

    def __init__(self, port: object, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        if name in _NO_CALLS:
            return call

        def under_fate(*arguments: Any, **named: Any) -> Any:
            self._fate.before(name, arguments)
            result = call(*arguments, **named)
            self._fate.behind(name)
            return result

        return under_fate


def judge(write: Write, known: Truth) -> None:
    """Look at a write that opens: nobody it concerns may be out, and somebody must have asked. Raises ViolationError.

    `known` is the truth of the moment in which the service read.
    """
    if write.to is not Reading.IN:
        return
    subject = write.location.subject
    if isinstance(subject, ContactPoint):
        addresses = [subject.value]
    else:
        addresses = [address] if (address := known.people[subject.id].address) else []
    says = f"{write.location.kind} {write.location.name} of {addresses} opened by {write.rule}"
    for scope in narrow([scope_of(write)]):
        if any(known.stopped(address, scope) for address in addresses):
            raise ViolationError("no_wrong_mail", f"{says} against an opt-out of {scope}")
        if not any(known.asked_for(address, scope) for address in addresses):
            raise ViolationError("absence_is_not_consent", f"{says}, nobody opted in to {scope}")


def scope_of(write: Write) -> str:
    """Give the scope of the location that a write changes, by the id of its purpose or topic."""
    name = write.location.name
    if write.location.kind is Kind.ROW:
        return name.partition(":")[2]
    if write.location.kind is Kind.FLAG:
        return EVERYTHING
    return PURPOSES[0] if name == OPT_OUT_LIST else TOPIC_OF[name]
