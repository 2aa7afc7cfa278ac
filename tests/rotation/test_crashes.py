"""Every crash point, single and double, with every fault: enumerated, and what must hold after."""

import itertools

import pytest

from credguard.errors import CredguardError
from credguard.rotation.driver import begin, resume
from credguard.rotation.model import Action, Limits
from tests.rotation.world import OLD, Crash, FakeEffects, World

ZERO = Limits(0, 0, 0, 3)
DEFAULT = Limits(86400, 7 * 86400, 3600, 3)
FAULTS = ("", "lost", "down", "refused")


def attempt(world: World, effects: FakeEffects, limits: Limits) -> bool:
    """One run of `credguard rotate`; True once a new key took over and nothing is left to do."""
    for _ in range(3):
        if world.journal is None:
            if world.handed_out != OLD:
                return True
            baseline = tuple(sorted(effects.listed(OLD)))
            assert baseline == (OLD,), f"a stray key is left: {baseline} {world.log}"
            record = begin(effects, "aws/1/dev", "t", OLD, baseline)
        else:
            record = world.journal
        ended = resume(effects, record, limits, interval=1.0)
        assert ended.step.action is not Action.ASK, (ended.step, world.log)
        if ended.record is not None:
            world.clock = max(world.clock + 1, ended.step.until)
            return False
    return world.journal is None and world.handed_out != OLD


def finish(world: World, limits: Limits, points: dict[tuple[int, str], int]) -> None:
    """Run until done, crashing at the n-th change of each run as `points` says (run, moment)."""
    for run in range(60):

        def crash(number: int, moment: str, run: int = run) -> None:
            if points.get((run, moment)) == number:
                raise Crash

        try:
            if attempt(world, FakeEffects(world, crash), limits):
                break
        except Crash:
            world.clock += 1
        except CredguardError:
            world.clock += 60
    assert world.journal is None, world.log
    assert world.handed_out != OLD, world.log
    assert set(world.keys) == {world.handed_out}, world.log
    assert set(world.vault) == {world.handed_out}, world.log
    assert world.keys[world.handed_out].active


def changes(limits: Limits, fault: str) -> int:
    """How many changes the longest run of an uninterrupted rotation makes."""
    world = World(fault=fault)
    longest = 0
    for _ in range(20):
        effects = FakeEffects(world)
        try:
            done = attempt(world, effects, limits)
        except CredguardError:
            done = False
        longest = max(longest, effects.changes)
        if done:
            return longest
    raise AssertionError(world.log)


@pytest.mark.parametrize("limits", [ZERO, DEFAULT], ids=["zero", "default"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("lag", [0.0, 1.5])
def test_every_single_crash_point(limits: Limits, fault: str, lag: float) -> None:
    for number, moment in itertools.product(range(changes(limits, fault) + 1), ("before", "after")):
        for run in range(4):
            finish(World(fault=fault, lag=lag), limits, {(run, moment): number})


@pytest.mark.parametrize("limits", [ZERO, DEFAULT], ids=["zero", "default"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_double_crash_point(limits: Limits, fault: str) -> None:
    numbers = range(1, changes(limits, fault) + 1)
    moments = ("before", "after")
    for first, one, second, two in itertools.product(numbers, moments, numbers, moments):
        finish(World(fault=fault), limits, {(0, one): first, (1, two): second})


def test_a_key_that_appears_late_is_waited_for_at_the_defaults() -> None:
    finish(World(fault="lost", lag=600.0), DEFAULT, {})


def test_a_new_key_that_aws_never_accepts_goes_and_the_old_one_stays() -> None:
    world = World(lag=0.0)
    effects = FakeEffects(world)
    effects.prove = lambda key_id: key_id == OLD  # type: ignore[method-assign]
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


def test_a_vault_that_refuses_the_new_secret_leaves_no_key_behind() -> None:
    from credguard.errors import VaultError

    world = World()
    effects = FakeEffects(world)

    def refuse(*_: object) -> None:
        raise VaultError("full")

    effects.store = refuse  # type: ignore[method-assign,assignment]
    with pytest.raises(VaultError):
        begin(effects, "i", "t", OLD, (OLD,))
    assert world.journal is not None
    ended = resume(effects, world.journal, ZERO, interval=1.0)
    assert ended.record is None
    assert not ended.done
    assert set(world.keys) == {OLD}
