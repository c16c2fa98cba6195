"""The show itself: find, repair, follow live, catch what got lost, and prove that nothing is left to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.demo import acts, check
from local.demo.dataverse import wait_for
from local.demo.place import changed_rows, uncomplicated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.demo.acts import Act
    from local.demo.place import Person, Tables
    from local.demo.stage import Stage

PATIENCE = 30.0  # seconds until an act that has not arrived everywhere counts as failed
ONE_SECOND_APART = 1.1  # servers keep whole seconds; two acts within one would be a tie
SHOWN = 5
CHANGES = {
    "flag out": "set a do-not flag",
    "row out": "opt out in real-time",
    "list out": "take off a subscription list",
    "opt_out_list out": "put on the opt-out list",
    "flag in": "clear a do-not flag",
    "row in": "opt in in real-time",
    "list in": "put on a subscription list",
    "opt_out_list in": "take off the opt-out list",
}


@dataclass(frozen=True, slots=True)
class _Before:
    """How things stood before an act: all rows, the writes the show had made, the last request's number."""

    tables: Tables
    writes: int
    requests: int


class Show:
    """One performance on `stage`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._made = self._propagated = self._wrong = 0
        self._last_act = 0.0

    def play(self) -> bool:
        """Run the whole show; return whether everything propagated and nothing is wrong."""
        start = self._stage.dataverse.snapshot()
        _say(
            f"A made-up company: {len(start['contact']):,} contacts, {len(start['lead']):,} leads, two brands,"
            f" {len(start['msdynmkt_contactpointconsent4']):,} consent rows,",
            f"{len(start['listmember']):,} list memberships, and years of two systems. All of it is sample data.",
        )
        self._plan(start)
        self._repair()
        repaired = self._stage.dataverse.snapshot()
        who = acts.cast(uncomplicated(start), uncomplicated(repaired))
        self._live(who)
        self._lost(acts.WITHOUT_WEBHOOK, who[acts.WITHOUT_WEBHOOK])
        self._second_pass()
        self._look_again(start, {person.address for person in who.values()})
        print(f"demo: {self._propagated} of {self._made} acts propagated, {self._wrong} wrong")
        return self._propagated == self._made and not self._wrong

    def _plan(self, start: Tables) -> None:
        _title("1. What contradicts today (observe: nothing is written)")
        found = check.contradictions(start)
        run = self._resync("observe", "first plan")
        _table(
            ("brand", "change", "rule", "count"),
            [
                (each["brand"], CHANGES.get(each["change"], each["change"]), each["rule"], each["count"])
                for each in run["planned"]
            ],
        )
        _say(
            f"{_run(run)}; {run['written']} written, {run['held']} held for a person.",
            f"A count that shares no code with the service finds {len(found)} contradictions"
            f" at {len({each.address for each in found})} addresses.",
        )
        self._wrong += run["written"]

    def _repair(self) -> None:
        _title("2. The repair (restrict: opt-outs only)")
        run = self._resync("restrict", "repair what years of two systems left")
        left = check.contradictions(self._stage.dataverse.snapshot())
        _say(
            f"{_run(run)}; {run['written']} written.",
            f"{len(left)} contradictions left, the restrictive reading stands for whatever is held.",
        )
        self._stage.run_service("")

    def _live(self, who: dict[Act, Person]) -> None:
        _title("3. People act, in either world (two-way: proven opt-ins travel too)")
        for act in acts.LIVE:
            if act.same_person_as:
                time.sleep(max(0.0, ONE_SECOND_APART - (time.monotonic() - self._last_act)))
            before = self._now()
            _say(f"{who[act].name} {act.title}")
            started = time.monotonic()
            act.make(self._stage.dataverse, who[act])
            self._follow(act, who[act], before, started)

    def _lost(self, act: Act, person: Person) -> None:
        _title("4. An opt-out whose webhook gets lost")
        dataverse = self._stage.dataverse
        before = self._now()
        dataverse.lose_webhooks(lost=True)
        _say(f"{person.name} {act.title}")
        act.make(dataverse, person)
        self._stage.wait_until_quiet()
        dataverse.lose_webhooks(lost=False)
        started = time.monotonic()
        self._stage.host.fire("sweep")
        self._follow(act, person, before, started)

    def _second_pass(self) -> None:
        _title("5. Everything compared again")
        run = self._resync(None, "second pass")
        _say(f"{_run(run)}; {run['written']} written.")
        self._wrong += run["written"]

    def _look_again(self, start: Tables, acted: set[str]) -> None:
        end = self._stage.dataverse.snapshot()
        wrong = [*check.contradictions(end), *check.tightened(start, end, acted)]
        _title("6. A last look that shares no code with the service")
        for each in wrong[:SHOWN]:
            _say(f"wrong: {each.brand}: {each.what} ({each.address})")
        _say(f"{len(check.people(end)):,} addresses, {len(wrong)} of them mailable or stopped against their word.")
        self._wrong += len(wrong)

    def _now(self) -> _Before:
        dataverse = self._stage.dataverse
        return _Before(dataverse.snapshot(), dataverse.writes, dataverse.requests_so_far())

    def _follow(self, act: Act, person: Person, before: _Before, started: float) -> None:
        """Wait for an act that was made at `started` to arrive everywhere, then for silence; count what it took."""
        dataverse = self._stage.dataverse
        expected = uncomplicated(before.tables)[person] | act.then
        wait_for(dataverse, person, expected, PATIENCE)
        seconds = time.monotonic() - started
        self._stage.wait_until_quiet()
        self._last_act = time.monotonic()
        state = dataverse.state(person)
        requests = dataverse.requests_of_service(before.requests)
        changed = list(changed_rows(before.tables, dataverse.snapshot()))
        strangers = sum(not person.owns(row) for row in changed)
        writes = len(changed) - (dataverse.writes - before.writes)
        self._made += 1
        self._propagated += state == expected
        self._wrong += strangers
        _say(f"  -> {act.outcome}", f"     {seconds:.2f} s, {_count(writes, 'write')}, {_count(requests, 'request')}")
        for name, value in expected.items():
            if state[name] != value:
                _say(f"     WRONG: {name} should be {value}, is {state[name]}")
        if strangers:
            _say(f"     WRONG: {_count(strangers, 'row')} of other people changed")

    def _resync(self, mode: str | None, reason: str) -> dict[str, Any]:
        if mode is not None:
            self._stage.run_service(mode)
        started = time.monotonic()
        run = self._stage.host.resync(reason)
        run["seconds"] = time.monotonic() - started
        self._stage.wait_until_quiet()
        return run


def _run(run: dict[str, Any]) -> str:
    planned = sum(each["count"] for each in run["planned"])
    return f"{_count(planned, 'change')} planned, {_count(run['requests'], 'request')}, {run['seconds']:.1f} s"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _say(*lines: str) -> None:
    for line in lines:
        print(f"   {line}", flush=True)


def _title(text: str) -> None:
    print(f"\n{text}", flush=True)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    lines = [heads, *(tuple(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line[:-1], widths[:-1], strict=True)]
        print("   " + "  ".join([*cells, line[-1].rjust(widths[-1])]))
