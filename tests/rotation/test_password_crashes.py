"""Every crash point of a password change, single and double, times every fault: enumerated."""

import contextlib
import itertools

import pytest

from credguard.errors import (
    AwsError,
    CredguardError,
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    TemporarilyUnmodifiable,
    Throttled,
)
from credguard.rotation.password import State, maybe_in_force
from credguard.rotation.password_driver import Ended, begin, reopen, resume
from tests.rotation.password_world import TYPED, Crash, FakeEffects, World

KINDS = ("", "lost", "down", "stale")
MOMENTS = ("before", "after")


def world_of(first: bool, faults: tuple[str, ...] = (), reuse: bool | None = None) -> World:
    world = World(list(faults), reuse)
    if not first:
        world.pointer, world.vault, world.in_force, world.person = 7, {7: "kept"}, "kept", set()
    return world


def run(world: World, effects: FakeEffects, given: str | None) -> Ended:
    """One `credguard password rotate`, as the use case does it."""
    record = world.journal
    if record is not None and record.state is not State.UNKNOWN:
        ended = resume(effects, record)
        if ended.done or given is None:
            return ended
        record = ended.record
    if record is not None:
        record = reopen(effects, record, given is not None)
        if given is not None and record.given is not None:
            effects.put(record.given, given)
    elif given is not None:
        last = (world.pointer or 0) + 1
        known = (last,) if world.pointer is None else (last, world.pointer)
        record = begin(effects, "i", known, last, last)
        effects.put(last, given)
    else:
        assert world.pointer is not None
        record = begin(effects, "i", (world.pointer,), None, world.pointer)
    return resume(effects, record)


def finish(world: World, points: dict[tuple[int, str], int]) -> None:
    """Run until a change was done, crashing at the n-th effect of each run as `points` says."""
    for number in range(12):

        def crash(at: int, moment: str, number: int = number) -> None:
            if points.get((number, moment)) == at:
                raise Crash

        given = TYPED if world.pointer is None and world.in_force == TYPED else None
        if given is None and world.pointer is None and world.journal is None:
            raise AssertionError(f"nobody can go on {world.log}")
        try:
            if run(world, FakeEffects(world, crash), given).done:
                break
        except Crash:
            world.clock += 1
        except CredguardError:
            world.clock += 60
    assert world.journal is None, world.log
    assert world.pointer is not None, world.log
    assert world.vault == {world.pointer: world.in_force}, world.log
    assert world.in_force not in {TYPED, "kept"}


def effects_of(first: bool, faults: tuple[str, ...], reuse: bool | None) -> int:
    """The number of effects of the longest run without a crash."""
    world, longest = world_of(first, faults, reuse), 0
    for _ in range(12):
        effects = FakeEffects(world)
        done = False
        try:
            done = run(world, effects, TYPED if first and world.in_force == TYPED else None).done
        except CredguardError:
            world.clock += 60
        longest = max(longest, effects.changes)
        if done:
            return longest
    raise AssertionError(world.log)


SCRIPTS = [script for n in range(4) for script in itertools.product(KINDS, repeat=n)]


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("reuse", [None, True, False], ids=["reuse", "policy-first", "old-first"])
def test_every_single_crash_point(first: bool, reuse: bool | None) -> None:
    ran = 0
    for script in SCRIPTS:
        for at in range(1, effects_of(first, script, reuse) + 4):
            for moment, number in itertools.product(MOMENTS, range(3)):
                finish(world_of(first, script, reuse), {(number, moment): at})
                ran += 1
    assert ran > 3000


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("reuse", [None, True, False], ids=["reuse", "policy-first", "old-first"])
def test_every_double_crash_point(first: bool, reuse: bool | None) -> None:
    for script in SCRIPTS:
        if len(script) > 2:
            continue
        points = range(1, effects_of(first, script, reuse) + 4)
        for one, a, two, b in itertools.product(points, MOMENTS, points, MOMENTS):
            finish(world_of(first, script, reuse), {(0, a): one, (1, b): two})


@pytest.mark.parametrize("reuse", [None, True, False])
@pytest.mark.parametrize("at", range(1, 14))
def test_a_change_at_the_console_midway_keeps_all_and_says_so(at: int, reuse: bool | None) -> None:
    """After a crash somebody sets another password: never passed off as fine, nothing dropped."""
    world = world_of(False, ("lost",), reuse)

    def crash(number: int, moment: str) -> None:
        if number == at and moment == "after":
            raise Crash

    with contextlib.suppress(Crash):
        run(world, FakeEffects(world, crash), None)
    if world.journal is None or world.journal.state in {State.CHANGED, State.SWITCHED}:
        return  # the change is proven or over
    tried = {world.in_force}
    world.history.append(world.in_force)
    world.in_force = "console"
    world.person = {"console"}
    ended = run(world, FakeEffects(world), None)
    assert not ended.done
    assert ended.error is not None
    if ended.record is not None:
        assert ended.record.state is State.UNKNOWN
        maybe = maybe_in_force(ended.record)
        assert tried <= {world.vault[each] for each in maybe}
        assert set(maybe) <= set(world.vault)
        wrong = run(world, FakeEffects(world), "mistyped")
        assert wrong.record is not None
        assert maybe_in_force(wrong.record) == maybe
        assert "mistyped" not in world.vault.values()
    else:
        assert world.vault == {7: "kept"}
    assert run(world, FakeEffects(world), "console").done
    assert world.pointer is not None
    assert world.vault == {world.pointer: world.in_force}


def test_a_mistyped_first_password_leaves_nothing() -> None:
    world = world_of(True)
    ended = run(world, FakeEffects(world), "mistyped")
    assert not ended.done
    assert ended.record is None
    assert ended.error is not None
    assert (world.vault, world.journal, world.pointer, world.calls) == ({}, None, None, 1)


def test_the_plain_way_is_one_request() -> None:
    world = world_of(False)
    assert run(world, FakeEffects(world), None).done
    assert world.calls == 1
    assert world.vault == {8: "made1"}


def test_a_lost_answer_is_found_out_in_the_same_run() -> None:
    world = world_of(False, ("lost",))
    assert run(world, FakeEffects(world), None).done
    assert world.calls == 3  # again: refused; on from the maybe-new one: taken
    assert set(world.vault) == {9}


def test_no_network_ends_after_two_requests_and_keeps_both() -> None:
    world = world_of(False, ("down",) * 9)
    with pytest.raises(NetworkDown):
        run(world, FakeEffects(world), None)
    assert world.calls == 2
    assert world.vault[7] == "kept"
    assert world.journal is not None
    assert maybe_in_force(world.journal) == (8, 7)


def test_a_replica_that_is_behind_is_asked_again() -> None:
    world = world_of(False, ("lost", "", "stale"))
    assert run(world, FakeEffects(world), None).done
    assert world.calls == 5
    assert list(world.vault.values()) == [world.in_force]


def test_an_answer_that_was_journalled_is_not_asked_for_again() -> None:
    world = world_of(False)

    def crash(number: int, moment: str) -> None:
        if world.journal is not None and world.journal.state is State.CHANGED:
            raise Crash

    with pytest.raises(Crash):
        run(world, FakeEffects(world, crash), None)
    assert run(world, FakeEffects(world), None).done
    assert world.calls == 1


@pytest.mark.parametrize("script", [each for each in SCRIPTS if len(each) < 3])
@pytest.mark.parametrize("at", range(1, 12))
def test_items_deleted_by_hand_midway(at: int, script: tuple[str, ...]) -> None:
    """Whatever item goes: it ends in the truth, or in a stated doubt that a person can resolve."""
    for gone in (7, 8, 9):
        world = world_of(False, script)

        def crash(number: int, moment: str) -> None:
            if number == at and moment == "after":
                raise Crash

        with contextlib.suppress(Crash, CredguardError):
            run(world, FakeEffects(world, crash), None)
        world.person = {world.in_force}  # deleting is the person's own doing
        world.vault.pop(gone, None)
        for _ in range(3):
            with contextlib.suppress(CredguardError):
                if run(world, FakeEffects(world), None).done:
                    break
        world.faults.clear()
        if world.journal is None and world.pointer in world.vault:
            assert world.vault[world.pointer] == world.in_force
        assert run(world, FakeEffects(world), world.in_force).done
        assert world.pointer is not None
        assert world.vault == {world.pointer: world.in_force}


@pytest.mark.parametrize("reason", [Throttled, NoSuchEntity, TemporarilyUnmodifiable, InvalidKey])
def test_a_reason_that_is_not_the_password_leaves_all_as_it_was(reason: type[AwsError]) -> None:
    world = world_of(False)
    effects = FakeEffects(world)

    def refuse(old: int, new: int) -> None:
        raise reason("no")

    effects.change = refuse  # type: ignore[method-assign]
    with pytest.raises(reason):
        run(world, effects, None)
    assert (world.vault, world.journal, world.pointer) == ({7: "kept"}, None, 7)
    world.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        run(world, FakeEffects(world), None)
    with pytest.raises(reason):
        run(world, effects, None)
    assert world.in_force in world.vault.values()
    assert run(world, FakeEffects(world), None).done
