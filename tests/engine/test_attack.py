"""People, staff, crashes and a bad network against the reconcile, in any order that hypothesis can think of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consent_sync.consent.landscape import Mode
from consent_sync.consent.model import Act, ContactPoint, Reading, RecordRef
from consent_sync.engine.reconcile import Reconciler
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ports.wake import Wake
from tests.support.world import ANN, BOB, FLAG, LEA, P1, P2, T1, T2, A, B, Down, Truth, World

POINTS = (A, B)
RECORDS = (ANN, BOB, LEA)
SCOPES = (P1, P2, T1, T2)


class Attack(RuleBasedStateMachine):
    """Ann holds both addresses, Bob shares one of them, Lea is a lead with Ann's first address."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.ledger = SqliteLedger(":memory:", SubjectKeys("key"))
        self.ledger.born = lambda: self.world.records[ANN].created  # type: ignore[method-assign]
        self.events: list[Act] = []
        self.known: set[Truth] = set()
        self.judges = 0

    @initialize(share=st.booleans(), lead=st.booleans(), audited=st.booleans())
    def _people(self, share: bool, lead: bool, audited: bool) -> None:  # noqa: FBT001
        self.world.audited = audited
        self.world.add(ANN, A, B)
        self.world.add(BOB, *([B] if share else []))
        self.world.add(LEA, *([A] if lead else []))
        self.look()

    @rule(who=st.sampled_from(RECORDS))
    def objects_to_everything(self, who: RecordRef) -> None:
        seen = self.ledger.load([who])[who].seen.get(f"flag/{FLAG}")
        set_already = self.world.records[who].flag or (seen is not None and seen.reading is Reading.OUT)
        self.events.append(self.world.flag(who, True))
        if set_already:  # out as when we looked: without the event it cannot be told from an unrelated edit
            self._reconcile(Wake((), (who,), (self.events[-1],)))

    @rule(point=st.sampled_from(POINTS), scope=st.sampled_from(SCOPES), says=st.sampled_from([Reading.IN, Reading.OUT]))
    def uses_the_preference_centre(self, point: ContactPoint, scope: object, says: Reading) -> None:
        self.events.append(self.world.consent(point, scope, says))  # type: ignore[arg-type]

    @rule(who=st.sampled_from((ANN, BOB)), list_id=st.sampled_from(["l1", "l2", "o1"]))
    def is_put_on_a_list(self, who: RecordRef, list_id: str) -> None:
        if list_id not in self.world.records[who].lists and (list_id == "o1" or self._nothing_unseen()):
            self.events.append(self.world.join(who, list_id))

    @rule(who=st.sampled_from((ANN, BOB)), list_id=st.sampled_from(["l1", "l2"]))
    def leaves_a_list(self, who: RecordRef, list_id: str) -> None:
        self.look()  # who joins and leaves between two looks leaves no trace but the events
        if list_id in self.world.records[who].lists:
            self.events.append(self.world.leave(who, list_id))

    @rule(who=st.sampled_from(RECORDS))
    def gets_a_new_phone_number(self, who: RecordRef) -> None:
        self.world.edit(who)

    @rule(point=st.sampled_from(POINTS), scope=st.sampled_from(SCOPES))
    def a_consent_row_is_edited(self, point: ContactPoint, scope: object) -> None:
        self.world.edit_row(point, scope)  # type: ignore[arg-type]

    # somebody without proof; what was never seen cannot be restored, so it has to have been seen

    @precondition(lambda self: self._nothing_unseen())
    @rule(who=st.sampled_from(RECORDS))
    def staff_clears_the_flag(self, who: RecordRef) -> None:
        self.events.append(self.world.flag(who, False))

    @precondition(lambda self: self._nothing_unseen())
    @rule(
        point=st.sampled_from(POINTS), scope=st.sampled_from(SCOPES), says=st.sampled_from([Reading.IN, Reading.SILENT])
    )
    def import_loosens_a_row(self, point: ContactPoint, scope: object, says: Reading) -> None:
        self.events.append(self.world.consent(point, scope, says, trusted=False))  # type: ignore[arg-type]

    @precondition(lambda self: self._nothing_unseen())
    @rule(point=st.sampled_from(POINTS), scope=st.sampled_from(SCOPES))
    def a_row_is_deleted(self, point: ContactPoint, scope: object) -> None:
        self.world.delete_row(point, scope)  # type: ignore[arg-type]

    # what the network and the machine do

    @rule(data=st.data())
    def an_event_arrives(self, data: st.DataObject) -> None:
        """Late, twice, or before an earlier one: events stay in the list, and most are never drawn."""
        if self.events:
            act = data.draw(st.sampled_from(self.events))
            subject = act.location.subject
            named = Wake((subject,), (), (act,)) if isinstance(subject, ContactPoint) else Wake((), (subject,), (act,))
            self._reconcile(named)

    @rule(calls=st.integers(1, 3))
    def the_machine_dies(self, calls: int) -> None:
        self.world.down_at = self.world.calls + calls
        with suppress(Down):
            self._reconciler()(Wake(POINTS))
        self.world.down_at = None
        self.world.wait(60)  # until its write is known not to be under way any more

    @rule()
    def the_machine_dies_between_writing_and_recording(self) -> None:
        self.world.dies_after_writing = True
        with suppress(Down):
            self._reconciler()(Wake(POINTS))
        self.world.dies_after_writing = False
        self.world.wait(60)

    @rule()
    def a_person_acts_between_read_and_write(self) -> None:
        self.world.before_apply = [lambda: self.world.consent(A, P1, Reading.OUT)]
        self._reconciler()(Wake(POINTS))
        self.world.before_apply = []

    @rule()
    def look(self) -> None:
        self._reconcile(Wake(POINTS))
        self.known |= set(self.world.truth)

    # the promises

    @invariant()
    def no_write_loosens_what_a_person_closed(self) -> None:
        for write, known in self.world.judged[self.judges :]:
            if write.to is Reading.IN:
                subject = write.location.subject
                points = (subject,) if isinstance(subject, ContactPoint) else self.world.records[subject].points
                for point in points:
                    for scope in self.world.scene.meaning(write.location).scopes:
                        narrow = self.world.scene.purposes_under(scope) or (scope,)
                        assert not any(self.world.out_in_truth(point, s, known) for s in narrow), (write, known)
        self.judges = len(self.world.judged)

    def teardown(self) -> None:
        if not self.world.records:
            return
        self.look()
        for point in POINTS:
            for scope in SCOPES:
                if self.world.out_in_truth(point, scope):
                    assert not self.world.open_for(point, scope), (point, scope, self.world.truth)
        written = len(self.world.writes)
        self.look()
        assert len(self.world.writes) == written, "a second look wrote again"

    def _nothing_unseen(self) -> bool:
        return self.known >= set(self.world.truth)

    def _reconciler(self) -> Callable[..., object]:
        return Reconciler(self.world, self.ledger, lambda: Mode.TWO_WAY, sleep=lambda _: None)

    def _reconcile(self, wake: Wake) -> None:
        self._reconciler()(wake)


Attack.TestCase.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
TestNoWrongMail = Attack.TestCase
