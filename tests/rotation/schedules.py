"""Runs rotations on a World to their end, crashing and failing as a schedule says."""

from collections.abc import Callable
from dataclasses import replace

from credguard.errors import CredguardError
from credguard.rotation.driver import begin, resume
from credguard.rotation.machine import rolled_back
from credguard.rotation.model import Action, Limits, Mode, State
from tests.rotation.world import OLD, Crash, FakeEffects, World

ZERO = Limits(0, 0, 0, 3)
DEFAULT = Limits(86400, 7 * 86400, 3600, 3)
RUNS = 80
# (run, moment) -> the number of the change around which that run crashes
Points = dict[tuple[int, str], int]
Fail = Callable[[str, int], CredguardError | None]
Attempt = Callable[[World, FakeEffects, Limits], bool]


def rotate(world: World, effects: FakeEffects, limits: Limits) -> bool:
    """One run of `credguard rotate`; True once a new key took over and nothing is left to do."""
    for _ in range(3):
        if world.journal is None:
            if world.handed_out != OLD:
                return True
            baseline = tuple(sorted(effects.listed(OLD)))
            assert set(baseline) - world.foreign == {OLD}, f"a stray key is left: {world.log}"
            record = begin(effects, "aws/1/dev", f"t{world.intents}", OLD, baseline)
        else:
            record = world.journal
        ended = resume(effects, record, limits, interval=1.0)
        assert ended.step.action is not Action.ASK, (ended.step, world.log)
        if ended.record is not None:
            world.clock = max(world.clock + 1, ended.step.until - world.ahead)
            return False
    return world.journal is None and world.handed_out != OLD


def finish(
    world: World,
    limits: Limits,
    points: Points,
    fail: Callable[[int], Fail | None] = lambda _run: None,
    attempt: Attempt = rotate,
) -> None:
    """Run until done, crashing at the n-th change of each run as `points` says.

    `fail(run)`: the faults of that run. Ends with one key in IAM and vault, handed out (H7).
    """
    world.soak = limits.soak
    for run in range(RUNS):

        def crash(number: int, moment: str, run: int = run) -> None:
            if points.get((run, moment)) == number:
                raise Crash

        try:
            if attempt(world, FakeEffects(world, crash, fail(run)), limits):
                break
        except Crash:
            world.clock += 1
        except CredguardError:
            world.clock += 60
    assert world.journal is None, world.log
    assert set(world.keys) - world.foreign == {world.handed_out}, world.log
    assert set(world.vault) == {world.handed_out}, world.log
    assert world.keys[world.handed_out].active


def changes(limits: Limits, fault: str = "", attempt: Attempt = rotate) -> int:
    """How many changes the longest run of an uninterrupted rotation makes."""
    world = World(fault=fault, soak=limits.soak)
    longest = 0
    for _ in range(RUNS):
        effects = FakeEffects(world)
        try:
            done = attempt(world, effects, limits)
        except CredguardError:
            done = False
            world.clock += 60
        longest = max(longest, effects.changes)
        if done:
            return longest
    raise AssertionError(world.log)


def rotate_then_back(state: State) -> Attempt:
    """Rotates until `state` is reached, then goes the way back; True once nothing is left."""

    def attempt(world: World, effects: FakeEffects, limits: Limits) -> bool:
        turned = "write reverting" in world.log or "turned" in world.log
        if world.journal is None and turned:
            return True
        if not turned and (world.journal is None or world.journal.state is not state):
            if world.journal is None:
                begin(effects, "aws/1/dev", f"t{world.intents}", OLD, tuple(effects.listed(OLD)))
            assert world.journal is not None
            if world.journal.state is not state:
                world.clock = max(world.clock, world.journal.until)
                resume(effects, world.journal, limits, interval=1.0)
                return False
        record = world.journal
        assert record is not None
        if not turned:
            back = rolled_back(record, effects.pointer(record), effects.now())
            assert back is not None
            effects.write(back)
            world.log.append("turned")
            record = back
        ended = resume(effects, record, limits, interval=1.0)
        assert ended.step.action is not Action.ASK, (ended.step, world.log)
        if ended.record is None:
            return True
        world.clock = max(world.clock + 1, ended.step.until)
        return False

    return attempt


def emergency(world: World, effects: FakeEffects, limits: Limits) -> bool:
    """As `rotate`, in emergency mode from the first change on."""
    if world.journal is None:
        if world.handed_out != OLD:
            return True
        baseline = tuple(sorted(effects.listed(OLD)))
        mode = Mode.EMERGENCY
        record = begin(effects, "aws/1/dev", f"t{world.intents}", OLD, baseline, mode)
    else:
        record = replace(world.journal, mode=Mode.EMERGENCY)
    ended = resume(effects, record, limits, interval=1.0)
    assert ended.step.action is not Action.ASK, (ended.step, world.log)
    world.clock = max(world.clock + 1, ended.step.until)
    return ended.record is None and world.handed_out != OLD
