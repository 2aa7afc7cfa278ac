"""What the driver asks of its effects, and says of each step, beside what the schedules assert."""

from dataclasses import replace

import pytest

from credguard.errors import NetworkDown, NoSuchEntity, StoreError, VaultError
from credguard.rotation.driver import _signer, begin, resume
from credguard.rotation.model import Action, Facts, Mode, Record, Remote, State, Step
from credguard.secret import Secret
from tests.rotation.schedules import DEFAULT, ZERO, reached
from tests.rotation.world import OLD, FakeEffects, World


class Asked(FakeEffects):
    """Notes for which key each question was."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.asked: set[tuple[str, object]] = set()
        self.paused: list[float] = []

    def own_use_until(self, key_id: str) -> float:
        self.asked.add(("own use", key_id))
        return super().own_use_until(key_id)

    def sessions_until(self, key_id: str) -> float:
        self.asked.add(("sessions", key_id))
        return super().sessions_until(key_id)

    def elsewhere(self, key_id: str) -> bool:
        self.asked.add(("elsewhere", key_id))
        return super().elsewhere(key_id)

    def known(self, key_ids: set[str]) -> frozenset[str]:
        self.asked |= {("known", each) for each in key_ids}
        return super().known(key_ids)

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        self.asked.add(("created", created == self.world.keys[key_id].created))
        self.world.clock += 3
        super().store(key_id, secret, created)

    def used(self, signer: str, key_id: str):  # type: ignore[no-untyped-def]
        self.asked.add(("used", key_id))
        return super().used(signer, key_id)

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        super().pause(seconds)


def test_the_old_key_is_what_use_is_asked_of() -> None:
    world = reached(State.SWITCHED, ZERO)
    effects = Asked(world)
    assert world.journal is not None
    resume(effects, world.journal, ZERO, interval=1.0)
    assert effects.asked >= {("own use", OLD), ("sessions", OLD), ("elsewhere", OLD), ("used", OLD)}
    assert {key for what, key in effects.asked if what != "known"} == {OLD}
    assert {key for what, key in effects.asked if what == "known"} == {OLD, "new1"}


def test_a_new_key_is_stored_with_the_time_that_iam_said() -> None:
    world = World()
    effects = Asked(world)
    record = begin(effects, "i", "t", OLD, (OLD,))
    assert ("created", True) in effects.asked
    assert ("created", False) not in effects.asked
    assert record == world.journal
    assert record.since == world.clock


def test_each_state_of_a_beginning_is_dated_when_it_is_reached() -> None:
    world = World()
    effects = FakeEffects(world)
    written: list[Record] = []
    real_create, real_write = effects.create, effects.write

    def create(signer: str, transaction: str):  # type: ignore[no-untyped-def]
        world.clock += 5
        return real_create(signer, transaction)

    def write(record: Record) -> None:
        written.append(record)
        real_write(record)

    effects.create, effects.write = create, write  # type: ignore[method-assign]
    start = world.clock
    begin(effects, "i", "t", OLD, (OLD,), Mode.EMERGENCY)
    assert [each.since - start for each in written] == [0, 5, 5]
    assert {each.mode for each in written} == {Mode.EMERGENCY}


def test_only_where_the_old_key_rests_its_use_is_asked_for() -> None:
    for state in (State.REVERTING, State.ABORTING):
        effects = Asked(reached(state, DEFAULT))
        assert effects.world.journal is not None
        resume(effects, effects.world.journal, DEFAULT, interval=1.0)
        assert "used" not in {what for what, _ in effects.asked}


def test_an_intent_is_dated_by_aws_clock() -> None:
    world = World(fault="down", ahead=200.0, skew=200.0)
    record = begin(FakeEffects(world), "i", "t", OLD, (OLD,))
    assert (record.intent_at, record.since) == (world.clock, world.clock + 200.0)
    world = World(fault="down")
    record = begin(FakeEffects(world), "i", "t", OLD, (OLD,))
    assert (record.intent_at, record.since) == (world.clock, world.clock)


def test_each_step_is_told_before_it_is_taken() -> None:
    world = World()
    effects = FakeEffects(world)
    told: list[tuple[State, Action, str]] = []

    def tell(record: Record, step: Step) -> None:
        told.append((record.state, step.action, step.key_id))
        assert record.until == 0.0

    record = begin(effects, "i", "t", OLD, (OLD,))
    ended = resume(effects, record, ZERO, interval=1.0, tell=tell)
    assert (ended.record, ended.done) == (None, True)
    assert (ended.last.old_id, ended.last.new_id) == (OLD, "new1")
    assert told == [
        (State.STORED, Action.PROVE, "new1"),
        (State.PROVEN, Action.SWITCH, "new1"),
        (State.SWITCHED, Action.LOOK, ""),
        (State.SWITCHED, Action.DEACTIVATE, OLD),
        (State.DEACTIVATED, Action.LOOK, ""),
        (State.DEACTIVATED, Action.DELETE_OLD, OLD),
        (State.DELETED, Action.FORGET_OLD, OLD),
    ]


def test_proofs_and_looks_are_apart_by_the_interval() -> None:
    world = World()
    effects = Asked(world)
    record = begin(effects, "i", "t", OLD, (OLD,))
    resume(effects, record, DEFAULT, interval=7.0)
    assert effects.paused == [7.0, 7.0]  # three proofs


def test_what_it_waits_for_is_written_once() -> None:
    world = World(sts_lag=1e9)
    effects = FakeEffects(world)
    record = begin(effects, "i", "t", OLD, (OLD,))
    for _ in range(2):
        ended = resume(effects, record, DEFAULT, interval=1.0)
        assert ended.record == world.journal
        assert ended.record is not None
        assert ended.record.why == "AWS does not accept the new key yet"
        record, writes = ended.record, world.writes
        world.clock += 60
    resume(effects, record, DEFAULT, interval=1.0)
    assert world.writes == writes


def test_a_key_whose_journal_entry_failed_is_found_by_the_list() -> None:
    world = World()
    effects = Asked(world)
    real = effects.write

    def write(record: Record) -> None:
        if record.state is State.CREATED:
            raise StoreError("no space left on device")
        real(record)

    effects.write = write  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        begin(effects, "i", "t", OLD, (OLD,))
    assert effects.asked == {("created", True)}
    assert world.journal is not None
    ended = resume(FakeEffects(world), world.journal, DEFAULT, interval=1.0)
    assert (ended.last.state, ended.last.new_id) == (State.SWITCHED, "new1")


def test_a_new_key_that_died_since_the_look_spares_the_old_one() -> None:
    for state in (State.SWITCHED, State.DEACTIVATED):
        world = reached(state, ZERO)
        effects = FakeEffects(world)
        effects.alive = lambda _key_id: False  # type: ignore[method-assign]
        assert world.journal is not None
        before = len(world.log)
        ended = resume(effects, world.journal, ZERO, interval=1.0)
        assert ended.step.why == "AWS does not accept the new key just now"
        assert {each.split()[0] for each in world.log[before:]} <= {"write"}


@pytest.mark.parametrize("what", ["secret", "pointer"])
def test_what_changed_since_the_look_spares_the_old_key(what: str) -> None:
    world = reached(State.SWITCHED, ZERO)
    effects = FakeEffects(world)

    def alive(_key_id: str) -> bool:
        if what == "secret":
            world.vault.pop("new1", None)
        else:
            world.handed_out = OLD
        return True

    effects.alive = alive  # type: ignore[method-assign]
    assert world.journal is not None
    before = len(world.log)
    resume(effects, world.journal, ZERO, interval=1.0)
    assert f"set_active {OLD} False" not in world.log[before:]


def test_a_key_is_called_gone_after_three_looks() -> None:
    world = reached(State.SWITCHED, ZERO)
    world.kill("new1", "deleted")
    steps: list[Action] = []
    assert world.journal is not None
    resume(
        FakeEffects(world), world.journal, ZERO, interval=1.0,
        tell=lambda _record, step: steps.append(step.action),
    )  # fmt: skip
    assert steps[:4] == [Action.LOOK, Action.LIST_AGAIN, Action.LIST_AGAIN, Action.REVERT]


def test_a_key_that_profiles_took_up_since_is_not_deleted() -> None:
    world = reached(State.ABORTING, ZERO)
    effects = FakeEffects(world)
    real = effects.listed

    def listed(signer: str) -> dict[str, Remote]:
        world.handed_out = "new1"
        return real(signer)

    effects.listed = listed  # type: ignore[method-assign]
    assert world.journal is not None
    ended = resume(effects, world.journal, ZERO, interval=1.0)
    assert ended.step.why == "the profiles point at the key to be deleted"
    assert "new1" in world.keys


def test_keys_refused_between_two_looks_are_said_to_be() -> None:
    world = reached(State.SWITCHED, ZERO)
    effects = FakeEffects(world)
    world.kill("new1", "lost")
    real, turn = effects.listed, [0]

    def listed(signer: str) -> dict[str, Remote]:
        turn[0] += 1
        if turn[0] == 2:
            world.kill(OLD, "rejected")
        return real(signer)

    effects.listed = listed  # type: ignore[method-assign]
    assert world.journal is not None
    ended = resume(effects, world.journal, ZERO, interval=1.0)
    assert ended.step.action is Action.ASK
    assert "the vault does not hold new1, AWS does not accept old" in ended.step.why
    assert ended.record is not None
    assert (ended.record.why, ended.record.until) == (ended.step.why, 0.0)


def test_a_proof_that_is_not_given_yet_waits_longer_each_time() -> None:
    world = World(sts_lag=1e9)
    effects = Asked(world)
    record = begin(effects, "i", "t", OLD, (OLD,))
    resume(effects, record, DEFAULT)
    assert effects.paused[:6] == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert len(effects.paused) == 24
    assert sum(effects.paused) < 320  # about five minutes


def test_a_secret_refused_three_times_in_a_row_is_bad() -> None:
    world = World(broken={"new1"})
    effects = Asked(world)
    record = begin(effects, "i", "t", OLD, (OLD,))
    ended = resume(effects, record, DEFAULT)
    assert (ended.record, ended.done) == (None, False)
    assert world.proofs == 3
    assert "new1" not in world.keys


def test_answers_that_never_agree_end_the_run() -> None:
    """IAM lists the key on and on, and knows nothing of it when it is to be deleted."""
    world = reached(State.ABORTING, ZERO)
    effects = FakeEffects(world)
    deletes = []
    told: list[Action] = []

    def unknown(_signer: str, key_id: str) -> None:
        deletes.append(key_id)
        raise NoSuchEntity(key_id)

    effects.delete = unknown  # type: ignore[method-assign]
    assert world.journal is not None
    ended = resume(
        effects, world.journal, ZERO, interval=1.0,
        tell=lambda _record, step: told.append(step.action),
    )  # fmt: skip
    why = "AWS's answers do not agree yet"
    assert ended.step == Step(Action.WAIT, "new1", world.clock, why)
    assert ended.record == world.journal
    assert deletes == ["new1"]
    assert told.count(Action.DELETE_NEW) == 13
    assert told[-1] is Action.WAIT


def test_a_key_that_iam_does_not_know_yet_is_not_taken_for_deleted() -> None:
    world = reached(State.ABORTING, DEFAULT)
    effects = FakeEffects(world)

    def unknown(_signer: str, key_id: str) -> None:
        effects.listed = lambda _signer: {OLD: Remote(True, 0.0)}  # type: ignore[method-assign]
        raise NoSuchEntity(key_id)

    effects.delete = unknown  # type: ignore[method-assign]
    assert world.journal is not None
    ended = resume(effects, world.journal, DEFAULT, interval=1.0)
    assert ended.step.why == "it may appear in the list yet"
    assert ended.step.until == world.journal.intent_at + 3600


def test_without_any_key_to_sign_with_it_says_so() -> None:
    world = reached(State.SWITCHED, ZERO)
    record = world.journal
    assert record is not None

    with pytest.raises(VaultError, match="no key any more to sign with for aws/1/dev") as error:
        _signer(record, Facts(frozenset(), OLD))
    assert error.value.hint == "restore a backup: credguard vault restore FILE"
    rejected = Facts(frozenset({OLD, "new1"}), OLD, rejected=frozenset({"new1"}))
    assert _signer(record, rejected) == OLD


def test_what_it_waits_for_is_journalled_with_its_end() -> None:
    world = reached(State.SWITCHED, DEFAULT)
    assert world.journal is not None
    ended = resume(FakeEffects(world), world.journal, DEFAULT, interval=1.0)
    assert ended.record is not None
    assert ended.record == world.journal
    assert (ended.record.why, ended.record.until) == ("grace", ended.record.since + 86400)
    assert ended.step.until == ended.record.until
    assert ended.done is False


def test_an_answer_that_was_lost_leaves_the_intent() -> None:
    world = World(fault="lost")
    record = begin(FakeEffects(world), "i", "t", OLD, (OLD,))
    assert (record.state, record.new_id) == (State.INTENT, None)
    assert world.journal == record


def test_a_new_key_that_no_vault_takes_is_journalled_for_the_next_run() -> None:
    world = World()
    effects = FakeEffects(world)

    tries = []

    def refuse(*_: object) -> None:
        tries.append(1)
        world.clock += 1
        raise VaultError("full")

    def away(*_: object) -> None:
        raise NetworkDown("no answer")

    effects.store = refuse  # type: ignore[method-assign,assignment]
    effects.delete = away  # type: ignore[method-assign,assignment]
    with pytest.raises(VaultError):
        begin(effects, "i", "t", OLD, (OLD,))
    assert world.journal is not None
    assert len(tries) == 3
    assert (world.journal.state, world.journal.new_id) == (State.ABORTING, "new1")
    assert world.journal.since == world.clock
    ended = resume(FakeEffects(world), replace(world.journal), ZERO, interval=1.0)
    assert ended.record is None
    assert set(world.keys) == {OLD}
