"""Runs rotations on a World to their end, crashing and failing as a schedule says."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from credguard.errors import CredguardError, QuotaExceeded, RotationRefused
from credguard.rotation.decisions import after_leak, locked_out, rolled_back
from credguard.rotation.driver import Ended, begin, resume
from credguard.rotation.machine import MAX_SKEW_S
from credguard.rotation.model import Action, Limits, Mode, State
from tests.rotation.failures import Crash, Fail
from tests.rotation.world import OLD, FakeEffects, World

ZERO = Limits(0, 0, 0, 3)
DEFAULT = Limits(86400, 7 * 86400, 3600, 3)
RUNS = 60
TICK_S = 3600.0
MOMENTS = ("before", "after")
# (run, moment) -> the number of the change around which that run crashes
Points = dict[tuple[int, str], int]
Attempt = Callable[[World, FakeEffects, Limits], Ended | None]
ran = [0]
"""How many schedules this process has run to their end."""


def _mode(world: World) -> Mode:
    return Mode.EMERGENCY if "emergency" in world.log else Mode.NORMAL


def _start(world: World, effects: FakeEffects) -> None:
    listed = effects.listed(world.handed_out)
    if abs(world.skew or 0) > MAX_SKEW_S:
        raise RotationRefused("the clock is off")
    ghosts = set(listed) & set(world.deleted)  # the list is behind
    if len(listed) > 1 and not set(listed) - world.foreign - set(world.vault) - ghosts:
        raise QuotaExceeded(f"two keys: {sorted(listed)}")
    unnamed = set(listed) - ghosts - world.foreign - {world.handed_out}
    assert not unnamed, ("H10: a stray is left", unnamed, world.log)
    name = f"t{len(world.intents)}"
    begin(effects, "aws/1/dev", name, world.handed_out, tuple(sorted(listed)), _mode(world))


def _resume(world: World, effects: FakeEffects, limits: Limits) -> Ended:
    assert world.journal is not None
    return resume(effects, world.journal, limits, person=world.person, interval=1.0)


def rotate(world: World, effects: FakeEffects, limits: Limits) -> Ended | None:
    """One run of `credguard rotate`; None: a new key took over and nothing is left to do."""
    for _ in range(2):
        if world.journal is None:
            if world.handed_out != OLD:
                return None
            _start(world, effects)
        ended = _resume(world, effects, limits)
        if ended.record is not None:
            return ended
    return None if world.handed_out != OLD else ended


def back(world: World, effects: FakeEffects, limits: Limits) -> Ended | None:
    """`rotate --rollback`, then runs of the service; None once the journal is empty."""
    if world.journal is None:
        return None
    if "turned" not in world.log:
        record = world.journal
        turned = rolled_back(record, effects.pointer(record), effects.now())
        if turned is None:
            return None
        effects.write(turned)
        world.log.append("turned")
    ended = _resume(world, effects, limits)
    return ended if ended.record is not None else None


def emergency(world: World, effects: FakeEffects, limits: Limits) -> Ended | None:
    """`rotate --emergency` for what is handed out now; None once that key is dead."""
    if "emergency" not in world.log:
        world.log += ["emergency", f"leaked {world.handed_out}"]
        if world.journal is not None:
            key_id = effects.pointer(world.journal)
            effects.write(after_leak(world.journal, key_id, key_id, effects.now()))
    bad = next(each for each in world.log if each.startswith("leaked ")).removeprefix("leaked ")
    for _ in range(2):
        if world.journal is None:
            if world.handed_out != bad:
                return None
            _start(world, effects)
        elif world.journal.mode is Mode.NORMAL:  # the command's first write was lost
            effects.write(after_leak(world.journal, world.handed_out, bad, effects.now()))
        ended = _resume(world, effects, limits)
        if ended.record is not None:
            return ended
    return ended


def lock_out(world: World, effects: FakeEffects, limits: Limits) -> Ended | None:
    """`rotate --lock-out` for what is handed out now, then runs of the service."""
    if world.journal is None:
        return None
    if "locked" not in world.log:
        key_id = effects.pointer(world.journal)
        effects.write(locked_out(world.journal, key_id, effects.now()))
        world.kill(key_id, "deactivated")
        world.log += ["locked", f"stopped {key_id}"]
    ended = _resume(world, effects, limits)
    return ended if ended.record is not None else None


def reached(state: State, limits: Limits) -> World:
    """A World whose rotation crashed right after `state` was journalled."""
    if state is State.REVERTING:
        limits = DEFAULT  # else no run rests where the way back begins
    world = World(grace=limits.grace, soak=limits.soak)

    def crash(_number: int, moment: str) -> None:
        here = world.journal
        if moment == "after" and here and here.state is state and "write" in world.log[-1]:
            raise Crash

    for _ in range(RUNS):
        effects = FakeEffects(world, crash)
        if state is State.ABORTING:
            effects.known = lambda ids: frozenset(ids & {OLD})  # type: ignore[method-assign]
        try:
            if state is State.REVERTING and world.journal and world.journal.state in SWITCHED:
                ended = back(world, effects, limits)
                world.log.remove("turned")
            else:
                ended = rotate(world, effects, limits)
        except Crash:
            if state is State.REVERTING and "turned" in world.log:
                world.log.remove("turned")
            return world
        assert ended is not None
        _advance(world, ended)
    raise AssertionError(f"{state} is never reached: {world.log}")


SWITCHED = {State.SWITCHED, State.DEACTIVATED}


def _advance(world: World, ended: Ended) -> None:
    until = ended.step.until - world.ahead
    world.clock = until if until > world.clock else world.clock + TICK_S


def run(
    world: World,
    limits: Limits,
    points: Points | None = None,
    fail: Callable[[int], Fail | None] | None = None,
    meddle: Callable[[int, int], None] | None = None,
    attempt: Attempt = rotate,
) -> Ended | CredguardError | None:
    """Run until done (None), until it asks twice in a row, or until an error stays.

    Crashes at the n-th change of each run as `points` says; `fail(run)`: the faults of that run;
    `meddle(run, call)`: what others do meanwhile. Nothing may be left without a name (H10).
    """
    ran[0] += 1
    world.grace, world.soak = limits.grace, limits.soak
    last: Ended | CredguardError | None = None
    asked = 0
    for number in range(RUNS):

        def crash(change: int, moment: str, number: int = number) -> None:
            if points.get((number, moment)) == change:  # type: ignore[union-attr]
                raise Crash

        effects = FakeEffects(
            world,
            crash if points else None,
            fail(number) if fail is not None else None,
            (lambda call, number=number: meddle(number, call)) if meddle is not None else None,
        )
        try:
            last = attempt(world, effects, limits)
        except Crash:
            world.clock += 1
            continue
        except CredguardError as error:
            last, asked = error, asked + 1
            world.clock += 60 if asked < 4 else TICK_S
            if asked > 30:
                break
            continue
        if last is None:
            break
        asked = asked + 1 if last.step.action is Action.ASK else 0
        if asked > 3:
            break
        _advance(world, last)
    _named(world, last)
    return last


def _named(world: World, last: Ended | CredguardError | None) -> None:
    """H10: each key is someone else's, in the vault, or has its name in journal or question."""
    told = str(last) if isinstance(last, CredguardError) else last.step.why if last else ""
    record = world.journal
    named = {record.old_id, record.new_id, record.stray_id} if record else set()
    if record is not None and record.state is State.INTENT and not record.stray_id:
        return  # it says that one may exist, and no list was to be had
    for key_id in set(world.keys) - world.foreign - set(world.vault) - named - world.killed:
        assert key_id in told, ("H10", key_id, told, world.log)
    if last is not None:
        assert told, ("it neither ends nor says why", world.log)


def over(world: World) -> None:
    """H7: one key in IAM and vault, which is handed out; nothing on the way."""
    assert world.journal is None, world.log
    assert set(world.keys) - world.foreign == {world.handed_out}, world.log
    assert set(world.vault) == {world.handed_out}, world.log
    assert world.works(world.handed_out), world.log


def finish(
    world: World,
    limits: Limits,
    points: Points | None = None,
    fail: Callable[[int], Fail | None] | None = None,
    meddle: Callable[[int, int], None] | None = None,
    attempt: Attempt = rotate,
) -> None:
    """`run`, which must come to its end by itself (H7)."""
    last = run(world, limits, points, fail, meddle, attempt)
    assert last is None, (last, world.log)
    over(world)
    if attempt is rotate:
        assert world.handed_out != OLD, world.log


def changes(world: World, limits: Limits, attempt: Attempt = rotate) -> list[int]:
    """How many changes each run makes that is not interrupted."""
    return [effects.changes for effects in _runs(world, limits, attempt)]


def calls(world: World, limits: Limits, attempt: Attempt = rotate) -> list[int]:
    """How many effects each run calls that is not interrupted."""
    return [effects.calls for effects in _runs(world, limits, attempt)]


def _runs(world: World, limits: Limits, attempt: Attempt) -> Iterator[FakeEffects]:
    world.grace, world.soak = limits.grace, limits.soak
    for _ in range(RUNS):
        effects = FakeEffects(world)
        try:
            ended = attempt(world, effects, limits)
        except CredguardError:
            world.clock += 60
            yield effects
            continue
        yield effects
        if ended is None:
            return
        _advance(world, ended)
    raise AssertionError(world.log)


def singles(lengths: list[int]) -> Iterator[Points]:
    """Each crash point of each run."""
    for number, length in enumerate(lengths):
        for change in range(1, length + 1):
            for moment in MOMENTS:
                yield {(number, moment): change}


def doubles(lengths: list[int]) -> Iterator[Points]:
    """Each crash point of each run, then each of the run after it and of the one after that."""
    longest = max(lengths)
    for first in singles(lengths):
        ((number, _moment),) = first
        for later in (number + 1, number + 2):
            for change in range(1, longest + 1):
                for moment in MOMENTS:
                    yield {**first, (later, moment): change}


def with_mode(world: World, mode: Mode) -> World:
    """`world`, its rotation in `mode`."""
    assert world.journal is not None
    world.journal = replace(world.journal, mode=mode)
    return world
