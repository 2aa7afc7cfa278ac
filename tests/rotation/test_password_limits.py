"""Single decisions of a password change, each record compared whole."""

from dataclasses import replace

import pytest

from credguard.errors import AwsError, NetworkDown, Throttled
from credguard.rotation import password
from credguard.rotation.password import (
    Action,
    Record,
    State,
    Step,
    from_json,
    maybe_in_force,
    next_step,
    numbers,
)
from credguard.rotation.password_driver import begin, reopen, resume
from tests.rotation.password_world import Crash, FakeEffects, World

SENT = Record("i", State.SENT, (7,), 8, 5.0, doubted=True)


def written(world: World, record: Record) -> Record:
    """The first record that `resume` journals, going on from `record`."""
    world.journal = record

    def crash(number: int, moment: str) -> None:
        if moment == "after" and world.journal is not record:
            raise Crash

    with pytest.raises(Crash):
        resume(FakeEffects(world, crash), record)
    assert world.journal is not None
    return world.journal


@pytest.mark.parametrize(
    ("record", "held", "step"),
    [
        (replace(SENT, state=State.INTENT), {7}, Step(Action.STORE, 8)),
        (replace(SENT, state=State.INTENT), {8}, Step(Action.GIVE_UP, 8)),
        (replace(SENT, state=State.INTENT, doubted=False), {8}, Step(Action.ABANDON, 8)),
        (replace(SENT, pending=7), {7, 8}, Step(Action.DOUBT, 8)),
        (SENT, {7}, Step(Action.STORE, 8)),
        (SENT, {7, 8}, Step(Action.CHANGE, 7)),
        (replace(SENT, known=(6, 7), refused=(6,)), {6, 7, 8}, Step(Action.CHANGE, 7)),
        (replace(SENT, known=(6, 7)), {7, 8}, Step(Action.CHANGE, 7)),
        (replace(SENT, refused=(7,), doubt=True), {7, 8}, Step(Action.RETARGET, 8)),
        (replace(SENT, refused=(7,)), {7, 8}, Step(Action.AGAIN, 8)),
        (replace(SENT, refused=(7,), again=True), {7, 8}, Step(Action.GIVE_UP, 8)),
        (replace(SENT, refused=(7,), doubted=False), {7, 8}, Step(Action.ABANDON, 8)),
        (replace(SENT, state=State.CHANGED), {7, 8}, Step(Action.SWITCH, 8)),
        (replace(SENT, state=State.SWITCHED), {7, 8}, Step(Action.FORGET, 8)),
        (replace(SENT, state=State.UNKNOWN), {7, 8}, Step(Action.ASK, 8)),
    ],
)
def test_what_comes_next(record: Record, held: set[int], step: Step) -> None:
    assert next_step(record, frozenset(held)) == step


def test_going_on_from_the_maybe_new_one_begins_both_rounds_anew() -> None:
    world = World(vault={7: "kept", 8: "made"}, in_force="made")
    record = replace(SENT, refused=(7,), doubt=True, again=True)
    after = Record("i", State.INTENT, (8, 7), 9, 5.0, doubted=True)
    assert written(world, record) == after


def test_the_second_round_asks_all_again_after_a_pause() -> None:
    world = World(vault={7: "kept", 8: "made"}, in_force="kept")
    begun = world.clock
    assert written(world, replace(SENT, refused=(7,))) == replace(SENT, again=True)
    assert world.clock == begun + 5


def test_giving_up_keeps_what_may_be_in_force_but_what_was_typed() -> None:
    world = World(vault={6: "typed", 7: "kept", 8: "made"}, in_force="kept")
    world.person = {"kept"}
    record = replace(SENT, known=(6, 7), refused=(6, 7), given=6, again=True)
    ended = resume(FakeEffects(world), record)
    kept = replace(SENT, state=State.UNKNOWN, known=(7,), again=True)
    assert (world.journal, ended.record, ended.done) == (kept, kept, False)
    assert set(world.vault) == {7, 8}


@pytest.mark.parametrize("given", [True, False])
def test_a_doubt_is_reopened_from_the_start(given: bool) -> None:
    unknown = replace(SENT, state=State.UNKNOWN, refused=(7,), again=True)
    world = World(vault={7: "kept"}, in_force="kept", journal=unknown)
    after = reopen(FakeEffects(world), unknown, given)
    if given:
        known = Record("i", State.INTENT, (8, 7), 9, 5.0, given=8, doubted=True)
    else:
        known = Record("i", State.INTENT, (7,), 8, 5.0, doubted=True)
    assert after == known == world.journal


def test_an_answer_that_says_nothing_is_told_in_its_own_words() -> None:
    world = World(vault={7: "kept"}, in_force="kept")
    effects = FakeEffects(world)

    def odd(old: int, new: int) -> None:
        raise AwsError("half an answer", hint="look")

    effects.change = odd  # type: ignore[method-assign]
    with pytest.raises(NetworkDown, match="half an answer") as told:
        resume(effects, Record("i", State.INTENT, (7,), 8, 5.0))
    assert told.value.hint == "look"

    lost = NetworkDown("no answer")

    def unanswered(old: int, new: int) -> None:
        raise lost

    effects.change = unanswered  # type: ignore[method-assign]
    with pytest.raises(NetworkDown) as same:
        resume(effects, SENT)
    assert same.value is lost


def test_what_was_taken_is_no_longer_on_the_wire() -> None:
    world = World(vault={7: "kept", 8: "made"}, in_force="kept")
    effects, seen = FakeEffects(world), list[Record | None]()
    taken = effects.switch

    def switch(record: Record) -> None:
        seen.append(world.journal)
        taken(record)

    effects.switch = switch  # type: ignore[method-assign]
    assert resume(effects, SENT).done
    assert seen == [replace(SENT, state=State.CHANGED)]


def test_without_a_password_to_begin_from_there_is_no_reason_of_aws() -> None:
    world = World(in_force="other", person={"other"})
    ended = resume(FakeEffects(world), Record("i", State.INTENT, (7,), 8, 5.0))
    assert (ended.record, ended.done, ended.error) == (None, False, None)


def test_what_leaves_all_as_before_is_not_done() -> None:
    world = World(vault={7: "kept"}, in_force="other", person={"other"})
    ended = resume(FakeEffects(world), Record("i", State.INTENT, (7,), 8, 5.0))
    assert (ended.record, ended.done, world.journal) == (None, False, None)


@pytest.mark.parametrize(("minimum", "length"), [(None, 32), (33, 33), (129, 128)])
def test_every_place_is_drawn_and_shuffled(minimum: int | None, length: int) -> None:
    asked: list[int] = []

    def below(limit: int) -> int:
        asked.append(limit)
        return 0

    password.generate(minimum, below)
    sizes = [24, 25, 8, 9]
    assert asked == [*sizes, *[sum(sizes)] * (length - 4), *range(length, 1, -1)]


def test_a_reason_that_is_not_the_password_takes_the_request_off_the_wire() -> None:
    world = World(vault={7: "kept", 8: "made"}, in_force="kept")
    effects = FakeEffects(world)

    def refuse(old: int, new: int) -> None:
        raise Throttled("slow down")

    effects.change = refuse  # type: ignore[method-assign]
    with pytest.raises(Throttled):
        resume(effects, SENT)
    assert world.journal == SENT


def test_the_intent_goes_above_all_that_was() -> None:
    for known, last in (((7,), 9), ((9, 7), 8)):
        world = World(vault={7: "kept"}, in_force="kept")
        record = begin(FakeEffects(world), "i", known, 7, last)
        assert record == world.journal == Record("i", State.INTENT, known, 10, 1_000_000.0, 7)


def test_every_generation_that_a_record_speaks_of() -> None:
    assert numbers(replace(SENT, known=(7, 5))) == {5, 7, 8}
    assert numbers(replace(SENT, given=6)) == {6, 7, 8}


@pytest.mark.parametrize(
    ("record", "maybe"),
    [
        (replace(SENT, state=State.INTENT, pending=7, doubt=True), (7,)),
        (SENT, (7,)),
        (replace(SENT, pending=7), (8, 7)),
        (replace(SENT, doubt=True), (8, 7)),
        (replace(SENT, state=State.CHANGED), (8,)),
        (replace(SENT, state=State.SWITCHED), (8,)),
        (replace(SENT, state=State.UNKNOWN, known=(6, 7)), (6, 7)),
    ],
)
def test_what_a_person_should_try(record: Record, maybe: tuple[int, ...]) -> None:
    assert maybe_in_force(record) == maybe


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"known": ["7"]}, "^a generation is not a number$"),
        ({"known": [True]}, "^a generation is not a number$"),
        ({"refused": [None]}, "^a generation is not a number$"),
        ({"given": "7"}, "^a generation is not a number$"),
        ({"pending": 7.0}, "^a generation is not a number$"),
        ({"known": [9]}, "^the generation to come is not a new one$"),
        ({"known": [8, 7]}, "^the generation to come is not a new one$"),
        ({"state": "elsewhere"}, "elsewhere"),
    ],
)
def test_a_damaged_row_is_refused(damage: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_json({**SENT.to_json(), **damage})
