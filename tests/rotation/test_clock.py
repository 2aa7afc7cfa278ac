"""A clock that turns out to be wrong during a run: seen before the next change."""

import pytest

from credguard.rotation.driver import begin, resume
from credguard.rotation.model import State
from tests.rotation.schedules import DEFAULT, ZERO, reached
from tests.rotation.world import OLD, FakeEffects, World


def _clock_jumps_at(effects: FakeEffects, name: str) -> None:
    """When the effect is called, and AWS's answer tells it."""
    real = getattr(effects, name)

    def call(*arguments: object) -> object:
        effects.world.ahead = 1e5
        return real(*arguments)

    setattr(effects, name, call)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (State.STORED, "prove"),
        (State.REVERTING, "prove"),
        (State.REVERTING, "listed"),
        (State.SWITCHED, "alive"),
        (State.SWITCHED, "listed"),
        (State.DEACTIVATED, "alive"),
    ],
)
def test_a_clock_that_jumps_is_seen_before_the_next_change(state: State, name: str) -> None:
    world = reached(state, ZERO)
    effects = FakeEffects(world)
    _clock_jumps_at(effects, name)
    assert world.journal is not None
    before = len(world.log)
    ended = resume(effects, world.journal, ZERO, interval=1.0)
    assert "clock" in ended.step.why
    changed = {each.split()[0] for each in world.log[before:]}
    activated = (state, name) == (State.REVERTING, "prove")  # the proof comes after that
    assert changed <= ({"write", "set_active"} if activated else {"write"})


def test_a_proof_that_fails_by_a_wrong_clock_says_so() -> None:
    world = World(sts_lag=1e9)
    effects = FakeEffects(world)
    record = begin(effects, "i", "t", OLD, (OLD,))
    _clock_jumps_at(effects, "prove")
    ended = resume(effects, record, DEFAULT, interval=1.0)
    assert "clock" in ended.step.why
    assert ended.last.state is State.STORED  # a day has not passed


def test_keys_refused_by_a_wrong_clock_are_not_called_dead() -> None:
    world = reached(State.SWITCHED, ZERO)
    world.refused |= {OLD, "new1"}
    effects = FakeEffects(world)
    _clock_jumps_at(effects, "listed")
    assert world.journal is not None
    assert "clock" in resume(effects, world.journal, ZERO, interval=1.0).step.why
