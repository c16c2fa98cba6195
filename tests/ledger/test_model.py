"""Two workers use one ledger in any order that hypothesis can think of: it does what a model in memory does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from consent_sync.consent import rules
from consent_sync.consent.model import NEVER
from consent_sync.consent.registers import Entry, Registers
from consent_sync.ledger.account import stored
from consent_sync.ports.ledger import LedgerConflict, StoredHold
from consent_sync.ports.runs import Part, Source
from tests.ledger.conftest import KEYS, SqlitePlace
from tests.ledger.model import Model
from tests.ledger.people import ANN, BOB, NEWS, NOON, OFFERS, A, B, held, line, run, seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from consent_sync.consent.model import Scope, Subject
    from tests.ledger.conftest import Place
    from tests.ledger.model import HoldName, Line

SUBJECTS: list[Subject] = [A, B, ANN, BOB]
SUBJECT_OF = {KEYS.of(subject): subject for subject in SUBJECTS}
LISTS = ("news", "offers")
LINE: Line = ("evidence", str(NEWS), "row/topic:news/1", "changed")

workers = st.integers(0, 1)
subjects = st.sampled_from(SUBJECTS)
times = st.integers(0, 3).map(lambda days: NOON + timedelta(days=days))
registers = st.dictionaries(st.sampled_from([NEWS, OFFERS]), st.builds(Registers, times, times))
opt_ins = st.dictionaries(st.sampled_from([NEWS, OFFERS]), st.builds(Registers, times))
hold_names = st.tuples(st.sampled_from(LISTS), st.booleans())
lines = st.integers(0, 2)
part_names = st.sampled_from("abc")


def name_of(name: str, passing: bool) -> HoldName:  # noqa: FBT001
    return f"list/{name}", (rules.HOLD_LEFT_OVER if passing else rules.HOLD_LOOSENED).id


class Life(RuleBasedStateMachine):
    """Each worker remembers what it loaded last, which may be stale by the time at which it saves."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place, self.model, self.numbers = place, Model(SUBJECT_OF), count(1)
        self.ledgers = [place.open(), place.open()]
        self.loaded: list[dict[Subject, tuple[int | None, Entry]]] = [
            {who: (None, Entry(who)) for who in SUBJECTS} for _ in self.ledgers
        ]

    @rule(worker=workers, whom=st.sets(subjects, min_size=1))
    def load(self, worker: int, whom: set[Subject]) -> None:
        for who, entry in self.ledgers[worker].load(whom).items():
            known = self.model.of(who)
            assert replace(entry, version=None, revision=0, erased=NEVER) == replace(known.entry, erased=NEVER)
            assert (entry.erased > NEVER, entry.version is None) == (known.entry.erased > NEVER, known.version is None)
            self.loaded[worker][who] = known.version, entry

    @rule(
        worker=workers,
        whom=st.sets(subjects, min_size=1),
        known=registers,
        lists=st.sets(st.sampled_from(LISTS)),
        late=times | st.just(NEVER),
        said=lines,
        holds=st.lists(hold_names, unique=True),
    )
    def save(  # noqa: PLR0913  - one argument for each thing that is saved
        self,
        worker: int,
        whom: set[Subject],
        known: dict[Scope, Registers],
        lists: set[str],
        late: Any,
        said: int,
        holds: list[tuple[str, bool]],
    ) -> None:
        ledger, loaded = self.ledgers[worker], self.loaded[worker]
        stale = {who for who in whom if loaded[who][0] != self.model.of(who).version}
        places = {f"list/{name}": seen() for name in sorted(lists)}
        entries = {who: replace(loaded[who][1], registers=known, late=late) for who in whom}
        for who in whom & {ANN, BOB}:
            entries[who] = replace(entries[who], seen=places, points={ledger.key(A): NOON})
        history = [line(who) for who in whom for _ in range(said)]
        found = [held(who, name, passing=passing) for who in whom for name, passing in holds]
        before = ledger.revision()
        try:
            saved = ledger.save(entries.values(), history, found)
            assert not stale
            assert saved.keys() == whom
        except LedgerConflict as refused:
            saved = refused.kept
            assert stale
            assert not saved.keys() & stale
            assert not (stale & {A, B} and saved.keys() & {ANN, BOB})
        for who, entry in saved.items():
            assert entry.revision > before
            kept = replace(entries[who], version=None, revision=0)
            self.model.save(kept, [LINE] * said, [name_of(*each) for each in holds])
            loaded[who] = self.model.of(who).version, entry

    @rule(
        worker=workers, who=subjects, name=hold_names, state=st.sampled_from(["applied", "dismissed"]), learnt=opt_ins
    )
    def settle(
        self, worker: int, who: Subject, name: tuple[str, bool], state: str, learnt: dict[Scope, Registers]
    ) -> None:
        hold = stored(KEYS.of(who), held(who, name[0], passing=name[1]), NOON)
        settled = self.ledgers[worker].settle(replace(hold, state=state, settled=NOON, by="Kim", why="asked"), learnt)
        assert settled is self.model.settle(who, name_of(*name), state, learnt)

    @rule(worker=workers, who=subjects, learnt=registers, said=lines)
    def learn(self, worker: int, who: Subject, learnt: dict[Scope, Registers], said: int) -> None:
        known = len(self.model.of(who).history)

        def told(history: Any) -> Any:
            assert len(history) == known
            return [line(who)] * said

        assert self.ledgers[worker].learn(who, learnt, told) is self.model.learn(who, learnt, [LINE] * said)

    @rule(worker=workers, who=subjects, name=st.sampled_from(LISTS))
    def open_hold(self, worker: int, who: Subject, name: str) -> None:
        hold = StoredHold(f"{KEYS.of(who)} {name}", KEYS.of(who), f"list/{name}", "hold-brake", "see", "see", "", NOON)
        self.ledgers[worker].open_hold(hold)
        self.model.open_hold(who, (hold.location, hold.rule))

    @rule(worker=workers, who=subjects)
    def erase(self, worker: int, who: Subject) -> None:
        self.ledgers[worker].erase(who, "Kim", "asked")
        self.model.erase(who)

    @rule(worker=workers, name=st.sampled_from(LISTS))
    def forget_members(self, worker: int, name: str) -> None:
        self.ledgers[worker].forget_members(name)
        self.model.forget_members(name)

    @rule(worker=workers, name=part_names, right=st.booleans())
    def note(self, worker: int, name: str, right: bool) -> None:  # noqa: FBT001
        stands, value = self.model.notes.get(name), str(next(self.numbers))
        assert self.ledgers[worker].set_note(name, value, stands if right else "something else") is right
        if right:
            self.model.notes[name] = value

    @rule(worker=workers, names=st.sets(part_names))
    def start_run(self, worker: int, names: set[str]) -> None:
        number = next(self.numbers)
        name = f"run {number}"
        self.ledgers[worker].start_run(run(name, number), [Part(name, each, Source("lead")) for each in names])
        self.model.runs[name] = dict.fromkeys(names, 0)

    @rule(worker=workers, names=st.sets(part_names))
    def add_parts(self, worker: int, names: set[str]) -> None:
        for name, parts in list(self.model.runs.items())[-1:]:
            self.ledgers[worker].add_parts(Part(name, each, Source("lead")) for each in names)
            self.model.runs[name] = dict.fromkeys(names, 0) | parts

    @rule(worker=workers, part=part_names, behind=st.integers(0, 2))
    def advance(self, worker: int, part: str, behind: int) -> None:
        for name, parts in list(self.model.runs.items())[-1:]:
            moved = self.ledgers[worker].advance(Part(name, part, Source("lead"), seq=behind + 1), behind)
            assert moved is (parts.get(part) == behind)
            if moved:
                parts[part] = behind + 1

    def teardown(self) -> None:
        """A third process finds everything as the model has it."""
        ledger, model = self.place.open(), self.model
        self.ledgers.append(ledger)
        self.loaded.append({})
        self.load(2, set(SUBJECTS))
        for who in SUBJECTS:
            said = [(each.what, each.scope, each.location, each.rule) for each in ledger.history(who)]
            assert said == model.of(who).history
        verified = ledger.verify()
        assert verified.bad == ()
        assert verified.subjects == len(model.accounts)
        assert verified.lines == sum(len(account.history) for account in model.accounts.values())
        for name in LISTS:
            members = model.members(name)
            assert set(ledger.members(name)) >= members
            assert ledger.remembers(name, [ANN, BOB]) == members
        open_holds = ledger.holds()
        assert {(SUBJECT_OF[hold.key], (hold.location, hold.rule)) for hold in open_holds} == model.open_holds()
        assert ledger.late().oldest == next(iter(model.late()), None)
        assert ledger.notes() == model.notes
        assert [found.id for found in ledger.runs(99)] == list(reversed(model.runs))
        for name, parts in model.runs.items():
            assert {part.name: part.seq for part in ledger.parts(name)} == parts
        self.place.close()


def test_a_ledger_does_what_its_model_does(places: Callable[[], Place]) -> None:
    examples, steps = (40, 25) if isinstance(places(), SqlitePlace) else (6, 15)
    run_state_machine_as_test(
        lambda: Life(places()),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
