"""What others do meanwhile, before every call of every run: clock, console, vault, policy, use.

A rotation then ends, or stops with a question or an error; whatever worked before goes on working,
and once the cause is gone the rotation ends by itself.
"""

import itertools
from collections.abc import Callable, Iterator

import pytest

from credguard.errors import CredguardError
from credguard.rotation.driver import Ended
from credguard.rotation.model import Action, Limits, Record, State, Use
from credguard.secret import Secret
from tests.rotation.schedules import (
    DEFAULT,
    ZERO,
    Attempt,
    back,
    calls,
    emergency,
    finish,
    over,
    reached,
    rotate,
    run,
)
from tests.rotation.world import OLD, SECRET, FakeEffects, World

DAY = 86400.0

LIMITS = pytest.mark.parametrize("limits", [ZERO, DEFAULT], ids=["zero", "default"])
FAULTS = pytest.mark.parametrize("fault", ["", "lost"])


def _new(world: World) -> str:
    return next((each for each in world.keys if each not in {OLD, *world.foreign}), "nobody")


def _foreign(world: World) -> None:
    # In the minute of a lost request nothing but the last use tells whose key it is.
    if len(world.keys) < 2 and (world.journal is None or world.journal.state is not State.INTENT):
        world.add_foreign("theirs")


def _use_old(world: World) -> None:
    world.keys[OLD].used = Use(world.clock, "s3", "eu-west-1")


def _deny(*names: str) -> Callable[[World], None]:
    return lambda world: world.denied.update(names)


ACTIONS: dict[str, Callable[[World], None]] = {
    "the old key is deleted": lambda world: world.kill(OLD, "deleted"),
    "the new key is deleted": lambda world: world.kill(_new(world), "deleted"),
    "the old key is deactivated": lambda world: world.kill(OLD, "deactivated"),
    "the new key is deactivated": lambda world: world.kill(_new(world), "deactivated"),
    "the old key is activated": lambda world: world.wake(OLD),
    "the new key is activated": lambda world: world.wake(_new(world)),
    "the vault loses the old key": lambda world: world.kill(OLD, "lost"),
    "the vault loses the new key": lambda world: world.kill(_new(world), "lost"),
    "AWS rejects the new key": lambda world: world.kill(_new(world), "rejected"),
    "AWS rejects the old key": lambda world: world.kill(OLD, "rejected"),
    "everything is denied": _deny("listed", "create", "set_active", "delete", "used"),
    "deleting is denied": _deny("delete"),
    "deactivating is denied": _deny("set_active"),
    "the last use is denied": _deny("used"),
    "somebody makes a key": _foreign,
    "the old key is used elsewhere": lambda world: (OLD in world.keys and _use_old(world)) or None,
}


def _moments(lengths: list[int]) -> Iterator[tuple[int, int]]:
    for number, length in enumerate(lengths):
        for call in range(1, length + 1):
            yield number, call


def _at(moment: tuple[int, int], act: Callable[[], None]) -> Callable[[int, int], None]:
    return lambda number, call: act() if (number, call) == moment else None


def _stated(last: Ended | CredguardError | None, world: World) -> None:
    if isinstance(last, Ended):
        assert last.step.action is Action.ASK, (last, world.log)
        assert last.step.why


def _heal(world: World) -> None:
    """What a person can put right again."""
    world.denied.clear()
    world.refused.clear()
    world.person = True
    record = world.journal
    if record is not None and record.stray_id is not None:
        world.remove(record.stray_id)
    for key_id in {world.handed_out, *_keys_of(record)} & set(world.keys):
        world.keys[key_id].used = Use(None)
        if key_id == world.handed_out or (record and record.state is not State.DEACTIVATED):
            world.set_active(key_id, True)
        world.vault[key_id] = Secret(SECRET + key_id)
    world.killed.clear()


def _keys_of(record: Record | None) -> set[str]:
    if record is None or record.state is State.DELETED:
        return set()
    return {record.old_id, record.new_id or record.old_id}


@LIMITS
@FAULTS
@pytest.mark.parametrize("name", ACTIONS)
def test_a_rotation_while_others_act(limits: Limits, fault: str, name: str) -> None:
    for moment in _moments(calls(World(fault=fault), limits)):
        world = World(fault=fault)
        act = ACTIONS[name]
        last = run(world, limits, meddle=_at(moment, lambda act=act, world=world: act(world)))
        _stated(last, world)
        if last is None or "delete" in name or "makes" in name:
            continue
        _heal(world)
        last = run(world, limits)
        assert last is None, (name, moment, last, world.log)
        over(world)


@pytest.mark.parametrize("attempt", [back, emergency], ids=["back", "emergency"])
@pytest.mark.parametrize("name", ACTIONS)
def test_a_decision_while_others_act(attempt: Attempt, name: str) -> None:
    for state in State:
        if state is State.DELETED:
            continue
        start = reached(state, DEFAULT)
        for moment in _moments(calls(start.copy(), DEFAULT, attempt)):
            world = start.copy()
            act = ACTIONS[name]
            _stated(
                run(
                    world,
                    DEFAULT,
                    meddle=_at(moment, lambda act=act, world=world: act(world)),
                    attempt=attempt,
                ),
                world,
            )


@pytest.mark.slow
@LIMITS
@FAULTS
@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(ACTIONS, 2)))
def test_a_rotation_while_two_things_happen(limits: Limits, fault: str, one: str, two: str) -> None:
    moments = list(_moments(calls(World(fault=fault), limits)))
    for first, second in itertools.combinations(moments[::4], 2):
        world = World(fault=fault)

        def meddle(number: int, call: int, world=world, first=first, second=second) -> None:  # type: ignore[no-untyped-def]
            if (number, call) == first:
                ACTIONS[one](world)
            elif (number, call) == second:
                ACTIONS[two](world)

        _stated(run(world, limits, meddle=meddle), world)


@LIMITS
@FAULTS
@pytest.mark.parametrize("attempt", [rotate, emergency], ids=["rotate", "emergency"])
@pytest.mark.parametrize("hours", [-24 * 30, -24, -1, -0.05, 0.05, 1, 24, 24 * 30])
def test_a_clock_that_jumps_and_is_set_right(
    limits: Limits, fault: str, attempt: Attempt, hours: float
) -> None:
    for moment in _moments(calls(World(fault=fault), limits, attempt)):
        world = World(fault=fault)

        def meddle(number: int, call: int, world=world, moment=moment) -> None:  # type: ignore[no-untyped-def]
            if (number, call) == moment:
                world.ahead = hours * 3600
            elif number > moment[0] + 1:
                world.ahead = 0.0

        last = run(world, limits, meddle=meddle, attempt=attempt)
        assert last is None, (moment, last, world.log)
        over(world)


@LIMITS
@pytest.mark.parametrize("hours", [-24, 24, 24 * 30])
def test_a_clock_that_stays_wrong_is_told(limits: Limits, hours: float) -> None:
    for moment in _moments(calls(World(), limits)):
        world = World()

        def jump(world=world) -> None:  # type: ignore[no-untyped-def]
            world.ahead = hours * 3600

        last = run(world, limits, meddle=_at(moment, jump))
        if last is not None:
            assert "clock" in (last.step.why if isinstance(last, Ended) else str(last))
        assert world.works(world.handed_out)


@pytest.mark.parametrize("ahead", [-290.0, -200.0, 200.0, 290.0])
def test_a_stray_is_known_for_ours_by_a_clock_that_is_a_little_off(ahead: float) -> None:
    finish(World(fault="lost", ahead=ahead), DEFAULT)


def test_use_elsewhere_blocks_until_a_person_decides_and_no_longer() -> None:
    world = World()

    def meddle(number: int, _call: int) -> None:
        if number == 1:
            world.keys[OLD].used = Use(world.clock, "s3", "eu-west-1")

    last = run(world, DEFAULT, meddle=meddle)
    assert isinstance(last, Ended)
    assert "s3 in eu-west-1" in last.step.why
    assert world.keys[OLD].active
    world.person = True
    finish(world, DEFAULT)


def test_a_key_that_was_said_to_be_used_elsewhere_stays() -> None:
    world = World(elsewhere=True)
    last = run(world, DEFAULT)
    assert isinstance(last, Ended)
    assert last.step.why.startswith("blocked")
    finish(World(elsewhere=True), DEFAULT, attempt=emergency)


def test_the_grace_outlasts_what_clients_were_handed() -> None:
    world = World()
    world.own_use_until = world.clock + 3 * DAY
    last = run(world, Limits(1, 0, 0, 3), meddle=lambda _n, _c: None)
    assert last is None
    assert world.deactivated == {} or min(world.deactivated.values()) >= world.own_use_until


def test_a_grace_of_zero_is_the_persons_word_and_waits_for_nobody() -> None:
    world = World()
    world.own_use_until = world.clock + 3 * DAY
    assert run(world, ZERO) is None
    assert list(world.keys) == [world.handed_out] != [OLD]


def test_the_grace_outlasts_the_sessions_that_were_got_with_the_key() -> None:
    world = World()
    world.sessions_until = world.clock + 3 * DAY
    assert run(world, Limits(1, 0, 0, 3), meddle=lambda _n, _c: None) is None
    assert min(world.deactivated.values()) >= world.sessions_until


def test_a_stray_that_somebody_activates_is_theirs_to_decide() -> None:
    world = World(fault="lost")
    woken = []

    def meddle(number: int, _call: int) -> None:
        if number and "new1" in world.keys and not woken:
            world.set_active("new1", True)
            woken.append(number)

    last = run(world, DEFAULT, meddle=meddle)
    assert isinstance(last, Ended)
    assert "new1" in last.step.why
    assert "new1" in world.keys
    assert world.keys["new1"].active


def test_a_lost_vault_item_is_noticed_while_time_has_to_pass() -> None:
    world = reached(State.SWITCHED, DEFAULT)
    del world.vault[_new(world)]
    world.log.append("turned")  # only go on
    last = run(world, DEFAULT, attempt=back)
    assert last is None
    assert world.handed_out == OLD
    assert world.works(OLD)
    assert world.switched < 1_000_000 + 7200  # within the hour, not after a day


def test_an_emergency_never_goes_back_to_the_leaked_key_by_itself() -> None:
    for moment in _moments(calls(World(), DEFAULT, emergency)):
        world = World()
        meddle = _at(moment, lambda world=world: world.refused.add(_new(world)))
        run(world, DEFAULT, meddle=meddle, attempt=emergency)
        switched = [each for each in world.log if each.startswith("switch ")]
        assert f"switch {OLD}" not in switched


def test_ticks_while_only_time_has_to_pass_ask_nothing_and_write_nothing() -> None:
    world = World()
    asked = []

    def hourly(world: World, effects, limits):  # type: ignore[no-untyped-def]
        before = world.requests, world.writes
        ended = rotate(world, effects, limits)
        if ended is not None and world.journal.state in {State.SWITCHED, State.DEACTIVATED}:
            asked.append((world.requests - before[0], world.writes - before[1]))
        return ended

    world.grace, world.soak = DEFAULT.grace, DEFAULT.soak
    for _ in range(9 * 24):
        if hourly(world, FakeEffects(world), DEFAULT) is None:
            break
        world.clock += 3600
    over(world)
    assert len([each for each in asked if each != (0, 0)]) == 2
    assert len(asked) > 180


@LIMITS
def test_requests_of_a_good_rotation(limits: Limits) -> None:
    world = World()
    finish(world, limits)
    # Before it: who am I, two permissions, the last use; `listed` is counted.
    assert world.requests + 4 <= 24
    assert world.proofs == 3
    assert world.creates == 1


def test_a_question_that_stays_is_journalled_once() -> None:
    world = World(elsewhere=True)
    run(world, DEFAULT)
    before = world.writes
    run(world, DEFAULT)
    assert world.writes == before
