"""Every crash point, single and double, with every fault: enumerated, and what must hold after."""

import itertools

import pytest

from credguard.errors import VaultError
from credguard.rotation.driver import begin, resume
from credguard.rotation.model import Limits, Proof, State
from tests.rotation.schedules import (
    DEFAULT,
    ZERO,
    changes,
    emergency,
    finish,
    rotate_then_back,
)
from tests.rotation.world import FAILURES, OLD, FakeEffects, World, failing

CREATE_FAULTS = ("", "lost", "down", "refused")
MOMENTS = ("before", "after")
LIMITS = pytest.mark.parametrize("limits", [ZERO, DEFAULT], ids=["zero", "default"])


@LIMITS
@pytest.mark.parametrize("fault", CREATE_FAULTS)
@pytest.mark.parametrize("lag", [0.0, 1.5])
def test_every_single_crash_point(limits: Limits, fault: str, lag: float) -> None:
    for number, moment in itertools.product(range(changes(limits, fault) + 1), MOMENTS):
        for run in range(4):
            finish(World(fault=fault, lag=lag), limits, {(run, moment): number})


@LIMITS
@pytest.mark.parametrize("fault", CREATE_FAULTS)
def test_every_double_crash_point(limits: Limits, fault: str) -> None:
    numbers = range(1, changes(limits, fault) + 1)
    for first, one, second, two in itertools.product(numbers, MOMENTS, numbers, MOMENTS):
        finish(World(fault=fault), limits, {(0, one): first, (1, two): second})


@LIMITS
@pytest.mark.parametrize("failure", FAILURES)
def test_every_single_crash_point_with_every_failure(limits: Limits, failure: str) -> None:
    for numbers, number, moment, run in itertools.product(
        ({1}, {2}, {1, 2, 3}), range(changes(limits) + 1), MOMENTS, range(2)
    ):
        fail = failing(failure, numbers)
        finish(
            World(), limits, {(run, moment): number}, lambda at, fail=fail: fail if at < 2 else None
        )


@LIMITS
@pytest.mark.parametrize("state", [State.SWITCHED, State.DEACTIVATED])
def test_the_way_back_from_every_state_with_every_crash(limits: Limits, state: State) -> None:
    if limits is ZERO:
        limits = Limits(10, 10, 0, 3)  # else no run rests in these states
    attempt = rotate_then_back(state)
    for number, moment in itertools.product(range(changes(limits, "", attempt) + 1), MOMENTS):
        for run in range(6):
            finish(World(), limits, {(run, moment): number}, attempt=attempt)


@LIMITS
def test_an_emergency_at_every_crash_point(limits: Limits) -> None:
    soak = Limits(0, min(limits.soak, 3600), limits.orphan_wait, 3)
    for number, moment, run in itertools.product(
        range(changes(soak, "", emergency) + 1), MOMENTS, range(3)
    ):
        world = World()
        finish(world, soak, {(run, moment): number}, attempt=emergency)


def test_a_key_that_appears_late_is_waited_for_at_the_defaults() -> None:
    finish(World(fault="lost", lag=600.0), DEFAULT, {})


def test_a_new_key_that_aws_never_accepts_goes_and_the_old_one_stays() -> None:
    world = World(lag=0.0)
    effects = FakeEffects(world)
    effects.prove = lambda key_id: Proof.ACCEPTED if key_id == OLD else Proof.NOT_YET  # type: ignore[method-assign]
    record = begin(effects, "i", "t", OLD, (OLD,))
    for _ in range(60):
        ended = resume(effects, record, DEFAULT, interval=1.0)
        if ended.record is None:
            break
        record = ended.record
        world.clock += 3600
    assert world.journal is None
    assert set(world.keys) == set(world.vault) == {OLD}
    assert world.handed_out == OLD


def test_a_secret_that_aws_refuses_is_given_up_at_once() -> None:
    world = World()
    effects = FakeEffects(world)
    effects.prove = lambda _key_id: Proof.BAD_SECRET  # type: ignore[method-assign]
    ended = resume(effects, begin(effects, "i", "t", OLD, (OLD,)), DEFAULT, interval=1.0)
    assert ended.record is None
    assert set(world.keys) == set(world.vault) == {OLD}


def test_a_vault_that_refuses_the_new_secret_leaves_no_key_behind() -> None:
    world = World()
    effects = FakeEffects(world)

    def refuse(*_: object) -> None:
        raise VaultError("full")

    effects.store = refuse  # type: ignore[method-assign,assignment]
    with pytest.raises(VaultError):
        begin(effects, "i", "t", OLD, (OLD,))
    assert world.journal is not None
    assert set(world.keys) == {OLD}  # deleted by its id at once
    ended = resume(effects, world.journal, ZERO, interval=1.0)
    assert ended.record is None
    assert not ended.done
