"""Every crash point, single and double, with every fault: enumerated, and what must hold after."""

import itertools
from collections.abc import Callable

import pytest

from credguard.errors import VaultError
from credguard.rotation.driver import Ended, begin, resume
from credguard.rotation.model import Action, Limits, Proof, State
from tests.rotation.failures import FAILURES, failing
from tests.rotation.schedules import (
    DEFAULT,
    ZERO,
    Attempt,
    back,
    changes,
    doubles,
    emergency,
    finish,
    lock_out,
    over,
    reached,
    rotate,
    run,
    singles,
)
from tests.rotation.world import OLD, FakeEffects, World

CREATE_FAULTS = ("", "lost", "down", "refused")
LIMITS = pytest.mark.parametrize("limits", [ZERO, DEFAULT], ids=["zero", "default"])
LAGS = {
    "none": {},
    "all": {"sts_lag": 1.5, "iam_lag": 1.5, "list_lag": 1.5},
    "sts": {"sts_lag": 20.0},
    "iam": {"iam_lag": 20.0},
    "list": {"list_lag": 8.0},
    "long-list": {"list_lag": 45.0},
    "apart": {"sts_lag": 30.0, "iam_lag": 3.0, "list_lag": 12.0},
}
STATES = [State.INTENT, State.CREATED, State.STORED, State.PROVEN, State.SWITCHED,
          State.DEACTIVATED, State.ABORTING, State.REVERTING]  # fmt: skip
ONES = (frozenset({1}), frozenset({2}), frozenset({3}), frozenset({1, 2, 3, 4, 5}))


@LIMITS
@pytest.mark.parametrize("fault", CREATE_FAULTS)
@pytest.mark.parametrize("lag", LAGS)
def test_every_single_crash_point(limits: Limits, fault: str, lag: str) -> None:
    if limits is ZERO and LAGS[lag].get("list_lag"):
        limits = Limits(0, 0, 60, 3)  # without any wait a key that appears late is left: below
    for points in singles(changes(World(fault=fault, **LAGS[lag]), limits)):
        finish(World(fault=fault, **LAGS[lag]), limits, points)


@LIMITS
@pytest.mark.parametrize("fault", CREATE_FAULTS)
def test_every_double_crash_point(limits: Limits, fault: str) -> None:
    for points in doubles(changes(World(fault=fault), limits)):
        finish(World(fault=fault), limits, points)


@pytest.mark.slow
@pytest.mark.parametrize("fault", CREATE_FAULTS)
@pytest.mark.parametrize("lag", [each for each in LAGS if each != "none"])
def test_every_double_crash_point_with_every_lag(fault: str, lag: str) -> None:
    for points in doubles(changes(World(fault=fault, **LAGS[lag]), DEFAULT)):
        finish(World(fault=fault, **LAGS[lag]), DEFAULT, points)


@LIMITS
@pytest.mark.parametrize("failure", FAILURES)
def test_every_single_crash_point_with_every_failure(limits: Limits, failure: str) -> None:
    for points, numbers in itertools.product(singles(changes(World(), limits)), ONES):
        fail = failing(failure, numbers)
        finish(World(), limits, points, lambda at, fail=fail: fail if at < 3 else None)


@pytest.mark.slow
@LIMITS
@pytest.mark.parametrize("failure", FAILURES)
def test_every_double_crash_point_with_every_failure(limits: Limits, failure: str) -> None:
    for points, numbers in itertools.product(doubles(changes(World(), limits)), ONES[:2]):
        fail = failing(failure, numbers)
        finish(World(), limits, points, lambda at, fail=fail: fail if at < 3 else None)


@pytest.mark.slow
@LIMITS
@pytest.mark.parametrize("failure", FAILURES)
def test_every_two_failures(limits: Limits, failure: str) -> None:
    for other, at, then in itertools.product(FAILURES, (1, 2), (1, 2, 3)):
        one, two = failing(failure, frozenset({at})), failing(other, frozenset({then}))
        for first, second in ((0, 0), (0, 1), (1, 2)):

            def fail(number: int, first=first, second=second, one=one, two=two):  # type: ignore[no-untyped-def]
                fails = [each for each, run in ((one, first), (two, second)) if run == number]
                return lambda name, call: next(filter(None, (f(name, call) for f in fails)), None)

            finish(World(), limits, fail=fail)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("attempt", [back, emergency], ids=["back", "emergency"])
@LIMITS
def test_a_decision_at_every_state_with_every_crash(
    limits: Limits, attempt: Attempt, state: State
) -> None:
    start = reached(state, limits)
    lengths = changes(start.copy(), limits, attempt)
    for points in [{}, *singles(lengths)]:
        world = start.copy()
        finish(world, limits, points, attempt=attempt)
        _as_decided(world, start, attempt)


def _as_decided(world: World, start: World, attempt: Attempt) -> None:
    if attempt is back:
        assert world.handed_out == OLD, world.log
    else:
        assert start.handed_out not in world.keys, world.log


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("attempt", [back, emergency], ids=["back", "emergency"])
@LIMITS
def test_a_decision_at_every_state_with_every_double_crash(
    limits: Limits, attempt: Attempt, state: State
) -> None:
    start = reached(state, limits)
    for points in doubles(changes(start.copy(), limits, attempt)):
        world = start.copy()
        finish(world, limits, points, attempt=attempt)
        _as_decided(world, start, attempt)


@LIMITS
@pytest.mark.parametrize("attempt", [back, emergency], ids=["back", "emergency"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_decision_at_every_state_with_every_failure(
    limits: Limits, attempt: Attempt, failure: str
) -> None:
    for state, numbers in itertools.product(STATES, ONES):
        start = reached(state, limits)
        world = start.copy()
        fail = failing(failure, numbers)
        finish(world, limits, None, lambda at, fail=fail: fail if at < 3 else None, attempt=attempt)
        _as_decided(world, start, attempt)


@LIMITS
@pytest.mark.parametrize("state", STATES)
def test_a_lock_out_at_every_state_with_every_crash(limits: Limits, state: State) -> None:
    """What was stopped stays so; to the old key nothing goes back but a person."""
    start = reached(state, limits)
    for points in [{}, *singles([12, 12])]:
        world = start.copy()
        stopped, before = world.handed_out, len(world.log)
        last = run(world, limits, points, attempt=lock_out)
        said = world.log[before:]
        assert f"stopped {stopped}" in said
        assert f"set_active {stopped} True" not in said
        assert not world.works(stopped)
        if stopped == OLD:
            no_other = state in {State.INTENT, State.CREATED}  # its secret is nowhere
            assert (world.handed_out == OLD) == no_other, said
            continue
        assert isinstance(last, Ended)
        assert last.step.action is Action.ASK
        assert world.handed_out == stopped
        assert world.keys[OLD].active == (state is not State.DEACTIVATED)
        if not world.keys[OLD].active:
            world.wake(OLD)  # nothing else can: no key is left to sign it
        world.log.append("a person:")
        finish(world, limits, points, attempt=back)
        assert world.handed_out == OLD


def test_the_old_key_deactivated_at_once_with_every_double_crash() -> None:
    for points in doubles(changes(World(person=True), DEFAULT)):
        finish(World(person=True), DEFAULT, points)


def test_a_key_that_appears_late_is_waited_for_at_the_defaults() -> None:
    finish(World(fault="lost", list_lag=600.0), DEFAULT)


def test_a_proof_that_fails_any_number_of_times_delays_only() -> None:
    for times in range(60):
        failures = [times]

        def not_yet(effects: FakeEffects, failures: list[int] = failures) -> Callable[[str], Proof]:
            real = effects.prove

            def prove(key_id: str) -> Proof:
                failures[0] -= 1
                return Proof.NOT_YET if failures[0] >= 0 else real(key_id)

            return prove

        def attempt(world: World, effects: FakeEffects, limits: Limits):  # type: ignore[no-untyped-def]
            effects.prove = not_yet(effects)  # type: ignore[method-assign]
            return rotate(world, effects, limits)

        finish(World(), DEFAULT, attempt=attempt)


def test_a_new_key_that_aws_never_accepts_goes_and_the_old_one_stays() -> None:
    world = World(grace=86400)
    effects = FakeEffects(world)
    effects.prove = lambda key_id: Proof.ACCEPTED if key_id == OLD else Proof.NOT_YET  # type: ignore[method-assign]
    record = begin(effects, "i", "t", OLD, (OLD,))
    for _ in range(60):
        ended = resume(effects, record, DEFAULT, interval=1.0)
        if ended.record is None:
            break
        record = ended.record
        world.clock += 3600
    over(world)
    assert world.handed_out == OLD


def test_a_secret_that_aws_refuses_is_given_up_at_once() -> None:
    world = World(broken={"new1"})
    finish(world, DEFAULT)  # and the next key is good
    assert world.creates == 2


def test_a_vault_that_refuses_the_new_secret_leaves_no_key_behind() -> None:
    world = World()
    effects = FakeEffects(world)

    def refuse(*_: object) -> None:
        raise VaultError("full")

    effects.store = refuse  # type: ignore[method-assign,assignment]
    with pytest.raises(VaultError):
        begin(effects, "i", "t", OLD, (OLD,))
    over(world)  # deleted by its id at once


def test_one_run_is_bounded_whatever_the_list_says() -> None:
    world = World(fault="lost")
    effects = FakeEffects(world)
    begin(effects, "i", "t", OLD, (OLD,))
    real, turn = effects.listed, [0]

    def flapping(signer: str) -> object:
        turn[0] += 1
        listed = real(signer)
        return listed if turn[0] % 2 else {OLD: listed[OLD]}

    effects.listed = flapping  # type: ignore[method-assign,assignment]
    assert world.journal is not None
    ended = resume(effects, world.journal, DEFAULT, interval=1.0)
    assert ended.step.why
    assert turn[0] < 60


def test_without_any_wait_a_late_key_is_named_by_the_next_run() -> None:
    world = World(fault="lost", list_lag=600.0)
    with pytest.raises(AssertionError, match="H10"):
        run(world, Limits(0, 0, 0, 3))
