"""One history: a tiny company, random deeds, a service in trouble; then silence, one sweep, and the promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, cast

from consent_sync.consent.model import Channel, ContactPoint, Reading, RecordRef
from consent_sync.engine.scopes import Scope
from consent_sync.errors import ConsentSyncError
from consent_sync.ports.wake import PageTurn, Wake
from local.emulator.faults import RequestFault

from .check import check
from .deeds import ADDRESSES, Deeds
from .fate import Fate, KilledError, ViolationError, scope_of
from .stage import Stage
from .truth import Truth

if TYPE_CHECKING:
    from consent_sync.consent.decide import Write
    from consent_sync.engine.passes import Passes
    from consent_sync.operate.service import Service

OVER = 60
"""Seconds after which a write that was begun is known not to be under way any more."""

_YEAR = 31_536_000
_FAULTS: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "retry_after": 2},
    "503": {"status": 503},
    "500": {"status": 500},
    "cut before": {"cut": "before"},
    "cut after": {"cut": "after"},
}


@dataclass
class Tally:
    """What was tried so far."""

    histories: int = 0
    steps: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.histories + other.histories,
            self.steps + other.steps,
            self.kills + other.kills,
            self.faults + other.faults,
            self.events + other.events,
            self.deeds + other.deeds,
        )


class History:
    """Plays one history; `say` is told of every step."""

    def __init__(self, stage: Stage, random: Random, tally: Tally, say: Callable[[str], None]) -> None:
        self.stage, self.random, self.tally, self.say = stage, random, tally, say
        self.truth = Truth()
        self.service: Service | None = None
        self.told = 0
        self.rows_deleted = False
        self.deeds = Deeds(stage, self.truth, random, self.look, self.tell, self._remembered)
        deeds = self.deeds
        self.steps: dict[Callable[[], str], int] = {
            deeds.objects: 4,
            deeds.opts_out: 8,
            deeds.opts_in: 8,
            deeds.opts_in_everywhere: 3,
            deeds.leaves_a_list: 4,
            deeds.joins_the_opt_out_list: 3,
            deeds.is_put_on_a_list: 4,
            deeds.is_taken_off_the_opt_out_list: 1,
            deeds.edits_a_record: 3,
            deeds.edits_a_row: 3,
            deeds.clears_a_flag: 2,
            deeds.imports: 3,
            deeds.deletes_a_row: 3,
            deeds.restores_a_row: 3,
            deeds.changes_address: 3,
            deeds.appears: 2,
            deeds.merges: 2,
            deeds.retires: 2,
            deeds.disappears: 1,
        }

    def play(self) -> None:
        """Play it to the end. Raises ViolationError."""
        try:
            self._begin()
            for _ in range(self.random.randint(8, 20)):
                self.tally.steps += 1
                self._deed() if self.random.random() < _DEEDS else self._work()
            self._end()
        finally:
            self._stop()

    def _begin(self) -> None:
        """Found the company: some of what stands there is older than the ledger."""
        old = self.random.random() < _HALF
        self.stage.pass_time(-_YEAR if old else 0)
        for _ in range(self.random.randint(2, 4)):
            self.say(self.deeds.add(self.random.choice(self.deeds.addresses)))
        for _ in range(self.random.randint(0, 5)):
            self.stage.pass_time()
            deeds = (
                self.deeds.subscribes,
                self.deeds.subscribes,
                self.deeds.opts_out,
                self.deeds.joins_the_opt_out_list,
            )
            self.say(self.random.choice(deeds)())
        self.stage.pass_time(_YEAR if old else 0)
        self.stage.events.clear()
        self._service().ledger.born()

    def _deed(self) -> None:
        deed = self.random.choices(list(self.steps), list(self.steps.values()))[0]
        self.stage.pass_time()
        self.told = len(self.stage.events)
        if says := deed():
            self.rows_deleted |= deed == self.deeds.deletes_a_row
            self.tally.deeds[deed.__name__] += 1
            self.say(says)

    # what the service does

    def look(self) -> None:
        """Let the service see everybody, undisturbed."""
        self.say("  the service looks at everybody")
        self._undisturbed(lambda passes: passes.wake(self._everybody()))
        self.told = len(self.stage.events)

    def tell(self) -> None:
        """Deliver what the last deed rang."""
        for event in self.stage.events[self.told :]:
            if wake := self.stage.wake_of(event):
                self._undisturbed(partial(_wake, wake))

    def _work(self) -> None:
        """Let the service do something, mostly in trouble."""
        kind = self.random.choice(_WORK)
        events = self.stage.events
        if kind in {"event", "lose"}:
            if not events:
                return
            event = events.pop(self.random.randrange(len(events)))
            wake = self.stage.wake_of(event)
            if kind == "lose" or wake is None:
                self.tally.events["lost" if wake else "own"] += 1
                return
            self.tally.events["delivered"] += 1
            if self.random.random() < _AGAIN:
                self.tally.events["to be doubled"] += 1
                events.append(event)
            self.say(f"the event {event.event.message} of {event.event.table.name} arrives")
            named = Wake.from_json(wake.to_json())
            done = self._in_trouble(lambda passes: passes.wake(named))
            if not done and self.random.random() < _HALF:
                events.append(event)  # the queue delivers it again
        elif kind == "look":
            self.say("the service is woken for everybody")
            self._in_trouble(lambda passes: passes.wake(self._everybody()))
        else:
            self.say(f"a {kind} runs")
            self._in_trouble(_sweep if kind == "sweep" else resync)

    def _in_trouble(self, work: Callable[[Passes], object]) -> bool:
        """Do some work with the network, people or a crash getting in its way; whether it was done."""
        fate = Fate(self.truth)
        with self._trouble(fate):
            try:
                work(fate.shadow(self._service(), self.stage.pass_time))
            except KilledError as death:
                self.tally.kills[str(death)] += 1
                self.say(f"  killed {death}")
                self._stop()
            except ConsentSyncError as error:
                self.say(f"  {type(error).__name__}: {error}")
            else:
                self.stage.pass_time()
                return True
        self.stage.pass_time(OVER)
        return False

    @contextmanager
    def _trouble(self, fate: Fate) -> Iterator[None]:
        network, faults, random = self.stage.network, self.stage.emulator.faults, self.random
        match random.choice(("none", "none", "fault", "half", "kill", "kill", "act")):
            case "fault":
                name, fault = random.choice(list(_FAULTS.items()))
                count = random.choice((1, 2, 6))
                self.say(f"  with {name}, {count} times")
                faults.replace([RequestFault(path=random.choice(("", "$batch")), count=count, **fault)])
                self.tally.faults[name] += 1
                yield
            case "half":
                network.half = random.random()
                self.say("  with the first batch that writes cut halfway")
                yield
            case "kill":
                fate.of = random.choice((None, "gather", "apply", "apply", "apply", "save", "save", "advance"))
                fate.dies_at = random.choice((1, 1, 1, 2)) if fate.of else random.randint(1, 30)
                fate.after = random.random() < _HALF
                yield
            case "act":
                fate.meanwhile = self._meanwhile
                yield
            case _:
                yield
        faults.replace([])
        network.half = None

    def _meanwhile(self, writes: Sequence[Write]) -> None:
        """Somebody opts out between the service's read and its write, just where the service is about to open."""
        opening = [w for w in writes if w.to is Reading.IN and isinstance(w.location.subject, ContactPoint)]
        write = self.random.choice(opening) if opening else None
        place = (cast("ContactPoint", write.location.subject).value, scope_of(write)) if write else None
        self.stage.pass_time(2)
        self.tally.faults["act between read and write"] += 1
        self.say(f"  meanwhile {self.deeds.opts_out(place, write.location.row_id if write else None)}")

    def _undisturbed(self, work: Callable[[Passes], object]) -> Fate:
        fate = Fate(self.truth)
        self.stage.pass_time()
        work(fate.shadow(self._service(), self.stage.pass_time))
        self.stage.pass_time()
        return fate

    # the end

    def _end(self) -> None:
        """Deliver nothing more, and judge after one sweep, and again after a resync. Raises ViolationError.

        Of a consent row that was deleted with its event lost, the frequent sweep only learns the id: what it takes then
        is the sweep over everything, which is what a resync does.
        """
        self.stage.pass_time(OVER)
        self.stage.events.clear()
        if not self.rows_deleted:
            self.say("all is quiet; a last sweep")
            self._undisturbed(_sweep)
            check(self.stage, self.truth)
        self.say("all is quiet; a resync")
        self._undisturbed(resync)
        check(self.stage, self.truth)
        echoes, self.stage.events[:] = list(self.stage.events), []
        if self._undisturbed(resync).written:
            raise ViolationError("idempotent", "a second resync wrote again")
        for echo in echoes:
            if wake := self.stage.wake_of(echo):
                raise ViolationError("no_echo", f"our own {echo.event.message} of {echo.event.table.name} woke {wake}")
        check(self.stage, self.truth)

    def _service(self) -> Service:
        if self.service is None:
            self.service = self.stage.start()
        return self.service

    def _stop(self) -> None:
        if self.service:
            self.service.ledger.close()
            self.service.client.close()
            self.service = None

    def _remembered(self, id_: str, place: str) -> tuple[Reading, bool]:
        record = RecordRef(self.truth.people[id_].table, id_)
        seen = self._service().ledger.load([record])[record].seen.get(place)
        return (seen.reading, seen.present) if seen else (Reading.SILENT, False)

    def _everybody(self) -> Wake:
        points = (ContactPoint(Channel.EMAIL, address) for address in ADDRESSES)
        return Wake(tuple(points), tuple(sorted(RecordRef(p.table, p.id) for p in self.truth.people.values())))


_WORK = (*("event",) * 4, "look", *("sweep",) * 3, "resync", "lose")
_DEEDS, _HALF, _AGAIN = 0.6, 0.5, 0.2


def resync(passes: Passes) -> None:
    """Run a resync of everything to its end."""
    _, waiting = passes.start_resync(Scope("all"), dry_run=False, reason="simulation")
    _finish(passes, waiting)


def _wake(wake: Wake, passes: Passes) -> None:
    passes.wake(wake)


def _sweep(passes: Passes) -> None:
    for begun in (passes.start_tracking(), passes.start_sweep()):
        _finish(passes, begun[1] if begun else [])


def _finish(passes: Passes, waiting: list[Wake | PageTurn]) -> None:
    while waiting:
        turn = waiting.pop(0)
        if isinstance(turn, PageTurn):
            waiting += passes.turn(turn)
