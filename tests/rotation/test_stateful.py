"""What Hypothesis can think of beside the lists: any order of runs, crashes, and acts of others."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from credguard.errors import (
    CredguardError,
    InvalidKey,
    NoSuchEntity,
    VaultError,
)
from credguard.rotation.decisions import after_leak, locked_out, rolled_back
from credguard.rotation.driver import Ended, resume
from credguard.rotation.model import (
    NEVER,
    UNKNOWN_USE,
    Action,
    Limits,
    Mode,
    Proof,
    Record,
    Remote,
    State,
    Step,
    Use,
)
from tests.rotation.failures import FAILURES, Crash, failing
from tests.rotation.schedules import DEFAULT, Attempt, rotate, run
from tests.rotation.world import FakeEffects, World

HOWS = st.sampled_from(["deleted", "deactivated", "rejected", "lost"])
KEYS = st.sampled_from(["old", "new1", "new2"])


class Rotations(RuleBasedStateMachine):
    """The checks stand in World and FakeEffects; what is here only drives them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.limits = DEFAULT
        self.mischief = False

    @initialize(
        lags=st.tuples(*[st.sampled_from([0.0, 2.0, 30.0])] * 3),
        fault=st.sampled_from(["", "lost", "down", "refused"]),
        ahead=st.sampled_from([0.0, -250.0, 250.0]),
        limits=st.sampled_from([DEFAULT, Limits(0, 0, 600, 3), Limits(3600, 60, 600, 1)]),
    )
    def begin(self, lags: tuple[float, ...], fault: str, ahead: float, limits: Limits) -> None:
        sts, iam, listing = lags
        self.world = World(
            sts_lag=sts, iam_lag=iam, list_lag=listing, fault=fault, ahead=ahead,
            grace=limits.grace, soak=limits.soak,
        )  # fmt: skip
        self.limits = limits

    def _go(self, attempt: Attempt, effects: FakeEffects) -> None:
        try:
            attempt(self.world, effects, self.limits)
        except (Crash, CredguardError):
            self.world.clock += 1

    @rule(
        point=st.integers(0, 14),
        moment=st.sampled_from(["before", "after"]),
        failure=st.none() | st.sampled_from(sorted(FAILURES)),
        number=st.integers(1, 4),
    )
    def run(self, point: int, moment: str, failure: str | None, number: int) -> None:
        def crash(change: int, now: str) -> None:
            if (change, now) == (point, moment):
                raise Crash

        fail = failing(failure, frozenset({number})) if failure else None
        self._go(rotate, FakeEffects(self.world, crash, fail))

    @rule()
    def deactivate_now(self) -> None:
        self.world.person = True
        self._go(rotate, FakeEffects(self.world))
        self.world.person = False

    @precondition(lambda self: self.world.journal is not None)
    @rule()
    def rollback(self) -> None:
        effects = FakeEffects(self.world)
        record = self.world.journal
        assert record is not None
        back = rolled_back(record, effects.pointer(record), effects.now())
        if back is not None:
            effects.write(back)

    @precondition(lambda self: self.world.journal is not None)
    @rule()
    def leak(self) -> None:
        effects = FakeEffects(self.world)
        record = self.world.journal
        assert record is not None
        pointer = effects.pointer(record)
        effects.write(after_leak(record, pointer, pointer, effects.now()))

    @precondition(lambda self: self.world.journal is not None)
    @rule()
    def lock_out(self) -> None:
        self.mischief = True  # only a person goes on
        effects = FakeEffects(self.world)
        record = self.world.journal
        assert record is not None
        pointer = effects.pointer(record)
        effects.write(locked_out(record, pointer, effects.now()))
        self.world.kill(pointer, "deactivated")

    @rule(seconds=st.sampled_from([5.0, 60.0, 600.0, 7200.0, 90_000.0, 700_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock += seconds

    @rule(ahead=st.sampled_from([0.0, 250.0, -250.0, 3600.0, -86400.0, 86400.0, 2592000.0]))
    def clock_is_set(self, ahead: float) -> None:
        self.world.ahead = ahead

    @rule(key_id=KEYS, how=HOWS)
    def others_stop_a_key(self, key_id: str, how: str) -> None:
        self.mischief = True
        self.world.kill(key_id, how)

    @rule(key_id=KEYS)
    def others_activate_a_key(self, key_id: str) -> None:
        if key_id in self.world.keys:
            self.mischief = True
            self.world.wake(key_id)

    @rule(key_id=KEYS)
    def others_use_a_key(self, key_id: str) -> None:
        if key_id in self.world.keys:
            self.mischief = True
            self.world.keys[key_id].used = Use(self.world.clock, "s3", "eu-west-1")

    @rule(names=st.sets(st.sampled_from(["listed", "create", "set_active", "delete", "used"])))
    def policy_changes(self, names: set[str]) -> None:
        self.world.denied = names

    @invariant()
    def at_most_two_keys_and_one_request_an_intent(self) -> None:
        assert len(self.world.keys) <= 2
        assert self.world.creates <= len(self.world.intents)

    def teardown(self) -> None:
        self.world.denied.clear()
        self.world.ahead = 0.0
        self.world.person = True
        last = run(self.world, self.limits, attempt=_to_the_end)
        if isinstance(last, Ended):
            assert last.step.action is Action.ASK, (last, self.world.log)
        if last is not None and not self.mischief:
            raise AssertionError((last, self.world.log))


def _to_the_end(world: World, effects: FakeEffects, limits: Limits) -> Ended | None:
    if world.journal is None:
        return None
    return rotate(world, effects, limits)


TestRotations = Rotations.TestCase
TestRotations.settings = settings(max_examples=600, stateful_step_count=30, deadline=None)


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestRotationsLong(Rotations.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=5000, stateful_step_count=40, deadline=None)


IDS = ["old", "new", "x", "y"]


class Chaos:
    """Effects whose answers have nothing to do with each other."""

    def __init__(self, data: Any) -> None:
        self.draw = data.draw
        self.clock = 0.0
        self.paused = 0

    def _or_error(self, answer: Any) -> Any:
        drawn = self.draw(answer)
        if isinstance(drawn, CredguardError):
            raise drawn
        return drawn

    def now(self) -> float:
        return self.draw(st.sampled_from([0.0, 1000.0, 5000.0, 1e6]))

    def skew(self) -> float | None:
        return self.draw(st.sampled_from([None, 0.0, 0.0, 0.0, 1e5]))

    def pause(self, _seconds: float) -> None:
        self.paused += 1

    def write(self, _record: Record) -> None:
        return

    end = write

    def listed(self, _signer: str) -> dict[str, Remote]:
        remotes = st.builds(Remote, st.booleans(), st.sampled_from([0.0, 1000.0]))
        return self._or_error(
            st.dictionaries(st.sampled_from(IDS), remotes) | st.just(InvalidKey("no"))
        )

    def used(self, _signer: str, _key_id: str) -> Use:
        return self.draw(st.sampled_from([NEVER, UNKNOWN_USE, Use(1e5, "s3", "r")]))

    def set_active(self, _signer: str, _key_id: str, _active: bool) -> None:
        self._or_error(st.sampled_from([None, NoSuchEntity("no")]))

    def delete(self, _signer: str, _key_id: str) -> None:
        self._or_error(st.sampled_from([None, NoSuchEntity("no")]))

    def prove(self, _key_id: str) -> Proof:
        return self.draw(st.sampled_from(Proof))

    def alive(self, _key_id: str) -> bool:
        return self.draw(st.booleans())

    def known(self, key_ids: set[str]) -> frozenset[str]:
        return frozenset(self.draw(st.sets(st.sampled_from(sorted(key_ids)))))

    def forget(self, _key_id: str) -> None:
        return

    def pointer(self, _record: Record) -> str:
        return self.draw(st.sampled_from(["old", "new"]))

    def switch(self, _from_id: str, _to_id: str) -> None:
        return

    def own_use_until(self, _key_id: str) -> float:
        return self.draw(st.sampled_from([0.0, 5000.0]))

    def sessions_until(self, _key_id: str) -> float:
        return self.draw(st.sampled_from([0.0, 5000.0]))

    def elsewhere(self, _key_id: str) -> bool:
        return self.draw(st.booleans())


@settings(max_examples=400, deadline=None)
@given(
    data=st.data(),
    state=st.sampled_from(State),
    mode=st.sampled_from(Mode),
    stray=st.sampled_from([None, "x"]),
    passes=st.integers(1, 4),
    person=st.booleans(),
)
def test_a_run_ends_whatever_the_answers(
    data: Any, state: State, mode: Mode, stray: str | None, passes: int, person: bool
) -> None:
    record = Record("i", "t", state, "old", ("old",), 1000.0, 1000.0, "new", stray, mode)
    steps: list[Step] = []

    def tell(_record: Record, step: Step) -> None:
        steps.append(step)
        assert len(steps) <= len(State) * len(Action) * (passes + 11)

    limits = Limits(100, 100, 100, passes)
    try:
        ended = resume(Chaos(data), record, limits, person=person, tell=tell)  # type: ignore[arg-type]
    except (InvalidKey, NoSuchEntity, VaultError):
        return
    assert ended.step.action in {Action.WAIT, Action.ASK, Action.END, Action.FORGET_OLD}
